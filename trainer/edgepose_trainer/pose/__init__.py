"""Trains the pose network: pictures and people, teacher's labels, augmentation, network, losses, export."""

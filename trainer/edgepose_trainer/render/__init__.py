"""Draws tennis players and their court as a camera would see them; no GPU."""

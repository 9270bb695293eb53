"""EdgePose on the device: a camera goes in, strokes come out as MQTT events."""

__version__ = "0.1.0"

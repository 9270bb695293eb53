"""EdgePose on the workstation: recorded sessions go in, models and reports come out."""

"""A statistical model of how tennis players move, learned from motion capture: strokes, ready stance, footwork."""

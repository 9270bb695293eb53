"""``edgepose label``: a page on this machine to mark a session's strokes on; writes labels.csv (contracts §1)."""

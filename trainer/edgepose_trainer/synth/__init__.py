"""Synthetic court sessions with exact truth: `edgepose synth`."""

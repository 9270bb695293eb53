"""Real data and models beside the checkout; tests that need them are skipped where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"
VIDEO = SHARED / "data" / "video"
STROKES = SHARED / "data" / "strokes"
MOVENET = SHARED / "models" / "movenet_single_pose_lightning_ptq.tflite"
POSENET = SHARED / "models" / "posenet_mobilenet_v1_075_353_481_quant.tflite"


def needs(*paths: Path) -> pytest.MarkDecorator:
    """Skips where a real file is missing."""
    missing = [path.name for path in paths if not path.exists()]
    return pytest.mark.skipif(bool(missing), reason=f"real data not beside the checkout: {', '.join(missing)}")

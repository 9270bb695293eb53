"""Heat maps of errors, joint × frame, as in the 3DAT article: one picture inside an SVG with its scale."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np
from numpy.typing import NDArray

MOST_MM = 200.0
"""The brightest colour; larger errors have it, too."""
_LEFT, _ROW, _WIDTH, _SCALE = 92, 13, 760, 62
_LABELS = 5


def drawn(errors_mm: NDArray[np.float64], joints: Sequence[str], times_s: NDArray[np.float64], says: str) -> str:
    """(F, J) mm -> SVG; what is NaN shows the page. Dark is exact, bright is ``MOST_MM``."""
    high = _ROW * len(joints)
    names = "".join(
        f'<text x="{_LEFT - 6}" y="{_ROW * at + 11}" text-anchor="end" style="font-size:11px">{escape(joint)}</text>'
        for at, joint in enumerate(joints)
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {high + 22}" role="img" style="max-width:{_WIDTH}px" aria-label="{escape(says)}">'
        f"{names}{_image(_colours(errors_mm.T), _LEFT, 0, _WIDTH - _LEFT - _SCALE, high)}"
        f"{_times(times_s, high)}{_legend(high)}</svg>"
    )


def _colours(errors_mm: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(H, W) mm -> (H, W, 4) BGRA."""
    level = np.nan_to_num(np.clip(errors_mm / MOST_MM, 0, 1) * 255).astype(np.uint8)
    colours = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
    alpha = np.where(np.isfinite(errors_mm), 255, 0).astype(np.uint8)
    return np.dstack([colours, alpha])


def _image(pixels: NDArray[np.uint8], x: float, y: float, width: float, height: float) -> str:
    _, encoded = cv2.imencode(".png", pixels)
    data = base64.b64encode(encoded.tobytes()).decode("ascii")
    return (
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


def _times(times_s: NDArray[np.float64], high: int) -> str:
    inner = _WIDTH - _LEFT - _SCALE
    at = np.linspace(0, len(times_s) - 1, _LABELS).round().astype(int)
    return "".join(
        f'<text x="{_LEFT + inner * (place + 0.5) / len(times_s):.1f}" y="{high + 15}" text-anchor="middle" '
        f'style="font-size:11px">{times_s[place]:.1f} s</text>'
        for place in dict.fromkeys(at.tolist())
    )


def _legend(high: int) -> str:
    levels = np.linspace(MOST_MM, 0, 64)[:, None]
    x = _WIDTH - _SCALE + 8
    words = ((11, f"{MOST_MM:.0f}"), (high / 2 + 4, f"{MOST_MM / 2:.0f}"), (high - 2, "0 mm"))
    said = "".join(f'<text x="{x + 12}" y="{y:g}" style="font-size:10px">{text}</text>' for y, text in words)
    return _image(_colours(levels), x, 0, 8, high) + said

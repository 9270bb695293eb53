"""Other people's data as labelled recordings, one file a data set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from edgepose.skeletons import COCO17
from edgepose.types import Float32


def keypoints(table: pa.Table, columns: Mapping[str, str]) -> Float32:
    """(N, 17, 3) from columns ``<name>_x``, ``<name>_y``; ``columns`` maps joint -> name; null is NaN."""
    out = np.zeros((table.num_rows, len(COCO17), 3), np.float32)
    out[..., :2] = np.nan
    for joint, name in columns.items():
        for axis, suffix in enumerate("xy"):
            values = table.column(f"{name}_{suffix}").to_numpy()
            out[:, COCO17.index(joint), axis] = values
    known = ~np.isnan(out[..., :2]).any(axis=2)
    out[~known, :2] = np.nan
    out[..., 2] = known
    return out

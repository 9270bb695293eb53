"""Presets of the stroke training: labels, windows, features and settings that go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from edgepose.card import SpotterSpec
from edgepose_trainer.boosting import Boosting
from edgepose_trainer.recordings import IDLE
from edgepose_trainer.samples import Worse


@dataclass(frozen=True)
class Preset:
    """What is trained; a new sport needs ``any`` only."""

    name: str | None
    """Of the model; None: that of the folder it is written to."""
    labels: tuple[str, ...] | None
    """None: those of the data, idle first."""
    limits: str
    features: str = "tennis-1"
    restore_aspect: bool = True
    """Squeezed boxes get a likely width back, so that they may be pooled with true pictures."""
    worse: Worse = field(default_factory=Worse)
    boosting: Boosting = field(default_factory=Boosting)
    hop_s: Mapping[str, float] = field(default_factory=dict)
    """Data sets of which a window every so many seconds is enough."""
    most: int = 1_000_000
    """Windows of one label of one data set that are learnt from; four times as many of idle."""
    folds: int | None = 4
    """Of held-out groups; None: every group alone."""
    spotter: SpotterSpec = field(default_factory=SpotterSpec)
    """Where no folds choose the thresholds."""


PRESETS = MappingProxyType(
    {
        "tennis": Preset(
            "tennis-strokes",
            (
                IDLE,
                "forehand",
                "backhand",
                "forehand_slice",
                "backhand_slice",
                "serve",
                "smash",
                "forehand_volley",
                "backhand_volley",
            ),
            "Slices come from a Kinect in a hall and from made rallies (plain strokes whose wrists were moved as the "
            "Kinect saw it), smashes and volleys from motion capture seen by virtual cameras, none from a match: smash "
            "and serve, volley and ground stroke are often told for one another, slices as plain strokes.",
            features="tennis-2",
            boosting=Boosting(rate=0.12, most_rounds=260, features=0.1, rows=0.4),
            hop_s=MappingProxyType({"mocap": 0.18, "synth": 0.18, "thetis": 0.1}),
            most=3000,
            folds=3,
            spotter=SpotterSpec(enter=0.5, leave=0.4, abstain=0.65),
        ),
        "any": Preset(
            None,
            None,
            "Knows only what the data named here show; how well it does with people it has not seen stands in figures.",
            features="tennis-2",
            boosting=Boosting(rate=0.15, most_rounds=150, features=0.1, rows=0.5),
            most=3000,
        ),
        "hampen": Preset(
            "hampen-strokes",
            None,
            "One player, one camera; keypoints inside the person box, each axis divided by the box.",
            features="boxed-1",
            boosting=Boosting(rate=0.08, features=0.1, rarest=1.0, patience=60),
            restore_aspect=False,
            worse=replace(Worse(), aspect=0.0, tilt_deg=0.0),
        ),
    }
)

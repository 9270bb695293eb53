"""The pictures that ``edgepose pose --draw`` writes: people on the frame, a network's maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgepose.errors import SettingsError

if TYPE_CHECKING:
    from edgepose.estimator import Estimator
    from edgepose.types import Frame, Image, Pose

_PEOPLE, _MAPS = "people", "maps"


@dataclass(frozen=True, slots=True)
class Pictures:
    """People go into ``folder`` as JPEG, maps into its folder ``maps`` as PNG."""

    folder: Path
    people: bool
    maps: bool

    @staticmethod
    def wanted(draw: Sequence[str], folder: Path | None, out: Path) -> Pictures | None:
        """``draw`` holds words (also "people,maps") and at most one folder, which means people into that folder.

        Without a folder the pictures lie beside ``out``. None: nothing is drawn. Raises SettingsError for two folders
        and for a folder of pictures with nothing to draw.
        """
        parts = {value: set(value.split(",")) for value in draw}
        folders = [Path(value) for value, words in parts.items() if not words <= {_PEOPLE, _MAPS}]
        words = set().union(*(known for known in parts.values() if known <= {_PEOPLE, _MAPS}))
        if folder is not None and not draw:
            raise SettingsError(f"--pictures {folder}: say what to draw with --draw people or --draw maps")
        if len({*folders, *([folder] if folder else [])}) > 1:
            names = ", ".join(str(path) for path in [*folders, *([folder] if folder else [])])
            raise SettingsError(f"--draw takes people, maps or one folder, and --pictures the same folder; got {names}")
        if not draw:
            return None
        chosen = folder or (folders[0] if folders else out.with_name(f"{out.stem}_pictures"))
        return Pictures(chosen, _PEOPLE in words or bool(folders), _MAPS in words)

    def write(self, frame: Frame, poses: Sequence[Pose], estimator: Estimator, name: str) -> None:
        """Writes what is wanted of one frame, on which the people are drawn.

        Raises ModelError when maps are wanted of a network without them, SettingsError when a picture cannot be
        written.
        """
        from edgepose import draw, draw_maps
        from edgepose.types import Track

        assert frame.image is not None
        if self.maps:
            sheet = draw_maps.sheet(frame.image, estimator.maps(frame.image))
            _save(self.folder / _MAPS / f"{name}.png", sheet)
        if self.people:
            draw.tracks(frame.image, [Track(i, pose) for i, pose in enumerate(poses)], estimator.skeleton)
            _save(self.folder / f"{name}.jpg", frame.image)


def _save(path: Path, image: Image) -> None:
    import cv2

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{path.parent}: cannot make the folder for pictures: {error.strerror}") from None
    if not cv2.imwrite(str(path), image):
        raise SettingsError(f"{path}: cannot write the picture")

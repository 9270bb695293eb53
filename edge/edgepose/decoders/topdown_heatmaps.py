"""HRNet, SimplePose and their like: crops of people in, one heat map (B, K, H/4, W/4) per joint out, or NHWC.

Options: ``crop`` affine | resize, ``peak`` quarter | dark | argmax, ``flip`` no | yes (the mirror image as well: twice
the time), ``pixels`` imagenet | unit | bytes, ``colour`` rgb | bgr. HRNet has the defaults, SimplePose's demo
crop=resize and peak=argmax, DarkPose peak=dark. ``min_score`` is the detector's. Source: seed_systems.md §4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgepose.crops import COLOURS, PIXELS, WAYS, Cropper, check_joints, checked, input_spec
from edgepose.decoders import DecoderSettings, Fit, View, chosen
from edgepose.errors import ModelError
from edgepose.heatmaps import peaks, with_mirrored
from edgepose.preprocess import image_input
from edgepose.runtimes import Signature
from edgepose.skeletons import SKELETONS, Skeleton
from edgepose.types import Array, Image, Pose, Track

_STRIDE = 4
_STRIDES = range(2, 9)


class TopDownHeatmaps:
    """Everybody in one view where the batch is open; one person's maps are one row."""

    follows = False
    needs_boxes = True

    def __init__(self, cropper: Cropper, skeleton: Skeleton, channels_last: bool, peak: str) -> None:
        self.skeleton = skeleton
        self._cropper, self._channels_last, self._peak = cropper, channels_last, peak

    def views(self, image: Image, people: Sequence[Track] | None) -> list[View]:
        return self._cropper.views(image, people)

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        maps = outputs[0].transpose(0, 3, 1, 2) if self._channels_last else outputs[0]
        whole = view.place.complete(checked(maps, view, self.skeleton))
        if whole is None:  # the mirror image comes in the next view
            return []
        crops = view.place.crops
        plain, mirrored = whole[: len(crops)], whole[len(crops) :]
        if len(mirrored):
            plain = with_mirrored(plain, mirrored, self.skeleton.mirror)
        return list(crops.people(peaks(plain, self._peak), (plain.shape[3], plain.shape[2])))


def recognise(network: Signature, joints: int = 17) -> Fit:
    """One output with a map per joint, a quarter of the input's size."""
    layout = _layout(network)
    if layout is None:
        return Fit.NO
    if layout.joints == joints:
        return Fit.IS if layout.stride == _STRIDE else Fit.MAY
    known = {len(skeleton) for skeleton in SKELETONS.values()}
    return Fit.MAY if layout.stride == _STRIDE and layout.joints in known else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> TopDownHeatmaps:
    """Raises ModelError when there is not one map per joint of the skeleton, SettingsError for an unknown option."""
    options = chosen(
        settings, crop=WAYS, peak=("quarter", "dark", "argmax"), flip=("no", "yes"), pixels=PIXELS, colour=COLOURS
    )
    layout = _layout(network)
    if layout is None:
        raise ModelError("expected one image input and one output of heat maps")
    check_joints(layout.joints, skeleton)
    spec = input_spec(network.inputs[0], options["pixels"], options["colour"])
    cropper = Cropper(network.inputs[0], spec, options["crop"], options["flip"] == "yes")
    return TopDownHeatmaps(cropper, skeleton, layout.channels_last, options["peak"])


@dataclass(frozen=True, slots=True)
class _Layout:
    joints: int
    stride: int | None
    """Input px per cell; None: unknown."""
    channels_last: bool


def _layout(network: Signature) -> _Layout | None:
    """None: no heat maps."""
    if len(network.inputs) != 1 or len(network.outputs) != 1 or len(network.outputs[0].shape) != 4:
        return None
    try:
        width, height, _ = image_input(network.inputs[0], (0, 0))
    except ModelError:
        return None
    _, a, b, c = network.outputs[0].shape
    for count, sides, channels_last in ((a, (b, c), False), (c, (a, b), True)):
        if count and not all((height, width, *sides)):
            return _Layout(count, None, channels_last)
        if count and (stride := _stride((height, width), sides)):
            return _Layout(count, stride, channels_last)
    return None


def _stride(input_hw: tuple[int, int], map_hw: tuple[int | None, int | None]) -> int | None:
    """The same whole number both ways, or None."""
    fitting = [stride for stride in _STRIDES if input_hw == tuple(stride * (side or 0) for side in map_hw)]
    return fitting[0] if fitting else None

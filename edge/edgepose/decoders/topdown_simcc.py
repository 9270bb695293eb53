"""RTMPose and other SimCC networks: crops of people in, two one-dimensional maps (B, K, r·W), (B, K, r·H) out.

Options: ``pixels`` imagenet | unit | bytes, ``colour`` rgb | bgr. RTMPose was trained on RGB (MMPose's configurations
say bgr_to_rgb, MMDeploy's pipeline to_rgb); rtmlib feeds BGR beside the same numbers (issue 48 there): colour=bgr gives
rtmlib's results. MMDeploy leaves the number of joints open; then the first answer tells whether the skeleton fits.
Position: arg max / r; confidence: the lower of the two maxima; both as rtmlib and MMPose have it.
Source: seed_systems.md §4 (crop), github.com/Tau-J/rtmlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgepose.crops import COLOURS, PIXELS, Cropper, check_joints, checked, input_spec
from edgepose.decoders import DecoderSettings, Fit, View, chosen
from edgepose.errors import ModelError
from edgepose.heatmaps import simcc_peaks
from edgepose.preprocess import image_input
from edgepose.runtimes import Signature
from edgepose.skeletons import SKELETONS, Skeleton
from edgepose.types import Array, Image, Pose, Track


class TopDownSimCC:
    """Everybody in one view where the batch is open; one person's pair of maps is one row."""

    follows = False
    needs_boxes = True

    def __init__(self, cropper: Cropper, skeleton: Skeleton, x_first: bool) -> None:
        self.skeleton = skeleton
        self._cropper, self._x_first = cropper, x_first

    def views(self, image: Image, people: Sequence[Track] | None) -> list[View]:
        return self._cropper.views(image, people)

    def decode(self, outputs: Sequence[Array], view: View) -> list[Pose]:
        crops = view.place.crops
        x, y = (checked(maps, view, self.skeleton)[: len(crops)] for maps in outputs[:: 1 if self._x_first else -1])
        return list(crops.people(simcc_peaks(x, y), (x.shape[2], y.shape[2])))


def recognise(network: Signature, joints: int = 17) -> Fit:
    """Two outputs of as many joints, as long as the input is wide and high, times one number."""
    layout = _layout(network)
    if layout is None:
        return Fit.NO
    if layout.joints in (joints, None):
        return Fit.IS
    return Fit.MAY if layout.joints in {len(skeleton) for skeleton in SKELETONS.values()} else Fit.NO


def create(network: Signature, skeleton: Skeleton, settings: DecoderSettings) -> TopDownSimCC:
    """Raises ModelError when there is not one map per joint of the skeleton, SettingsError for an unknown option."""
    options = chosen(settings, pixels=PIXELS, colour=COLOURS)
    layout = _layout(network)
    if layout is None:
        raise ModelError("expected one image input and two outputs (B, joints, r · width), (B, joints, r · height)")
    if layout.joints is not None:
        check_joints(layout.joints, skeleton)
    spec = input_spec(network.inputs[0], options["pixels"], options["colour"])
    return TopDownSimCC(Cropper(network.inputs[0], spec), skeleton, layout.x_first)


@dataclass(frozen=True, slots=True)
class _Layout:
    joints: int | None
    """None: open."""
    x_first: bool
    """Else y: told by the input's sides."""


def _layout(network: Signature) -> _Layout | None:
    """None: no SimCC. The sides must be known: nothing else tells these two tensors from others."""
    shapes = [tensor.shape for tensor in network.outputs]
    if len(network.inputs) != 1 or [len(shape) for shape in shapes] != [3, 3]:
        return None
    try:
        width, height, _ = image_input(network.inputs[0], (0, 0))
    except ModelError:
        return None
    (_, joints, first), (_, others, second) = shapes
    if joints != others or not (width and height and first and second):
        return None
    if first >= width and first * height == second * width:
        return _Layout(joints, x_first=True)
    return _Layout(joints, x_first=False) if first >= height and first * width == second * height else None

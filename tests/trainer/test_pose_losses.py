"""Losses and assignment of the pose trainer: values and gradients worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra trainer)")

from edgepose import geometry  # noqa: E402
from edgepose.skeletons import COCO17  # noqa: E402
from edgepose_trainer.pose.assign import Assigned, Truth, assign  # noqa: E402
from edgepose_trainer.pose.losses import box_overlap, ciou, far, heat, losses, oks  # noqa: E402
from edgepose_trainer.pose.network import Raw, cells  # noqa: E402
from edgepose_trainer.pose.pictures import SEEN, UNKNOWN  # noqa: E402

SIGMAS = torch.tensor(COCO17.sigmas)
WRIST, HIP = COCO17.index("left_wrist"), COCO17.index("left_hip")
BOX = torch.tensor([[0.0, 0.0, 100.0, 100.0]])  # area 0.53 * 10000 = 5300


def one_joint(joint: int, x: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Prediction (x, 0) of a joint whose place is (0, 0); the other joints are wild and not labelled."""
    found = torch.full((1, 17, 2), 999.0)
    found[0, joint] = torch.tensor([x, 0.0])
    located = torch.zeros(1, 17, dtype=torch.bool)
    located[0, joint] = True
    return found.requires_grad_(), torch.zeros(1, 17, 2), located


@pytest.mark.parametrize(
    ("joint", "distance", "expected"),
    [
        (WRIST, 0.0, 1.0),
        (WRIST, 10.0, math.exp(-100 / (2 * 5300 * 0.124**2))),  # 0.5414: k = 2 sigma = 0.124
        (HIP, 10.0, math.exp(-100 / (2 * 5300 * 0.214**2))),  # 0.8138: hips are forgiving
    ],
)
def test_row_63_oks_is_cocos_form(joint: int, distance: float, expected: float) -> None:
    found, truth, located = one_joint(joint, distance)
    assert oks(found, truth, located, BOX, SIGMAS).item() == pytest.approx(expected, rel=1e-5)


def test_row_63_oks_falls_with_distance_unlike_the_slides_equation() -> None:
    values = [oks(*one_joint(WRIST, x), BOX, SIGMAS).item() for x in (0.0, 5.0, 10.0, 20.0, 40.0)]
    assert values == sorted(values, reverse=True)
    assert max(values) == 1.0  # exp(2 s² k² / d²) would be above 1, and infinite at the joint


def test_row_63_gradient_of_the_oks_loss_by_hand() -> None:
    found, truth, located = one_joint(WRIST, 10.0)
    (1 - oks(found, truth, located, BOX, SIGMAS)).sum().backward()
    # d(1 - e)/dx = e · x / (s² k²) = 0.5414 · 10 / (5300 · 0.124²) = 0.06644
    assert found.grad[0, WRIST, 0].item() == pytest.approx(0.06644, rel=1e-3)
    assert found.grad[0, WRIST, 1].item() == 0.0
    others = [joint for joint in range(17) if joint != WRIST]
    assert not found.grad[0, others].any()


def test_row_63_oks_equals_the_devices_and_averages_over_labelled_joints_only() -> None:
    rng = np.random.default_rng(3)
    truth, found = rng.uniform(0, 100, (2, 17, 3)).astype(np.float32)
    truth[[0, 5, 9]] = np.nan
    located = torch.from_numpy(~np.isnan(truth[None, :, 0]))
    ours = oks(torch.from_numpy(found[None, :, :2]), torch.nan_to_num(torch.from_numpy(truth[None, :, :2])), located,
               BOX, SIGMAS)  # fmt: skip
    theirs = geometry.oks(found, truth, 5300.0, np.array(COCO17.sigmas))
    assert ours.item() == pytest.approx(theirs, rel=1e-5)


def test_row_63_nobody_located_gives_no_similarity_and_no_gradient() -> None:
    found, truth, located = one_joint(WRIST, 10.0)
    value = oks(found, truth, torch.zeros_like(located), BOX, SIGMAS)
    value.sum().backward()
    assert value.item() == 0.0
    assert not found.grad.any()


def test_row_63_far_joints_are_still_pulled() -> None:
    found, truth, located = one_joint(WRIST, 300.0)
    (1 - oks(found, truth, located, BOX, SIGMAS)).sum().backward()
    assert found.grad[0, WRIST, 0].item() < 1e-6  # OKS alone has given up
    found.grad = None
    far(found, truth, located, BOX).sum().backward()
    assert found.grad[0, WRIST, 0].item() == pytest.approx(1 / math.sqrt(5300), rel=1e-3)


def boxes(*rows: tuple[float, float, float, float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3 - 1 / 13),  # hull 3 × 2, centres 1 apart
        ((0, 0, 1, 1), (3, 0, 4, 1), 0 - 9 / 17),
        ((0, 0, 4, 2), (1, 0, 3, 2), 0.5 - 0.041957 * 0.041957 / (0.5 + 0.041957)),  # widths 2:1 against 1:1
    ],
)
def test_row_63_ciou_by_hand(a: tuple[float, ...], b: tuple[float, ...], expected: float) -> None:
    assert ciou(boxes(a), boxes(b)).item() == pytest.approx(expected, abs=1e-5)  # type: ignore[arg-type]


def test_row_63_ciou_pulls_a_box_that_does_not_overlap() -> None:
    a = boxes((0, 0, 1, 1)).requires_grad_()
    (1 - ciou(a, boxes((3, 0, 4, 1)))).sum().backward()
    assert a.grad[0, 0] + a.grad[0, 2] < 0  # the loss falls when the box moves to the right
    assert a.grad[0, 1] + a.grad[0, 3] == 0
    inside_out = boxes((2, 2, 1, 1)).requires_grad_()
    value = 1 - ciou(inside_out, boxes((0, 0, 4, 4)))
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(inside_out.grad).all()


def one_person(joints: torch.Tensor | None = None, ignored: bool = False) -> Truth:
    """In the middle of 64 px: 84 cells (64 + 16 + 4)."""
    labelled = torch.full((1, 1, 17, 3), 32.0) if joints is None else joints
    labelled[..., 2] = SEEN if joints is None else labelled[..., 2]
    return Truth(
        torch.tensor([[[16.0, 16.0, 48.0, 48.0]]]),
        labelled,
        torch.ones(1, 1, dtype=torch.bool),
        torch.full((1, 84), ignored),
    )


def answers() -> Raw:
    """Every cell says: nothing, a quarter sure."""
    return Raw(
        torch.tensor([10.0, 10.0, 50.0, 50.0]).expand(1, 84, 4).clone().requires_grad_(),
        torch.full((1, 84), -1.0986).requires_grad_(),
        torch.full((1, 84, 17, 2), 30.0).requires_grad_(),
        torch.zeros(1, 84, 17).requires_grad_(),
        torch.full((1, 17, 16, 16), -9.0).requires_grad_(),
    )


CELL_27 = Assigned(torch.tensor([0]), torch.tensor([27]), torch.tensor([0]), torch.tensor([1.0]))


def test_row_63_visibility_is_cross_entropy_of_the_joints_somebody_stated() -> None:
    truth = one_person()
    truth.joints[0, 0, 1:, 2] = UNKNOWN
    raw = answers()
    result = losses(raw, truth, CELL_27, SIGMAS)
    assert result.visible.item() == pytest.approx(0.7 * math.log(2), rel=1e-4)
    result.visible.backward()
    assert raw.visible.grad[0, 27, 0].item() == pytest.approx(0.7 * (0.5 - 1))
    assert not raw.visible.grad[0, 27, 1:].any()


def test_row_63_unlabelled_people_are_ignored_by_the_score_not_suppressed() -> None:
    raw = answers()
    losses(raw, one_person(ignored=True), CELL_27, SIGMAS).score.backward()
    gradient = raw.scores.grad[0]
    assert gradient[27].item() == pytest.approx(0.25 - 1, abs=1e-3)  # the labelled one still counts
    assert gradient.count_nonzero() == 1
    raw = answers()
    losses(raw, one_person(), CELL_27, SIGMAS).score.backward()
    assert raw.scores.grad[0].count_nonzero() == 84  # a picture of which everything is known


def test_row_63_a_person_without_joints_teaches_the_box_only() -> None:
    truth = one_person()
    truth.joints[..., 2] = UNKNOWN
    raw = answers()
    result = losses(raw, truth, CELL_27, SIGMAS)
    assert result.oks.item() == result.far.item() == result.visible.item() == 0
    assert result.box.item() > 0
    result.total.backward()
    assert not raw.joints.grad.any()


def test_joint_maps_ask_for_the_joint_where_it_is_and_for_nothing_unknown() -> None:
    truth = one_person()
    truth.joints[0, 0, 0, :2] = torch.tensor([22.0, 46.0])  # column 5, row 11 of 16 × 16
    truth.joints[0, 0, 1, 2] = UNKNOWN
    truth.ignored[0, 8] = True  # the stride of 8's second row, first column: four cells of the maps
    logits = torch.zeros(1, 17, 16, 16, requires_grad=True)
    heat(logits, truth).backward()
    nose, eye = logits.grad[0, 0], logits.grad[0, 1]
    assert nose.argmin().item() == 11 * 16 + 5  # only there must it rise
    assert nose[11, 5] < 0 < nose[0, 15]
    assert not eye[4:12, 4:12].any()  # inside the person's box
    assert eye[0, 0] > 0
    assert not nose[2:4, :2].any()  # somebody unlabelled may be there
    assert nose[4, 0] > 0


def test_cells_in_the_middle_of_a_fitting_stride_answer() -> None:
    places, strides = cells(64)
    truth = one_person()
    raw = answers()
    chosen = assign(raw.boxes, raw.scores.sigmoid(), raw.joints, truth, places, strides, SIGMAS)
    assert 1 <= len(chosen.cell) <= 9
    assert set(strides[chosen.cell].tolist()) == {8.0}  # 32 px are 4 cells of 8 px, but only 2 of 16
    assert ((places[chosen.cell] - 32).abs() <= 12).all()
    best = box_overlap(raw.boxes[0, :1], truth.boxes[0])
    similar = oks(raw.joints[0, :1], truth.joints[0, :, :, :2], truth.joints[0, :, :, 2] > 0, truth.boxes[0], SIGMAS)
    assert chosen.target.max().item() == pytest.approx(((best + similar) / 2).item(), rel=1e-4)


def test_everybodys_cells_share_one_whole_weight() -> None:
    truth = Truth(
        torch.zeros(2, 3, 4), torch.zeros(2, 3, 17, 3), torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 84) > 0
    )
    chosen = Assigned(
        torch.tensor([0, 0, 0, 1]),
        torch.tensor([3, 4, 9, 3]),
        torch.tensor([2, 2, 0, 2]),
        torch.tensor([0.6, 0.2, 0.1, 0.9]),
    )
    assert chosen.shared(truth).tolist() == pytest.approx([0.75, 0.25, 1, 1])  # the second, badly found, counts as much


def test_a_cell_answers_for_one_person_and_padding_for_nobody() -> None:
    places, strides = cells(64)
    truth = Truth(
        torch.tensor([[[8.0, 8.0, 40.0, 40.0], [14.0, 14.0, 46.0, 46.0], [0.0, 0.0, 0.0, 0.0]]]),
        torch.full((1, 3, 17, 3), float(UNKNOWN)),
        torch.tensor([[True, True, False]]),
        torch.zeros(1, 84, dtype=torch.bool),
    )
    raw = answers()
    chosen = assign(raw.boxes, raw.scores.sigmoid(), raw.joints, truth, places, strides, SIGMAS)
    assert len(chosen.cell.unique()) == len(chosen.cell)
    assert set(chosen.person.tolist()) == {0, 1}

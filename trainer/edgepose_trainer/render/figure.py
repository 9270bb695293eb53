"""The mannequin: a player's joints, racket and look -> surfaces."""

from __future__ import annotations

import numpy as np

from edgepose.types import Array
from edgepose_trainer.render.anatomy import Anatomy, anatomy, foot, unit
from edgepose_trainer.render.body import Body, Look
from edgepose_trainer.render.head import head
from edgepose_trainer.render.mesh import Mesh, capped, joined, limb, tube
from edgepose_trainer.render.racket import racket

_HEM_M = 0.014
"""How far cloth stands off the skin."""


def figure(body: Body) -> Mesh:
    """Everything of one person."""
    known, look = anatomy(body.joints), body.look
    pieces = [_trunk(known, look), _pelvis(known, look), *head(known, look)]
    for side in ("left", "right"):
        pieces += [_shoulder(known, look, side), _upper_arm(known, look, side), _forearm(known, look, side)]
        pieces += [_hand(known, look, side, body), _thigh(known, look, side), _shank(known, look, side)]
        pieces.append(_shoe(known, look, side))
    if look.skirt:
        pieces.append(_skirt(known, look))
    if body.racket is not None:
        pieces += racket(body.racket, known.chest_ahead, look)
    whole = joined(pieces)
    uneven = np.random.default_rng(look.folds).normal(1, 0.025, len(whole.colours)).astype(np.float32)
    return Mesh(whole.quads, whole.colours * uneven[:, None], whole.bias_m, whole.part)


def _trunk(body: Anatomy, look: Look) -> Mesh:
    """The shirt, from below the hips' line to the neck; the spine turns from the hips' axis to the shoulders'."""
    thick, size = look.build * body.scale, body.scale
    shoulders = float(np.linalg.norm(body.at["left_shoulder"] - body.at["right_shoulder"])) / 2
    hips = 0.155 * thick
    chest = 0.5 * shoulders + 0.5 * 0.165 * thick
    shares = np.array([-0.06, 0.02, 0.2, 0.4, 0.62, 0.8, 0.92, 1.0, 1.04])
    widths = np.array([hips + 0.012, hips + 0.01, 0.9 * hips, 0.87 * hips + 0.01, chest, 1.02 * chest, 0.9 * chest,
                       0.55 * chest, 0.05])  # fmt: skip
    depths = np.array([0.118, 0.116, 0.106, 0.105, 0.116, 0.112, 0.09, 0.068, 0.045]) * thick
    return _loft(body, shares, widths, depths, look.shirt, 0.01 * size)


def _loft(body: Anatomy, shares: Array, widths: Array, depths: Array, colour: Array | tuple[int, ...],
          forward_m: float) -> Mesh:  # fmt: skip
    spine = body.at["neck"] - body.at["mid_hip"]
    along = np.clip(shares, 0, 1)[:, None]
    left = (1 - along) * body.hips_left + along * body.shoulders_left
    left = left - (left @ body.up)[:, None] * body.up
    left = left / np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-6)
    ahead = np.cross(left, body.up)
    bulge = forward_m * np.sin(np.pi * along)
    centres = body.at["mid_hip"] + shares[:, None] * spine + bulge * ahead
    return tube(centres, ahead, left, depths, widths, np.asarray(colour), sides=16)


def _pelvis(body: Anatomy, look: Look) -> Mesh:
    thick = look.build * body.scale
    shares = np.array([-0.2, -0.19, -0.12, -0.02, 0.1])
    widths = np.array([0.02, 0.12, 0.162, 0.16, 0.14]) * thick
    depths = np.array([0.02, 0.09, 0.118, 0.115, 0.1]) * thick
    return _loft(body, shares, widths, depths, look.bottoms, 0.0)


def _shoulder(body: Anatomy, look: Look, side: str) -> Mesh:
    """From the neck's root down to the joint."""
    thick = look.build * body.scale
    neck, joint = body.at["neck"], body.at[f"{side}_shoulder"]
    start = neck + 0.02 * body.scale * body.up + 0.22 * (joint - neck)
    return limb(start, joint, capped([0, 0.5, 1], [0.048 * thick, 0.056 * thick, 0.06 * thick]), np.array(look.shirt))


def _rows(shares: list[float], until: float, first: Array | tuple[int, ...], then: Array | tuple[int, ...]) -> Array:
    """A colour for each stretch: ``first`` up to a share of the limb."""
    return np.array([first if share < until - 1e-6 else then for share in shares[:-1]])


def _upper_arm(body: Anatomy, look: Look, side: str) -> Mesh:
    thick, hem = look.build * body.scale, _HEM_M * body.scale
    cut = look.sleeve
    shares = [0, 0.5 * cut, cut, cut, (1 + cut) / 2, 1]
    bare = np.interp(shares, [0, 0.3, 0.6, 1], [0.053, 0.053, 0.048, 0.039]) * thick
    bare[:3] += [0.004, hem * 0.7, hem]
    colours = _rows(shares, cut, look.shirt, look.skin)
    return limb(body.at[f"{side}_shoulder"], body.at[f"{side}_elbow"], capped(shares, list(bare)), colours)


def _forearm(body: Anatomy, look: Look, side: str) -> Mesh:
    thick = look.build * body.scale
    radii = [0.039 * thick, 0.045 * thick, 0.039 * thick, 0.028 * thick]
    band = np.array(look.skin)
    profile = capped([0, 0.3, 0.65, 1], radii)
    return limb(body.at[f"{side}_elbow"], body.at[f"{side}_wrist"], profile, band, flat=0.92)


def _hand(body: Anatomy, look: Look, side: str, person: Body) -> Mesh:
    """Open, in line with the forearm; a fist round the grip where the racket is."""
    wrist, size = body.at[f"{side}_wrist"], body.scale
    along = unit(wrist - body.at[f"{side}_elbow"], body.up)
    end, radii = wrist + 0.1 * size * along, [0.026, 0.038, 0.036, 0.022]
    if person.racket is not None and np.linalg.norm(person.racket[0] - wrist) < 0.2:
        end, radii = np.asarray(person.racket[0], np.float64), [0.026, 0.038, 0.042, 0.042]
    profile = capped([0, 0.35, 0.75, 1], [radius * size for radius in radii])
    return limb(wrist, end, profile, np.array(look.skin), flat=0.7, sideways=body.chest_ahead)


def _thigh(body: Anatomy, look: Look, side: str) -> Mesh:
    thick, hem = look.build * body.scale, _HEM_M * body.scale
    cut = 0.12 if look.skirt else look.leg
    shares = [0, 0.5 * cut, cut, cut, (1 + cut) / 2, 1]
    radii = np.interp(shares, [0, 0.35, 0.7, 1], [0.088, 0.084, 0.068, 0.053]) * thick
    if not look.skirt:
        radii[:3] += [0.003, 0.8 * hem, 1.5 * hem]
    colours = _rows(shares, cut, look.bottoms, look.skin)
    return limb(body.at[f"{side}_hip"], body.at[f"{side}_knee"], capped(shares, list(radii)), colours)


def _shank(body: Anatomy, look: Look, side: str) -> Mesh:
    thick = look.build * body.scale
    knee, ankle = body.at[f"{side}_knee"], body.at[f"{side}_ankle"]
    heel, toes = foot(body, side)
    calf = -unit(toes - heel, body.ahead)
    shares = [0, 0.15, 0.33, 0.55, 0.8, 0.8, 1]
    radii = np.array([0.051, 0.05, 0.056, 0.05, 0.036, 0.041, 0.041]) * thick
    profile = capped(shares, list(radii))
    leg = limb(knee, ankle, profile, _rows(shares, 0.8, look.skin, look.socks))
    bulge = np.interp(profile.shares, [0, 0.33, 0.7, 1], [0, 0.014, 0.004, 0]) * thick
    quads = leg.quads.reshape(len(bulge) - 1, -1, 4, 3).copy()
    quads[:, :, :2] += (bulge[:-1, None, None, None] * calf).astype(np.float32)
    quads[:, :, 2:] += (bulge[1:, None, None, None] * calf).astype(np.float32)
    return Mesh(quads.reshape(-1, 4, 3), leg.colours, leg.bias_m, leg.part)


def _shoe(body: Anatomy, look: Look, side: str) -> Mesh:
    heel, toes = foot(body, side)
    radii = [radius * body.scale for radius in (0.037, 0.042, 0.044, 0.032)]
    left = np.cross(np.array([0.0, 1.0, 0.0]), toes - heel)
    return limb(heel, toes, capped([0, 0.3, 0.7, 1], radii), np.array(look.shoes), flat=0.95, sideways=left)


def _skirt(body: Anatomy, look: Look) -> Mesh:
    """A bell from the waist over both thighs."""
    thick, size = look.build * body.scale, body.scale
    thighs = [body.at[f"{s}_hip"] + look.leg * (body.at[f"{s}_knee"] - body.at[f"{s}_hip"]) for s in ("left", "right")]
    waist = body.at["mid_hip"] + 0.09 * size * body.up
    hem = (thighs[0] + thighs[1]) / 2
    apart = thighs[0] - thighs[1]
    axis = unit(hem - waist, -body.up)
    left = unit(body.hips_left - axis * float(body.hips_left @ axis), body.ahead)
    ahead = np.cross(left, -axis)
    shares = np.array([0, 0.35, 0.7, 1.0, 1.0])
    wide, deep = abs(float(apart @ left)) / 2, abs(float(apart @ ahead)) / 2
    widths = np.array([0.135 * thick, 0.168 * thick, 0.12 * thick + 0.7 * wide, 0.12 * thick + wide, 0.05])
    depths = np.array([0.1 * thick, 0.13 * thick, 0.115 * thick + 0.6 * deep, 0.12 * thick + 0.9 * deep, 0.05])
    return tube(waist + shares[:, None] * (hem - waist), left, ahead, widths, depths, np.array(look.bottoms), sides=16)

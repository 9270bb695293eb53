"""``edgepose kinematics``: joint angles, turns and speeds of a recorded session as a table, and its gait."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgepose.cli.events import Session

if TYPE_CHECKING:
    from edgepose.gait import Gait
    from edgepose.kinematics_files import Sheet


def command(
    session: Session,
    out: Annotated[Path, typer.Option("--out", "-o", help="table to write: .csv, .parquet or OpenSim's .mot")],
    poses3d: Annotated[Path | None, typer.Option("--poses3d", help="3D poses elsewhere, as `lift` writes them")] = None,
    track: Annotated[int | None, typer.Option("--track", help="this person only; a .mot holds one")] = None,
    rate_hz: Annotated[float | None, typer.Option("--rate", help="rows a second; not given: as recorded")] = None,
    up: Annotated[str | None, typer.Option("--up", help="axis that points up: x, y, z, -x, -y or -z")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the gait of every track as JSON")] = False,
) -> int:
    """Write angles, rates, turns and speeds per frame, the unit in every column's name; say what the gait is.

    From the session's poses3d, or --poses3d; without them from its 2D poses, in torso lengths and the picture's
    angles, which the units say.
    """
    from edgepose import sequences
    from edgepose.gait import gait
    from edgepose.kinematics import curves
    from edgepose.kinematics_files import Sheet, write

    found = sequences.of_session(session, poses3d, axis(up), track)
    sheets: list[Sheet] = []
    gaits: dict[int, Gait | None] = {}
    for one, motion in found.motions.items():
        motion, notes = sequences.at_rate(motion, rate_hz) if rate_hz is not None else (motion, ())
        sheets.append(Sheet(one, motion.times_s, curves(motion)))
        gaits[one] = gait(motion)
        for note in notes:
            typer.echo(f"edgepose: track {one}: {note}", err=True)
    write(out, sheets)
    for note in found.notes:
        typer.echo(f"edgepose: {note}", err=True)
    typer.echo(f"{out}: {sum(len(sheet.times_s) for sheet in sheets)} rows, {len(sheets)} people", err=True)
    for one, steps in gaits.items():
        if steps is not None and steps.cadence_steps_min == steps.cadence_steps_min and not as_json:
            typer.echo(f"track {one}: {_said(steps)}", err=True)
    if as_json:
        typer.echo(json.dumps({"out": str(out), "gait": {str(one): _plain(steps) for one, steps in gaits.items()}}))
    return 0


def axis(text: str | None) -> tuple[float, float, float] | None:
    """What ``--up`` says as a direction; raises SettingsError."""
    from edgepose.errors import SettingsError

    if text is None:
        return None
    if text.lstrip("-") not in ("x", "y", "z") or text.count("-") > 1:
        raise SettingsError(f"--up: expected x, y, z, -x, -y or -z, got {text!r}")
    at = "xyz".index(text[-1])
    sign = -1.0 if text.startswith("-") else 1.0
    return sign * (at == 0), sign * (at == 1), sign * (at == 2)


def _said(steps: Gait) -> str:
    air = steps.flight_share
    return (
        f"cadence {steps.cadence_steps_min:.0f} steps/min, step {steps.step_time_s:.3f} s, "
        f"contact {steps.contact_time_s:.3f} s, {f'in the air {100 * air:.0f} % ' if air == air else ''}({steps.foot})"
    )


def _plain(steps: Gait | None) -> dict[str, Any] | None:
    if steps is None:
        return None
    from dataclasses import asdict

    return {key: None if value != value else value for key, value in asdict(steps).items()}

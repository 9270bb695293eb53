"""Which synthetic clip the demo shows: tries seeds and cameras, and writes the chosen one to deploy/demo.

python bench/demo_clip.py --seeds 200-260 --from=-5,5,-20 --from=0,6,-24 --exact     # a second a clip: exact 2D
python bench/demo_clip.py --seeds 230,231 --from=-5,5,-20 --keep out/clips           # a minute a clip: its video
python bench/demo_clip.py --write deploy/demo                                        # SEED and PLACE_M below
python bench/demo_clip.py --write deploy/demo --seeds 230 --from=-5,5,-20            # another one

--keep: what is drawn stays there, so that another network, or --write, takes half the time.
Seeds whose rally lacks a kind of stroke are passed over. --write needs ffmpeg (H.264).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgepose import comparing
from edgepose.cli import running, watching
from edgepose.session import (
    Label,
    Poses3D,
    read_info,
    read_labels,
    read_poses,
    read_poses3d,
    write_info,
    write_labels,
    write_poses3d,
)
from edgepose.types import Event
from edgepose_trainer.motionmodel.model import MotionModel, load
from edgepose_trainer.peaks import DOUBT_S
from edgepose_trainer.sessions import UNSURE_LABEL
from edgepose_trainer.synth.scene import Court, play
from edgepose_trainer.synth.sessions import TRUTH, Wish, write

SEED, PLACE_M = 370, (3.0, 5.0, -26.0)
SIZE_WH, DURATION_S = (720, 720), 20.0
LEAST = {"serve": 1, "forehand": 2, "backhand": 2, "slice": 1}
MOST_BYTES = 3_000_000
_CRF = 26


def wish_of(seed: int, place_m: tuple[float, float, float] | None, options: argparse.Namespace) -> Wish:
    return Wish(seed, DURATION_S, 2, size_wh=options.size, depth_m=options.depth, place_m=place_m)


def has_everything(court: Court) -> bool:
    """Every kind of stroke, and nobody goes away."""
    kinds = Counter("slice" if "slice" in hit.label else hit.label for _, hit in court.hits)
    leaves = any(stay.walks for person in court.people for stay in person.part.stays)
    return not leaves and all(kinds[kind] >= least for kind, least in LEAST.items())


def made(folder: Path, wish: Wish, motion: MotionModel, exact: bool) -> None:
    """The session, if it is not there; with ``exact`` its poses are replayed, by people whose hands nobody knows."""
    if (folder / "session.json").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)  # of an interrupted run
    write(folder, wish, motion, not exact, lambda text: None)
    if exact:
        write_info(folder, read_info(folder).model_copy(update={"players": {}}))


def compressed(video: Path) -> None:
    """H.264: a fifth of the bytes, and browsers show it."""
    small = video.with_name("small.mp4")
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-i",
        str(video),
        "-c:v",
        "libx264",
        "-preset",
        "veryslow",
        "-crf",
        str(_CRF),
    ]
    command += [
        "-pix_fmt",
        "yuv420p",
        "-movflags",
        "+faststart",
        "-threads",
        "1",
        "-fflags",
        "+bitexact",
        "-map_metadata",
        "-1",
    ]
    subprocess.run([*command, str(small)], check=True)
    small.replace(video)


def judged(folder: Path, model: str | None) -> watching.Comparison:
    """What the device's line makes of it."""
    footage = watching.footage(str(folder))
    settings = running.settings_from(None, footage.address, {"model": model} if model else {}, None, None)
    camera = settings.camera[0].model_copy(update={"focal_px": footage.focal_px})
    settings = settings.model_copy(update={"camera": [camera]})
    events: list[Event] = []
    session = folder / "seen"
    with contextlib.redirect_stderr(io.StringIO()):
        watching.watch(settings, footage, session, running.Wanted(mqtt=False, tell=events.append))
        lifted = watching.lift(session, settings)
    told = [
        {"media": {"peak_s": event.peak_s}, "label": event.label, "score": event.score, "track": event.track}
        for event in events
    ]  # fmt: skip
    found = watching.compare(told, read_poses(session), lifted, footage)
    assert found is not None
    return found


def taught(clip: Path, out: Path) -> None:
    """What the device saw of a clip, with the truth's labels, hands and 3D: to learn strokes and lifting from.

    As elsewhere in training, neither stroke nor idle is learnt just beside a stroke.
    """
    truth, saw = read_info(clip), clip / "seen"
    player_of = comparing.seen(read_poses(saw), read_poses(clip)).players
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(saw / "poses", out / "poses")
    players = {
        track: truth.players[player].model_copy(update={"name": f"{clip.name}-{player}"})
        for track, player in player_of.items()
    }
    told = {"players": players, "dataset": "seen", "calibration": truth.calibration, "license": truth.license}
    write_info(out, read_info(saw).model_copy(update=told))
    strokes = read_labels(clip)
    labels = [
        replace(one, track=track) for track, player in player_of.items() for one in strokes if one.track == player
    ]
    write_labels(out, [*map(doubt, labels), *labels])
    (out / "poses3d").mkdir()
    write_poses3d(out / "poses3d" / "000000.parquet", retracked(read_poses3d(clip), player_of))


def retracked(truth: Poses3D, player_of: Mapping[int, int]) -> Poses3D:
    """Each player under the tracks that they were seen as."""
    rows = [np.flatnonzero(truth.track == player) for player in player_of.values()]
    track = np.repeat(np.array([*player_of], np.int32), [len(each) for each in rows])
    every = np.concatenate(rows)
    return replace(
        truth, frame=truth.frame[every], time_s=truth.time_s[every], track=track, keypoints=truth.keypoints[every]
    )


def doubt(label: Label) -> Label:
    """Round a stroke; the stroke itself stands later in the file, which counts."""
    return replace(label, label=UNSURE_LABEL, start_s=max(0.0, label.start_s - DOUBT_S), end_s=label.end_s + DOUBT_S)


def row(wish: Wish, found: watching.Comparison) -> str:
    cells = [str(wish.seed), ",".join(f"{metres:g}" for metres in wish.place_m or ()), str(len(found.strokes.judged))]
    cells += [str(found.strokes.count(verdict)) for verdict in ("right", "wrong", "missed")]
    cells += [str(len(found.strokes.false))]
    if found.seen is not None:
        cells += [f"{100 * found.seen.found:.1f}", f"{100 * found.seen.error:.1f}"]
        cells += [f"{1000 * (found.n_mpjpe_m or float('nan')):.0f}"]
    wrong = [
        f"{one.truth.label}@{one.peak_s:.1f}: {one.told.label if one.told else '-'}"
        for one in found.strokes.judged
        if one.verdict != "right"
    ]
    false = [f"false {told.label}@{told.peak_s:.1f}" for told in found.strokes.false]
    return "| " + " | ".join([*cells, "; ".join(wrong + false)]) + " |"


def clip_name(wish: Wish) -> str:
    place = "_".join(f"{metres:g}" for metres in wish.place_m) if wish.place_m else "side"
    return f"{wish.seed}_{place}_{wish.size_wh[0]}x{wish.size_wh[1]}_{wish.depth_m:g}"


def place_of(text: str) -> tuple[float, float, float] | None:
    """``x,y,z`` metres; None is the camera that `edgepose synth` has by itself."""
    if text == "side":
        return None
    x, y, z = (float(part) for part in text.split(","))
    return x, y, z


def numbers(text: str) -> Iterator[int]:
    """``3,7-9`` -> 3, 7, 8, 9."""
    for part in text.split(","):
        low, _, high = part.partition("-")
        yield from range(int(low), int(high or low) + 1)


def shipped(folder: Path, wish: Wish, motion: MotionModel, model: str | None, keep: Path | None) -> None:
    """Replaces the folder's session by this one."""
    with tempfile.TemporaryDirectory() as work:
        kept, new = (keep or Path(work) / "kept") / clip_name(wish), Path(work) / "clip"
        made(kept, wish, motion, exact=False)
        shutil.copytree(kept, new, ignore=shutil.ignore_patterns("seen"))
        compressed(new / "video.mp4")
        size = (new / "video.mp4").stat().st_size
        if size > MOST_BYTES:
            raise SystemExit(f"the clip takes {size} bytes, more than {MOST_BYTES}")
        (new / TRUTH).unlink()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(new, folder)
        print(row(wish, judged(new, model)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default=str(SEED), help="such as 3,7-9")
    parser.add_argument(
        "--from", dest="places", action="append", help="where the camera stands, or side: as synth has it"
    )
    parser.add_argument("--size", default=SIZE_WH, type=lambda text: tuple(int(side) for side in text.split("x")))
    parser.add_argument("--depth", default=5.2, type=float, help="metres from the net to play at")
    parser.add_argument("--exact", action="store_true", help="exact 2D in the pose network's place")
    parser.add_argument("--model", help="pose network; default: the device's")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="clips stay there, for another network")
    parser.add_argument("--teach", type=Path, metavar="FOLDER", help="with --keep: labelled sessions of what was seen")
    parser.add_argument("--render", action="store_true", help="with --keep: only make them")
    parser.add_argument("--every", action="store_true", help="also seeds whose rally lacks a kind of stroke")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the clip there")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    motion = load()
    places = [place_of(text) for text in options.places or ()] or [PLACE_M]
    wishes = [wish_of(seed, place, options) for seed in numbers(options.seeds) for place in places]
    print(
        "| seed | camera | strokes | right | wrong | missed | false | seen % | 2D error, % of torso | N-MPJPE, mm | |"
    )
    print("|" + "---|" * 11)
    if options.write:
        shipped(options.write, wishes[0], motion, options.model, options.keep)
        return
    for wish in wishes:
        if not options.every and not has_everything(play(motion, wish.seed, 2, wish.duration_s, wish.depth_m)):
            continue
        with tempfile.TemporaryDirectory() as work:
            folder = options.keep / clip_name(wish) if options.keep else Path(work) / "clip"
            made(folder, wish, motion, options.exact)
            if not options.render:
                print(row(wish, judged(folder, options.model)), flush=True)
                if options.teach:
                    taught(folder, options.teach / folder.name)


if __name__ == "__main__":
    main()

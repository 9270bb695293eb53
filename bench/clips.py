"""What the tracker makes of real clips: how many ids, how long they live, how much stays untracked.

    M=../shared/models/movenet_single_pose_lightning_ptq.tflite
    python bench/clips.py --model $M --videos ../shared/data/video

There is no truth for these clips: the figures are to be read beside the pictures (``edgepose run --draw``).
"""

from __future__ import annotations

import argparse
import collections
import subprocess
import sys
import tempfile
from pathlib import Path

from edgepose.session import read_poses

CLIPS = {
    "bicep_curls.mp4": "one woman, full body, curls",
    "two_people_crossing.avi": "two men, one walks out from behind the other",
    "street_people.avi": "hand-held; six to eight people near, a crowd behind",
    "tennis_broadcast_3.mp4": "two players, ball kids, line judges",
    "tennis_broadcast_5.mp4": "two players, ball kids, line judges",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--videos", type=Path, required=True)
    given = parser.parse_args()
    print("| clip | frames | what is in it | ids | frames of the longest ids | untracked poses |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "poses.toml"
        config.write_text("[strokes]\nenabled = false\n[mqtt]\nenabled = false\n")
        for name, content in CLIPS.items():
            out = Path(folder) / name
            command = [sys.executable, "-m", "edgepose", "record", "-c", str(config), "-s", str(given.videos / name)]
            subprocess.run([*command, "-m", str(given.model), "-o", str(out)], check=True, stderr=subprocess.DEVNULL)
            poses = read_poses(out)
            frames = len(set(poses.frame.tolist()) | set(poses.empty_frame.tolist()))
            ids = collections.Counter(poses.track.tolist())
            untracked = ids.pop(-1, 0)
            longest = ", ".join(str(count) for _, count in ids.most_common(8))
            print(f"| {name} | {frames} | {content} | {len(ids)} | {longest} | {untracked} of {len(poses.track)} |")


if __name__ == "__main__":
    main()

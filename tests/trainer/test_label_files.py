"""Label files as the annotation tools write them, each with the same two strokes of one player."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.errors import SettingsError, SourceError
from edgepose.session import Label, Player, Poses, SessionInfo
from edgepose_trainer.importers import labels
from edgepose_trainer.importers.labels import FORMS
from edgepose_trainer.importers.labels.rows import cells, seconds
from edgepose_trainer.labelling import labels_of
from edgepose_trainer.labelnames import TABLE, canonical

FPS = 25.0

CSV = """start_s,end_s,label,track,player
1.2,2.0,Forehand,,Ann
4,4.8,Serve,,Ann
"""
BORIS_EVENTS = (
    "Observation id\tObservation date\tDescription\tObservation duration\tObservation type\tSource\tTime offset (s)\t"
    "Media duration (s)\tFPS (frame/s)\tSubject\tBehavior\tBehavioral category\tModifier #1\tBehavior type\tTime\t"
    "Media file name\tImage index\tImage file path\tComment\n"
    "match\t2026-05-01 10:00:00\t\t8.000\tMedia file(s)\tplayer #1:match.mp4\t0\t8.000\t25.00\tAnn\tForehand\t\t\t"
    "START\t1.200\tmatch.mp4\t30\tNA\t\n"
    "match\t2026-05-01 10:00:00\t\t8.000\tMedia file(s)\tplayer #1:match.mp4\t0\t8.000\t25.00\tAnn\tForehand\t\t\t"
    "STOP\t2.000\tmatch.mp4\t50\tNA\t\n"
    "match\t2026-05-01 10:00:00\t\t8.000\tMedia file(s)\tplayer #1:match.mp4\t0\t8.000\t25.00\tAnn\tServe\t\t\t"
    "START\t4.000\tmatch.mp4\t100\tNA\t\n"
    "match\t2026-05-01 10:00:00\t\t8.000\tMedia file(s)\tplayer #1:match.mp4\t0\t8.000\t25.00\tAnn\tServe\t\t\t"
    "STOP\t4.800\tmatch.mp4\t120\tNA\t\n"
)
BORIS_OLD = """Observation id,match
Media file(s)
Player #1,match.mp4

Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Modifiers,Comment,Status
1.200,match.mp4,8.000,25.00,Ann,Forehand,,,,START
2.000,match.mp4,8.000,25.00,Ann,Forehand,,,,STOP
4.000,match.mp4,8.000,25.00,Ann,Serve,,,,START
4.800,match.mp4,8.000,25.00,Ann,Serve,,,,STOP
"""
BORIS_AGGREGATED = (
    "Observation id,Observation date,Description,Media file,Total length,FPS,Subject,Behavior,Behavioral category,"
    "Modifiers,Behavior type,Start (s),Stop (s),Duration (s),Comment start,Comment stop\n"
    "match,2026-05-01 10:00:00,,match.mp4,8.000,25.00,Ann,Forehand,,,STATE,1.200,2.000,0.800,,\n"
    "match,2026-05-01 10:00:00,,match.mp4,8.000,25.00,Ann,Serve,,,STATE,4.000,4.800,0.800,,\n"
)
ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-05-01T10:00:00+01:00" FORMAT="3.0" VERSION="3.0">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///match.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="200"/>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/>
    <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1800"/>
    <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="3800"/>
    <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="4600"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" PARTICIPANT="Ann" TIER_ID="strokes">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>Forehand</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE>Serve</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="remarks"/>
</ANNOTATION_DOCUMENT>
"""
ELAN_TAB = (
    "strokes\tAnn\t00:00:01.200\t1.2\t00:00:02.000\t2.0\t00:00:00.800\t0.8\tForehand\n"
    "strokes\tAnn\t00:00:04.000\t4.0\t00:00:04.800\t4.8\t00:00:00.800\t0.8\tServe\n"
)
ELAN_MS = "strokes\tAnn\t1200\t2000\t800\tForehand\nstrokes\tAnn\t4000\t4800\t800\tServe\n"
ELAN_COLUMNS = (
    "Begin Time - hh:mm:ss.ms\tBegin Time - ss.msec\tEnd Time - hh:mm:ss.ms\tEnd Time - ss.msec\t"
    "Duration - ss.msec\tstrokes\n"
    "00:00:01.200\t1.2\t00:00:02.000\t2.0\t0.8\tForehand\n00:00:04.000\t4.0\t00:00:04.800\t4.8\t0.8\tServe\n"
)
VIA_CSV = """# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)
# Notes:
# - temporal coordinate of [1.349,2.741] denotes a temporal segment from time 1.346 sec. to 2.741 sec.
# SHAPE_ID = {"POINT":1,"RECTANGLE":2}
# FLAG_ID = {"RESERVED_FOR_FUTURE":1}
# ATTRIBUTE = {"1":{"aname":"Stroke","anchor_id":"FILE1_Z2_XY0","type":3,"options":{"0":"Forehand","1":"Serve"}}}
# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata
"1_j5sJvB9h","[""match.mp4""]",0,"[1.2,2]","[]","{""1"":""0""}"
"1_zYQJk2sM","[""match.mp4""]",0,"[2.4]","[2,162.2,176.2,639.4,192.4]","{""1"":""0""}"
"1_vLf9kBXH","[""match.mp4""]",0,"[4,4.8]","[]","{""1"":""1""}"
"""
VIA_JSON = json.dumps(
    {
        "project": {"pid": "__VIA_PROJECT_ID__", "pname": "strokes", "vid_list": ["1"]},
        "config": {},
        "attribute": {"1": {"aname": "TEMPORAL-SEGMENTS", "type": 4, "options": {"fh": "Forehand", "s": "Serve"}}},
        "file": {"1": {"fid": "1", "fname": "match.mp4", "type": 4, "loc": 1, "src": ""}},
        "view": {"1": {"fid_list": ["1"]}},
        "metadata": {
            "1_a": {"vid": "1", "flg": 0, "z": [1.2, 2], "xy": [], "av": {"1": "fh"}},
            "1_b": {"vid": "1", "flg": 0, "z": [4, 4.8], "xy": [], "av": {"1": "s"}},
            "1_c": {"vid": "1", "flg": 0, "z": [4.1], "xy": [2, 10, 10, 5, 5], "av": {"1": "s"}},
        },
    }
)
CVAT_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>3</id><name>match</name><size>200</size><mode>interpolation</mode></task></meta>
"""


def boxes(*frames: tuple[int, int], inside: str = "") -> str:
    """(frame, outside) of a track."""
    place = 'occluded="0" keyframe="1" xtl="10.0" ytl="10.0" xbr="60.0" ybr="90.0" z_order="0"'
    return "".join(f'<box frame="{frame}" outside="{out}" {place}>{inside}</box>\n' for frame, out in frames)


CVAT_TRACKS = (
    f"{CVAT_HEAD}<track id='0' label='Forehand' source='manual'>{boxes((30, 0), (40, 0), (51, 1))}</track>"
    f"<track id='1' label='Serve' source='manual'>{boxes((100, 0), (120, 0))}</track></annotations>"
)
CVAT_TAGS = CVAT_HEAD + "".join(
    f'<image id="{frame}" name="frame_{frame:06d}" width="640" height="360"><tag label="{label}" source="manual">'
    "</tag></image>\n"
    for label, first, last in (("Forehand", 30, 50), ("Serve", 100, 120))
    for frame in range(first, last + 1)
)
CVAT_TAGS += "</annotations>"


def timeline(first: int, last: int, label: str) -> dict[str, object]:
    return {"ranges": [{"start": first, "end": last}], "timelinelabels": [label]}


LABEL_STUDIO = json.dumps(
    [
        {
            "id": 7,
            "data": {"video": "/data/upload/1/ab12-match.mp4"},
            "annotations": [
                {"id": 1, "was_cancelled": True, "result": [{"value": timeline(1, 2, "Smash")}]},
                {
                    "id": 2,
                    "was_cancelled": False,
                    "result": [
                        {
                            "id": "x", "type": "timelinelabels", "from_name": "strokes", "to_name": "video",
                            "origin": "manual", "value": value,
                        }
                        for value in (timeline(31, 51, "Forehand"), timeline(101, 121, "Serve"))
                    ],
                },
            ],
        }
    ]
)  # fmt: skip
LABEL_STUDIO_MIN = json.dumps(
    [
        {
            "id": 7,
            "video": "/data/upload/1/ab12-match.mp4",
            "strokes": [timeline(31, 51, "Forehand"), timeline(101, 121, "Serve")],
        }
    ]
)
FILES = {
    "csv": CSV,
    "boris": BORIS_EVENTS, "boris old": BORIS_OLD, "boris aggregated": BORIS_AGGREGATED,
    "elan": ELAN, "elan tab": ELAN_TAB, "elan ms": ELAN_MS, "elan columns": ELAN_COLUMNS,
    "via": VIA_CSV, "via json": VIA_JSON,
    "cvat": CVAT_TRACKS, "cvat tags": CVAT_TAGS,
    "labelstudio": LABEL_STUDIO, "labelstudio min": LABEL_STUDIO_MIN,
}  # fmt: skip


def session(frames: int = 200, first: int = 0, players: dict[int, Player] | None = None) -> tuple[SessionInfo, Poses]:
    """One person in every frame of a video at 25 frames a second."""
    number = np.arange(first, first + frames, dtype=np.int64)
    info = SessionInfo(width=640, height=360, started_at=datetime.now(timezone.utc), players=players or {})
    blank = np.full((frames, 17, 3), np.nan, np.float32)
    box = np.full((frames, 4), np.nan, np.float32)
    track = np.full(frames, 5, np.int32)
    return info, Poses(number, (number - first) / FPS, track, np.ones(frames, np.float32), box, blank)


def brought(text: str, tmp_path: Path, part: str | None = None) -> list[Label]:
    path = tmp_path / "labels"
    path.write_text(text, encoding="utf-8")
    return list(labels_of(labels.read(path, part), *session()))


@pytest.mark.parametrize("name", FILES)
def test_every_tools_file_gives_the_same_two_strokes(name: str, tmp_path: Path) -> None:
    assert next(other for other in FORMS if FORMS[other].fits(FILES[name])) == name.split()[0]
    found = brought(FILES[name], tmp_path)
    assert [(one.label, one.start_s, one.end_s) for one in found] == [
        ("forehand", pytest.approx(1.2), pytest.approx(2.0)),
        ("serve", pytest.approx(4.0), pytest.approx(4.8)),
    ]
    if name.split()[0] in ("csv", "boris") or name in ("elan", "elan tab", "elan ms"):
        assert {one.player for one in found} == {"Ann"}


def test_a_byte_order_mark_and_windows_lines_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode())
    assert [one.label for one in labels.read(path)] == ["Forehand", "Serve"]


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_signs_between_cells_and_decimal_commas(sign: str, tmp_path: Path) -> None:
    text = CSV.replace(",", sign).replace(".", ",").replace("Forehand", "Forehand, flat")
    found = brought(text, tmp_path)
    assert [(one.start_s, one.end_s) for one in found] == [(1.2, 2.0), (4.0, 4.8)]
    assert found[0].label == "forehand"


def test_a_moment_is_a_stroke_round_it(tmp_path: Path) -> None:
    text = BORIS_AGGREGATED.replace("STATE,1.200,2.000,0.800", "POINT,1.600,NA,NA")
    (stroke, _) = brought(text, tmp_path)
    assert (stroke.start_s, stroke.end_s) == (pytest.approx(1.6 - 0.43), pytest.approx(1.6 + 0.43))


def test_frames_become_the_recordings_own_times() -> None:
    """The camera went from 25 to 50 frames a second at frame 100: frame 120 is at 4.4 s, not at 4.8."""
    info, poses = session()
    poses.time_s[101:] = 4.0 + np.arange(1, 100) / 50
    mark = FORMS["cvat"].parse(CVAT_TRACKS, "cvat")[1]
    (label,) = labels_of([mark], info, poses)
    assert (label.start_s, label.end_s) == (pytest.approx(4.0), pytest.approx(4.4))


def test_cvats_start_frame_and_step_are_put_back() -> None:
    filtered = CVAT_TRACKS.replace("</size>", "</size><start_frame>10</start_frame><frame_filter>step=2</frame_filter>")
    assert [(one.start, one.end) for one in FORMS["cvat"].parse(filtered, "cvat")] == [(70, 110), (210, 250)]


def test_a_track_of_a_person_with_an_action_says_who_does_what(tmp_path: Path) -> None:
    doing = '<attribute name="action">{}</attribute>'
    track = boxes((0, 0), inside=doing.format("none")) + boxes((30, 0), inside=doing.format("Forehand"))
    track += boxes((51, 0), inside=doing.format("none"))
    text = f"{CVAT_HEAD}<track id='4' label='Ann'>{track}</track></annotations>"
    (one,) = FORMS["cvat"].parse(text, "cvat")
    assert (one.label, one.who, one.start, one.end) == ("Forehand", "Ann", 30, 50)


def test_a_player_of_the_session_gives_the_label_a_track() -> None:
    info, poses = session(players={5: Player(name="Ann")})
    marks = FORMS["csv"].parse(CSV.replace(",Ann\n4", ",Bea\n4"), "csv")
    assert [one.track for one in labels_of(marks, info, poses)] == [None, 5]


def test_elan_slots_without_a_time_lie_between_their_neighbours(tmp_path: Path) -> None:
    text = ELAN.replace('TIME_SLOT_ID="ts2" TIME_VALUE="1800"', 'TIME_SLOT_ID="ts2"')
    assert brought(text, tmp_path)[0].end_s == pytest.approx((1000 + 3800) / 2 / 1000 + 0.2)


def test_elan_annotations_that_hang_on_others_have_their_times(tmp_path: Path) -> None:
    text = ELAN.replace(
        '<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="remarks"/>',
        '<TIER TIER_ID="quality" PARENT_REF="strokes"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" '
        'ANNOTATION_REF="a2"><ANNOTATION_VALUE>good</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>',
    )
    with pytest.raises(SettingsError, match="2 parts, strokes, quality: choose one with --part"):
        brought(text, tmp_path)
    (one,) = brought(text, tmp_path, part="quality")
    assert (one.label, one.start_s) == ("good", pytest.approx(4.0))
    with pytest.raises(SettingsError, match="no part 'lets'; it has strokes, quality"):
        brought(text, tmp_path, part="lets")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no label file that I know"),
        ("a,b\n1,2\n", "got 'a,b'"),
        (CSV.replace("1.2,", "x,"), ":2: expected a time in seconds or h:mm:ss, got 'x'"),
        (CSV.replace("Serve", ""), ":3: expected start_s,end_s,label"),
        (CSV.replace("1.2,2.0", "2.0,1.2"), ":2: 'Forehand' ends at 1.2, before its start 2"),
        (BORIS_EVENTS.replace("\tSTOP\t2", "\tPOINT\t2"), ":2: 'Forehand' starts and never stops"),
        (BORIS_EVENTS.replace("\tSTART\t1", "\tPOINT\t1"), ":3: 'Forehand' stops without a START"),
        (BORIS_EVENTS.replace("\tSTOP\t2", "\tHALT\t2"), ":3: expected behavior type START, STOP or POINT, got 'HALT'"),
        (ELAN.replace("</TIER>", "", 1), "damaged XML"),
        (ELAN.replace('TIME_SLOT_REF2="ts2"', 'TIME_SLOT_REF2="ts9"'), "annotation a1 has no time slot"),
        (ELAN_TAB + "strokes\tAnn\tsoon\tlater\tServe\n", ":3: expected tier, begin, end and annotation"),
        (VIA_CSV.replace('[1.2,2]', '[1.2,'), "not as VIA 3 writes it"),
        (VIA_JSON.replace('"z"', '"zz"'), "not as VIA 3 writes it: KeyError 'z'"),
        (CVAT_TRACKS.replace("</track>", "", 1), "damaged XML"),
        (CVAT_TRACKS.replace('frame="30"', 'frames="30"'), "<box> without frame"),
        (LABEL_STUDIO.replace('"start"', '"begin"'), "not as Label Studio writes it: KeyError 'start'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as error:
        brought(text, tmp_path)
    assert why in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_labels_of_another_recording_are_refused() -> None:
    late = FORMS["csv"].parse(CSV.replace("4,4.8", "400,400.8"), "match.csv")
    with pytest.raises(SettingsError, match="match.csv:3: 'Serve' at 400 to 400.8 s lies outside .* 0.00 to 7.96 s"):
        list(labels_of(late, *session()))
    beyond = FORMS["cvat"].parse(CVAT_TRACKS, "x.xml")
    with pytest.raises(SettingsError, match="'Serve' at 100 to 120 frames lies outside the recording, frames 0 to 49"):
        list(labels_of(beyond, *session(50)))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Forehand", "forehand"), ("forehand flat", "forehand"), ("Backhand_Slice", "backhand_slice"),
        ("BackhandSlice", "backhand_slice"), ("Service Kick", "serve"), ("tennis_serve", "serve"),
        ("VReves", "backhand_volley"), ("Derecha", "forehand"), ("Rückhand", "backhand"), ("Drop shot", "drop_shot"),
        ("Neutral", "idle"),
    ],
)  # fmt: skip
def test_names_of_strokes(theirs: str, ours: str) -> None:
    assert canonical(theirs) == ours


def test_the_documented_names_are_those_of_the_table() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = docs.partition("| ours | also |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    pairs = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    told = {name: ours for ours, names in pairs for name in (ours, *names.split(", "))}
    assert told == {theirs: ours for theirs, ours in TABLE.items() if ours != "unsure"}


def test_a_name_given_by_hand_comes_first() -> None:
    assert canonical("Service", {"service": "let"}) == "let"
    assert canonical("Drop shot", {"Drop shot": "forehand_slice"}) == "forehand_slice"


@given(st.integers(0, 359999), st.sampled_from([".", ","]))
def test_clock_times_and_seconds_say_the_same(hundredths: int, point: str) -> None:
    whole, rest = divmod(hundredths, 100)
    clock = f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}{point}{rest:02d}"
    assert seconds(clock, "") == pytest.approx(hundredths / 100)
    assert seconds(f"{whole}{point}{rest:02d}", "") == pytest.approx(hundredths / 100)


@given(st.text(alphabet='ab1:,;\t"\n.<>{}[]#=', max_size=60))
def test_no_text_breaks_the_recognition(text: str) -> None:
    """Every reader says yes or no, whatever stands there, and refuses by name what it cannot read."""
    for form in FORMS.values():
        found, said = [], "x"
        try:
            found = form.parse(text, "x") if form.fits(text) else []
        except SourceError as error:
            said = str(error)
        assert said.startswith("x")
        assert all(np.isfinite([one.start, one.end]).all() for one in found)
    assert all(row for _, row in cells(text.replace('"', "")))

"""Settings: what is wrong is one line that names file, key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgepose import build, config
from edgepose.config_example import example_toml
from edgepose.errors import SettingsError

GOOD = """
device = "court-1"
[mqtt]
broker = "mqtts://broker.club:8883"
[mqtt.tls]
ca = "/etc/ssl/club.pem"
[[camera]]
name = "near"
source = "0"
[camera.capture]
width = 1280
[camera.player]
name = "Ada"
handedness = "left"
[[camera]]
name = "far"
source = "rtsp://camera.club/far"
"""


def load(tmp_path: Path, text: str) -> config.Settings:
    path = tmp_path / "court.toml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


def test_several_cameras_in_one_file(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    assert [camera.name for camera in settings.camera] == ["near", "far"]
    assert settings.camera[0].capture.width == 1280
    assert settings.camera[0].player is not None
    assert settings.camera[0].player.handedness == "left"
    assert settings.mqtt.tls.ca == Path("/etc/ssl/club.pem")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 1", ["court.toml", "unknown key colour", "device", "mqtt"]),
        ("[mqtt]\nbrokr = 'x'", ["unknown key mqtt.brokr", "broker", "password_file"]),
        ("[[camera]]\nsource='0'\n[camera.capture]\nfsp=3", ["unknown key camera[0].capture.fsp", "stall_s"]),
        ("[pose]\nmin_score = 'high'", ["pose.min_score", "'high'", "number"]),
        ("[pose]\nmin_score = 1.5", ["pose.min_score", "1.5", "less than or equal to 1"]),
        ("[mqtt]\nversion = '4'", ["mqtt.version", "'5' or '3.1.1'"]),
        ("device = 'two words'", ["device", "'two words'", "pattern"]),
        ("[[camera]]\nname = 'near'", ["camera[0].source is missing"]),
        (
            "[[camera]]\nname='a'\nsource='0'\n[[camera]]\nname='a'\nsource='1'",
            ["camera names must differ", "a"],
        ),
        ("device = ", ["not TOML"]),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_what_is_allowed(tmp_path: Path, text: str, said: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    for words in ["court.toml", *said]:
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere.toml: cannot read settings"):
        config.load(tmp_path / "nowhere.toml")


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    settings = load(tmp_path, "[mqtt]\nusername = 'ada'\npassword = 'secret'")
    assert "secret" not in repr(settings)


def test_the_example_is_good_and_names_every_key(tmp_path: Path) -> None:
    text = example_toml(config.Settings)
    settings = load(tmp_path, text)
    assert settings.camera[0].source == "0"
    for section in (config.Settings, config.MqttSettings, config.TlsSettings, config.CaptureSettings):
        for key in section.model_fields:
            assert key in text


def test_the_examples_defaults_are_the_defaults(tmp_path: Path) -> None:
    """Every commented key that has a value, uncommented, changes nothing."""
    lines = example_toml(config.Settings).splitlines()
    kept = []
    for line in lines:
        bare = line.removeprefix("# ")
        is_key = " = " in bare and not bare.startswith(("name", "source", "handedness"))
        kept.append(bare if bare.startswith("[") or (is_key and ' = ""' not in bare) else "")
    assert (
        load(
            tmp_path,
            "\n".join([*kept, "", ""]).replace("[camera.player]", "").replace("[[camera]]", "[[camera]]\nsource = '0'"),
        ).mqtt
        == config.MqttSettings()
    )


def test_a_missing_model_names_camera_and_key(tmp_path: Path) -> None:
    settings = load(tmp_path, "[pose]\nmodel = 'no-such-net'\n[[camera]]\nname='near'\nsource='0'")
    with pytest.raises(SettingsError, match=r"court.toml: camera near: pose.model: no model 'no-such-net'"):
        build.check(settings, "court.toml")


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0", "camera"),
        ("/dev/video2", "camera"),
        ("rtsp://user:pass@cam/1", "stream"),
        ("https://cam/stream.m3u8", "stream"),
        ("pipe:cat clip.y4m", "pipe"),
        ("pipe+raw:bgr24:cat x", "pipe"),
        ("ffmpeg:-f v4l2 -i /dev/video0", "pipe"),
        ("picamera", "pipe"),
        ("jetson-csi:1", "pipe"),
        ("loop:clip.mp4", "loop"),
        ("clip.mp4", "video"),
        ("picamera.mp4", "video"),
    ],
)
def test_an_address_tells_its_kind(address: str, kind: str) -> None:
    assert build.source_kind(address) == kind


def test_a_folder_is_pictures_unless_it_is_a_session(tmp_path: Path) -> None:
    assert build.source_kind(str(tmp_path)) == "images"
    (tmp_path / "session.json").touch()
    assert build.source_kind(str(tmp_path)) == "replay"


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "deploy" / "settings").glob("*.toml")), ids=str)
def test_the_boards_settings_are_good(path: Path) -> None:
    assert config.load(path).camera

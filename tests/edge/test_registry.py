"""models pull against a server of our own: first pull, same file, other file, and everything that can go wrong."""

from __future__ import annotations

import io
import json
import ssl
import urllib.error
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from edgepose import build, download, registry
from edgepose import card as cards
from edgepose.download import _NoDowngrade
from edgepose.errors import EdgePoseError, ModelError, SettingsError, SourceError
from edgepose.importing import Imported
from edgepose.models import decoder_module
from edgepose.registry import LOCK, Entry, Registry, Wanted, pull
from edgepose.skeletons import named
from tests.edge.test_importing import heatmaps, openpose_caffe, yolo
from tests.onnx_files import raw_yolo
from tests.web import Web, cut_short, moved, page, serving, stalled


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as running:
        yield running


@pytest.fixture
def net(tmp_path: Path) -> bytes:
    """A network's file."""
    return yolo(tmp_path / "served.onnx").read_bytes()


class Puller:
    """Pulls ``net`` from the server into one folder."""

    def __init__(self, web: Web, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.wanted = Wanted(folder)
        self.entry = Entry(address=f"{web.address}/net.onnx", licence="MIT", seen="here", family="yolo_pose")
        self.others: dict[str, Entry] = {}

    def __call__(self, name: str = "net", **changes: object) -> Imported | None:
        known = Registry(model={"net": self.entry, **self.others})
        return pull(name, known, replace(self.wanted, **changes), self.said.append)

    def fails(self, kind: type[EdgePoseError], said: str, **changes: object) -> None:
        """And leaves the folder as it was."""
        before = sorted(self.folder.rglob("*")) if self.folder.exists() else []
        with pytest.raises(kind, match=said):
            self(**changes)
        assert (sorted(self.folder.rglob("*")) if self.folder.exists() else []) == before


@pytest.fixture
def puller(web: Web, tmp_path: Path) -> Puller:
    return Puller(web, tmp_path / "models")


def test_the_first_pull_installs_and_records(web: Web, puller: Puller, net: bytes, tmp_path: Path) -> None:
    web.pages["/net.onnx"] = net
    done = puller()
    assert done is not None
    assert (done.folder, done.card.name, done.card.licence) == (tmp_path / "models" / "net", "net", "MIT")
    assert f"{web.address}/net.onnx" in done.card.limits
    assert build.verify(done.folder) is None
    (file,) = json.loads((puller.folder / LOCK).read_text())["net"]["files"]
    assert file == {"address": puller.entry.address, "sha256": cards.sha256_of(tmp_path / "served.onnx")}
    assert {path.name for path in puller.folder.iterdir()} == {"net", LOCK}
    assert puller.said == [f"net: from {web.address}/net.onnx"]


def test_the_second_pull_downloads_nothing_and_the_same_file_again_is_taken(
    web: Web, puller: Puller, net: bytes
) -> None:
    web.pages["/net.onnx"] = net
    puller()
    assert puller() is None
    assert web.asked == ["/net.onnx"]
    assert puller(force=True) is not None
    assert web.asked == ["/net.onnx"] * 2


def test_another_file_is_refused_until_it_is_accepted(web: Web, puller: Puller, net: bytes, tmp_path: Path) -> None:
    web.pages["/net.onnx"] = net
    first = puller()
    assert first is not None
    old = first.card.files[0].sha256
    web.pages["/net.onnx"] = yolo(tmp_path / "other.onnx", raw_yolo([])).read_bytes()
    new = cards.sha256_of(tmp_path / "other.onnx")
    said = (
        rf"net: .*/net.onnx is not the file .* before \(\d{{4}}-\d\d-\d\d\): sha256 was {old}, is {new}; .*--accept-new"
    )
    puller.fails(ModelError, said, force=True)
    assert cards.load(first.folder).files[0].sha256 == old
    accepted = puller(force=True, accept_new=True)
    assert accepted is not None
    assert accepted.card.files[0].sha256 == new
    assert registry.recorded(puller.folder)["net"].files[0].sha256 == new


def test_another_file_is_refused_after_the_model_was_deleted_or_the_address_changed(
    web: Web, puller: Puller, net: bytes, tmp_path: Path
) -> None:
    web.pages["/net.onnx"] = net
    done = puller()
    assert done is not None
    for path in done.folder.iterdir():
        path.unlink()
    done.folder.rmdir()
    puller.entry = puller.entry.model_copy(update={"address": f"{web.address}/new.onnx"})
    web.pages["/new.onnx"] = yolo(tmp_path / "other.onnx", raw_yolo([])).read_bytes()
    puller.fails(ModelError, "new.onnx is not the file that was pulled before")
    web.pages["/new.onnx"] = net
    assert puller() is not None


def test_a_damaged_model_says_how_to_get_it_again(web: Web, puller: Puller, net: bytes) -> None:
    web.pages["/net.onnx"] = net
    done = puller()
    assert done is not None
    (done.folder / "weights.onnx").write_bytes(b"x")
    puller.fails(ModelError, "damaged file; --force pulls it again")
    assert puller(force=True) is not None


def test_a_model_that_was_not_pulled_is_left_alone(puller: Puller, net: bytes) -> None:
    mine = puller.folder / "net"
    mine.mkdir(parents=True)
    (mine / "card.json").write_text("{}")
    puller.fails(SettingsError, "is there and was not pulled: --force replaces it")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "net.onnx: the server answers 404"),
        (page(), "answers with a web page, not with a file"),
        (b"\n <HTML>moved", "answers with a web page, not with a file"),
        (cut_short(b"x" * 1000), "the transfer broke after 500 of 1000 bytes"),
        (b"", "the file there is empty"),
        (b"no network", "net.onnx: ONNX Runtime cannot load it"),
        (moved("ftp://127.0.0.1/net.onnx"), "net.onnx: "),
        (moved("/net.onnx"), "net.onnx: the server answers 302"),
        (b"PK\x03\x04 no archive", "an archive that cannot be unpacked"),
    ],
)
def test_what_is_no_file_is_one_line_and_leaves_nothing(web: Web, puller: Puller, answer: object, said: str) -> None:
    if answer is not None:
        web.pages["/net.onnx"] = answer  # type: ignore[assignment]
    puller.folder.mkdir()
    puller.fails(SourceError if "ONNX" not in said and "unpacked" not in said else ModelError, said)


def test_redirects_are_followed_but_never_from_https_to_http(web: Web, puller: Puller, net: bytes) -> None:
    web.pages |= {"/net.onnx": moved("/there.onnx"), "/there.onnx": net}
    assert puller() is not None
    request = download.urllib.request.Request("https://a.example/net")
    with pytest.raises(SourceError, match="sends us on to http://b.example/net, which is not encrypted"):
        _NoDowngrade().redirect_request(request, None, 302, "", {}, "http://b.example/net")  # type: ignore[arg-type]


def test_nobody_listens_and_no_address(tmp_path: Path) -> None:
    for address, said in (
        ("http://127.0.0.1:1/net.onnx", "cannot be reached: Connection refused"),
        ("file:///etc/passwd", "not an http or https address"),
        ("http://[::1/net", "no address that can be read"),
        ("http://127.0.0.1:port/net", "no address that can be read"),
    ):
        with pytest.raises(SourceError, match=said):
            download.download(address, tmp_path / "net")
        assert not (tmp_path / "net").exists()
    for address in ("file:///etc/passwd", "ftp://host/net.onnx", "http://[::1/net", "net.onnx", "http:///net"):
        with pytest.raises(ValidationError, match="pattern"):
            Entry(address=address, licence="x", seen="x")
    assert Entry(address="https://[::1]:8080/a/net.onnx", licence="x", seen="x")


def test_a_certificate_that_is_not_trusted_is_named(monkeypatch: pytest.MonkeyPatch, puller: Puller) -> None:
    failure = ssl.SSLCertVerificationError(1, "certificate verify failed")
    failure.verify_message = "self-signed certificate"

    class Opener:
        def open(self, *_: object, **__: object) -> None:
            raise urllib.error.URLError(failure)

    monkeypatch.setattr(download, "_opener", Opener)
    puller.folder.mkdir()
    puller.fails(SourceError, "its certificate is not trusted: self-signed certificate")


def test_a_server_that_falls_silent_is_left(web: Web, tmp_path: Path) -> None:
    web.pages["/net.onnx"] = stalled(b"x" * 1000, 1.0)
    with pytest.raises(SourceError, match="nothing came for"):
        download.download(f"{web.address}/net.onnx", tmp_path / "net", timeout_s=0.2)


def test_more_than_is_allowed_is_not_taken(web: Web, tmp_path: Path) -> None:
    web.pages["/big"] = b"x" * 2000
    with pytest.raises(SourceError, match=r"big: 0.0 MB, more than the 0.0 MB allowed"):
        download.download(f"{web.address}/big", tmp_path / "big", most_bytes=1999)

    def endless(handler: object) -> None:
        handler.send_response(200)  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]
        handler.wfile.write(b"x" * 2000)  # type: ignore[attr-defined]

    web.pages["/big"] = endless
    with pytest.raises(SourceError, match="more than the 0.0 MB allowed"):
        download.download(f"{web.address}/big", tmp_path / "big", most_bytes=1999)


def test_a_full_disk_is_told_and_leaves_nothing(
    web: Web, puller: Puller, net: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    real = Path.open
    web.pages["/net.onnx"] = net
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r", **rest: Full() if mode == "wb" else real(path, mode, **rest)
    )
    with pytest.raises(OSError, match=r"No space left on device: '.*/models'"):
        puller()
    assert list(puller.folder.iterdir()) == []


def archive(**files: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return data.getvalue()


def test_the_one_network_in_an_archive_is_taken(web: Web, puller: Puller, net: bytes) -> None:
    """Its path in the archive is not used: it points out of the folder here."""
    puller.entry = puller.entry.model_copy(update={"address": f"{web.address}/net.zip"})
    web.pages["/net.zip"] = archive(**{"../../../deploy.json": b"{}", "../../evil/end2end.onnx": net})
    done = puller()
    assert done is not None
    assert {path.name for path in done.folder.iterdir()} == {"card.json", "weights.onnx", "import.jpg"}
    assert not list(puller.folder.parent.rglob("end2end.onnx"))
    assert not list(puller.folder.parent.rglob("deploy.json"))


@pytest.mark.parametrize(("names", "said"), [((), "has none"), (("a.onnx", "b.tflite"), "has a.onnx, b.tflite")])
def test_an_archive_of_none_or_several_is_refused(
    web: Web, puller: Puller, net: bytes, names: tuple[str, ...], said: str
) -> None:
    web.pages["/net.onnx"] = archive(readme=b"hello", **dict.fromkeys(names, net))
    puller.folder.mkdir()
    puller.fails(ModelError, f"should hold one network .*{said}")


def test_weights_and_topology_come_together(web: Web, puller: Puller, tmp_path: Path) -> None:
    file = openpose_caffe(tmp_path)
    web.pages |= {
        "/pose.caffemodel": file.read_bytes(),
        "/deploy.prototxt": (tmp_path / "pose_deploy_linevec.prototxt").read_bytes(),
    }
    puller.entry = Entry(
        address=f"{web.address}/pose.caffemodel", topology=f"{web.address}/deploy.prototxt", licence="x", seen="here",
        input="64x64",
    )  # fmt: skip
    done = puller()
    assert done is not None
    assert (done.card.decoder, done.card.output_shapes) == ("openpose", [[1, 57, 8, 8]])
    assert len(registry.recorded(puller.folder)["net"].files) == 2
    web.pages["/deploy.prototxt"] += b" # changed"  # type: ignore[operator]
    puller.fails(ModelError, "deploy.prototxt is not the file", force=True)


def test_a_detector_is_pulled_along(web: Web, puller: Puller, net: bytes, tmp_path: Path) -> None:
    web.pages |= {"/net.onnx": net, "/top.onnx": heatmaps(tmp_path / "top.onnx").read_bytes()}
    puller.others["top"] = Entry(address=f"{web.address}/top.onnx", licence="MIT", seen="here", detector="net")
    done = puller("top")
    assert done is not None
    assert (done.card.detector, done.trial.people) == ("net", 1)
    assert web.asked == ["/net.onnx", "/top.onnx"]
    assert puller.said[0] == "top needs net to find the people"
    assert puller("top") is None


def test_a_name_that_is_not_known_lists_the_known(puller: Puller) -> None:
    with pytest.raises(SettingsError, match="nett: not in the registry; it has net"):
        puller("nett")


def test_a_damaged_record_is_named(web: Web, puller: Puller, net: bytes) -> None:
    web.pages["/net.onnx"] = net
    puller.folder.mkdir()
    (puller.folder / LOCK).write_text("{")
    puller.fails(ModelError, "pulled.json: damaged record")


def test_a_registry_may_be_a_file_or_an_address(web: Web, tmp_path: Path) -> None:
    text = '[model.net]\naddress = "http://x/net.onnx"\nlicence = "MIT"\nseen = "here"\n'
    (tmp_path / "own.toml").write_text(text)
    web.pages["/own.toml"] = text.encode()
    assert registry.load(str(tmp_path / "own.toml")) == registry.load(f"{web.address}/own.toml")
    for wrong, said in (
        ("[model.net", "own.toml: not TOML"),
        (text + "colour = 1", "own.toml: model.net.colour: extra"),
        ('[model."../x"]\n' + text.partition("\n")[2], "own.toml: model"),
        ("", "own.toml: model: field required"),
    ):
        (tmp_path / "own.toml").write_text(wrong)
        with pytest.raises(SettingsError, match=said):
            registry.load(str(tmp_path / "own.toml"))
    with pytest.raises(SettingsError, match="gone.toml: cannot read the registry: No such file"):
        registry.load(str(tmp_path / "gone.toml"))


def test_the_shipped_registry_names_what_we_have() -> None:
    """Encrypted addresses, decoders and joint sets that are here, detectors of the registry itself."""
    entries = registry.load().model
    assert len(entries) >= 10
    for name, entry in entries.items():
        for address in (entry.address, entry.topology or entry.address):
            assert address.startswith("https://"), name
        assert entry.family is not None
        assert decoder_module(entry.family)
        assert len(named(entry.skeleton or "coco17")) in (17, 26)
        assert entry.detector is None or entries[entry.detector].detector is None
        assert entry.licence
        assert entry.seen
    assert np.array([bool(entry.detector) == entry.family.startswith("topdown") for entry in entries.values()]).all()

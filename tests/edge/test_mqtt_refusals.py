"""Who may talk to the broker: passwords, TLS, addresses; a refusal is one line without the password."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edgepose.config import TlsSettings
from edgepose.errors import BrokerError, SettingsError
from edgepose.mqtt import Publisher
from edgepose.mqtt_address import address, tls_context
from tests.device import an_event, has_event, publisher_settings, sample_info, state_is
from tests.servers import Mosquitto, Subscriber, free_port

NewMosquitto = Callable[..., Mosquitto]
NewPublisher = Callable[..., Publisher]
DEPLOY = Path(__file__).parents[2] / "deploy"
PASSWORD = "p@ss:w/ör d"


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def guarded(new_mosquitto: NewMosquitto, tmp_path: Path) -> Mosquitto:
    """A broker that knows one user, "court"."""
    passwords = tmp_path / "passwords"
    run("mosquitto_passwd", "-c", "-b", str(passwords), "court", PASSWORD)
    return new_mosquitto(f"password_file {passwords}", anonymous=False).start()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_wrong_password_is_a_broker_error(guarded: Mosquitto, new_publisher: NewPublisher, version: str) -> None:
    publisher = new_publisher(guarded.url, version=version, username="court", password="hunter2")
    with pytest.raises(BrokerError) as refusal:
        publisher.connected(10)
    message = str(refusal.value)
    assert f"127.0.0.1:{guarded.port}" in message
    assert "mqtt.password" in message
    assert "'court'" in message
    assert "hunter2" not in message
    assert "\n" not in message
    publisher.publish_event(an_event(0))
    assert publisher.stop(10) == 1, "no use in waiting for a broker that refuses us"


def test_no_user_name_where_one_is_needed(guarded: Mosquitto, new_publisher: NewPublisher) -> None:
    with pytest.raises(BrokerError, match="no user name given"):
        new_publisher(guarded.url).connected(10)


@pytest.mark.parametrize("where", ["url", "settings", "file"])
def test_the_right_password(guarded: Mosquitto, new_publisher: NewPublisher, tmp_path: Path, where: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    url = f"mqtt://court:p%40ss%3Aw%2F%C3%B6r%20d@127.0.0.1:{guarded.port}" if where == "url" else guarded.url
    more: dict[str, object] = {} if where == "url" else {"username": "court"}
    if where == "settings":
        more["password"] = PASSWORD
    if where == "file":
        more["password_file"] = secret
    publisher = new_publisher(url, **more)
    assert publisher.connected(10)
    with Subscriber(guarded.port, username="court", password=PASSWORD) as listener:
        listener.wait(state_is("online"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://pi", ("mqtt", "pi", 1883, "/mqtt", None, None)),
        ("mqtts://u:p%40@pi:1", ("mqtts", "pi", 1, "/mqtt", "u", "p@")),
        ("ws://[::1]:9001/live", ("ws", "::1", 9001, "/live", None, None)),
        ("wss://pi", ("wss", "pi", 443, "/mqtt", None, None)),
    ],
)
def test_addresses(url: str, expected: tuple[object, ...]) -> None:
    to = address(publisher_settings(url))
    assert (to.scheme, to.host, to.port, to.path, to.username, to.password) == expected
    assert "p@" not in repr(to)


@pytest.mark.parametrize(
    "url", ["embedded", "pi", "pi:1883", "http://pi", "mqtt://", "mqtt://u:pw@pi:x", "mqtt://pi:70000"]
)
def test_a_bad_address_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match=r"mqtt\.broker") as error:
        address(publisher_settings(url))
    assert "pw" not in str(error.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(SettingsError, match="password_file"):
        address(publisher_settings("mqtt://pi", password_file=missing))
    with pytest.raises(SettingsError, match=r"mqtt\.tls\.ca"):
        tls_context(TlsSettings(ca=missing))
    with pytest.raises(SettingsError, match=r"mqtt\.tls\.certificate"):
        tls_context(TlsSettings(certificate=missing, key=missing))
    missing.write_text("no certificate")
    with pytest.raises(SettingsError, match=r"mqtt\.tls\.ca"):
        Publisher("court", publisher_settings("mqtts://pi", tls={"ca": missing}), sample_info(), "boot-1")


class Authority:
    """A certificate authority of our own, made with openssl."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def sign(self, name: str, names: str) -> tuple[Path, Path]:
        """A certificate for ``name`` and its key; ``names`` as in subjectAltName."""
        files = (self._folder / f"{name}.{ending}" for ending in ("key", "csr", "pem", "ext"))
        key, request, certificate, extra = files
        extra.write_text(f"subjectAltName={names}\n")
        run(
            *(
                "openssl",
                "req",
                "-new",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request)),
        )
        run(
            *("openssl", "x509", "-req", "-days", "2", "-in", str(request), "-out", str(certificate)),
            *("-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial"),
            *("-extfile", str(extra)),
        )
        key.chmod(0o600)
        return certificate, key


class Secure:
    """A broker with TLS, a plain port for the listener, and the authority that both sides may know."""

    def __init__(self, folder: Path, new_mosquitto: NewMosquitto, *lines: str) -> None:
        self.authority = Authority(folder / "ca", "court CA")
        certificate, key = self.authority.sign("broker", "IP:127.0.0.1")
        self.port = free_port()
        self.broker = new_mosquitto(
            f"listener {self.port} 127.0.0.1",
            f"certfile {certificate}",
            f"keyfile {key}",
            f"cafile {self.authority.certificate}",
            *lines,
        ).start()
        self.url = f"mqtts://127.0.0.1:{self.port}"


@pytest.fixture
def secure(tmp_path: Path, new_mosquitto: NewMosquitto) -> Secure:
    return Secure(tmp_path, new_mosquitto)


def test_tls_with_our_own_authority(secure: Secure, new_publisher: NewPublisher) -> None:
    publisher = new_publisher(secure.url, tls={"ca": secure.authority.certificate})
    assert publisher.connected(10)
    with Subscriber(secure.broker.port) as listener:
        for seq in range(40):
            publisher.publish_event(an_event(seq))
        listener.wait(has_event(39))
        assert publisher.stop(5) == 0
        listener.wait(state_is("stopped"))


def test_an_unknown_authority_is_a_broker_error(secure: Secure, new_publisher: NewPublisher, tmp_path: Path) -> None:
    for tls in ({}, {"ca": Authority(tmp_path / "other", "other CA").certificate}):
        with pytest.raises(BrokerError, match=r"certificate is not trusted.*mqtt\.tls\.ca"):
            new_publisher(secure.url, tls=tls).connected(10)


def test_the_wrong_host_name(secure: Secure, new_publisher: NewPublisher) -> None:
    url = f"mqtts://localhost:{secure.port}"
    tls = {"ca": secure.authority.certificate}
    with pytest.raises(BrokerError, match=r"not valid for 'localhost'.*host name"):
        new_publisher(url, tls=tls).connected(10)
    assert new_publisher(url, tls=tls | {"insecure": True}).connected(10)


def test_client_certificate(tmp_path: Path, new_mosquitto: NewMosquitto, new_publisher: NewPublisher) -> None:
    secure = Secure(tmp_path, new_mosquitto, "require_certificate true")
    ca = secure.authority.certificate
    with pytest.raises(BrokerError, match=r"certificate required.*mqtt\.tls\.certificate"):
        new_publisher(secure.url, tls={"ca": ca}).connected(10)
    certificate, key = secure.authority.sign("device", "DNS:device")
    assert new_publisher(secure.url, tls={"ca": ca, "certificate": certificate, "key": key}).connected(10)


def test_tls_to_a_plain_port_and_plain_to_a_tls_port(
    secure: Secure, new_publisher: NewPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    tls = {"ca": secure.authority.certificate}
    assert not new_publisher(f"mqtts://127.0.0.1:{secure.broker.port}", tls=tls).connected(1)
    assert not new_publisher(f"mqtt://127.0.0.1:{secure.port}").connected(1)
    assert "is it a TLS port?" in caplog.text
    assert "is the scheme right (mqtts:// for TLS)?" in caplog.text


def old_broker(listener: socket.socket) -> None:
    """Says "unacceptable protocol version" to MQTT 5 and yes to 3.1.1 (MQTT 3.1.1 §3.2.2.3)."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        connect = client.recv(4096)
        level = connect[connect.index(b"MQTT") + 4]
        client.sendall(b"\x20\x02\x00\x00" if level == 4 else b"\x20\x02\x00\x01")


def test_a_broker_without_mqtt_5(new_publisher: NewPublisher, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=old_broker, args=(listener,), daemon=True).start()
        publisher = new_publisher(f"mqtt://127.0.0.1:{listener.getsockname()[1]}", version="5")
        assert publisher.connected(10)
        publisher.stop(0)
        listener.shutdown(socket.SHUT_RDWR)
    [line] = [record.message for record in caplog.records]
    assert line.endswith('does not speak MQTT 5; set mqtt.version = "3.1.1"; going on with 3.1.1')


def test_the_example_configuration(tmp_path: Path, new_mosquitto: NewMosquitto, new_publisher: NewPublisher) -> None:
    """deploy/mosquitto.conf with our folder and port: a device speaks on its own topics only."""
    folder = tmp_path / "etc"
    folder.mkdir()
    authority = Authority(tmp_path / "ca", "example CA")
    certificate, key = authority.sign("broker", "IP:127.0.0.1")
    for source, name in ((authority.certificate, "ca.pem"), (certificate, "broker.pem"), (key, "broker.key")):
        (folder / name).write_bytes(source.read_bytes())
    run("mosquitto_passwd", "-c", "-b", str(folder / "passwords"), "court", PASSWORD)
    run("mosquitto_passwd", "-b", str(folder / "passwords"), "reader", PASSWORD)
    (folder / "acl").write_text((DEPLOY / "mosquitto.acl").read_text())
    port = free_port()
    text = (DEPLOY / "mosquitto.conf").read_text().replace("/etc/mosquitto/edgepose", str(folder))
    text = text.replace("/var/lib/mosquitto", str(tmp_path)).replace("8883", f"{port} 127.0.0.1")
    text = text.replace("persistence true", "").replace("allow_anonymous false", "")
    broker = new_mosquitto(text, anonymous=False).start()
    more = {"password": PASSWORD, "tls": {"ca": authority.certificate}}
    publisher = new_publisher(f"mqtts://127.0.0.1:{port}", username="court", **more)
    assert publisher.connected(10)
    with Subscriber(broker.port, username="reader", password=PASSWORD) as reader:
        publisher.publish_event(an_event(0))
        reader.wait(has_event(0))
        reader.send("edgepose/court/command", b'{"transaction":"t","command":"ping"}')
        reader.wait(lambda heard: any(one.topic.endswith("/response") for one in heard))
    assert publisher.stop(5) == 0
    stranger = new_publisher(f"mqtts://127.0.0.1:{port}", username="reader", **more)
    assert stranger.connected(10)
    stranger.publish_event(an_event(1))
    assert stranger.stop(5) == 0
    assert stranger.counters.refused == 1

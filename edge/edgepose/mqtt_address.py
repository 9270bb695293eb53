"""Where the broker is, who we are, and whom we trust: MqttSettings read once, at start."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from edgepose.config import MqttSettings, TlsSettings
from edgepose.errors import SettingsError

_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}


@dataclass(frozen=True)
class Address:
    """Where the broker is and who we are."""

    scheme: str
    host: str
    port: int
    path: str = "/mqtt"
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """For messages: host:port, never the password."""
        return f"broker {self.host}:{self.port}"


def address(settings: MqttSettings) -> Address:
    """The address in ``settings.broker``; raises SettingsError. Password: setting, then file, then URL."""
    parts = urlsplit(settings.broker)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in _PORTS or not parts.hostname or port in (-1, 0):
        shown = settings.broker.rpartition("@")[2]
        raise SettingsError(f"mqtt.broker = {shown!r}: expected mqtt://, mqtts://, ws:// or wss:// host[:port]")
    username = settings.username or (unquote(parts.username) if parts.username else None)
    password = unquote(parts.password) if parts.password else None
    if settings.password_file is not None:
        password = _read_password(settings)
    if settings.password is not None:
        password = settings.password.get_secret_value()
    return Address(
        parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path or "/mqtt", username, password
    )


def _read_password(settings: MqttSettings) -> str:
    path = settings.password_file
    assert path is not None
    try:
        return path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise SettingsError(f"mqtt.password_file = {path}: cannot read it: {reason}") from None


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """The system's CAs or our own one, and the client certificate; raises SettingsError naming the file."""
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"mqtt.tls.ca = {settings.ca}: no PEM certificates there: {short_reason(error)}") from None
    if settings.ca is not None:
        # Python 3.13 refuses home-made CAs that lack key identifiers; whoever names a CA file trusts it
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if settings.certificate is not None:
        try:
            context.load_cert_chain(settings.certificate, settings.key)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"mqtt.tls.certificate = {settings.certificate}, key = {settings.key}: "
                f"cannot be used: {short_reason(error)}"
            ) from None
    context.check_hostname = not settings.insecure
    return context


def short_reason(error: OSError) -> str:
    """The reason of an OSError or SSLError without numbers and source lines."""
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or error).lower().replace("_", " ")

"""The page's server: 127.0.0.1 only, a key in the address, nothing but what is listed here.

Other programs' web pages cannot reach it: a request needs the key, names this host in Host (DNS rebinding), and,
where a browser says from which page it comes, it comes from ours.
"""

from __future__ import annotations

import hmac
import secrets
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from urllib.parse import parse_qs, urlsplit

from edgepose import __version__
from edgepose.errors import SessionError, SettingsError
from edgepose_trainer.label_page.ledger import Changed
from edgepose_trainer.label_page.site import Labels, Naming, Site, encoded, parsed

_HOST = "127.0.0.1"
_LONGEST = 16 << 20
"""Bytes of a body that is read: 100,000 labels."""
_MOST_PICTURES = 64
_POLL_S = 0.05
"""So soon a stop is noticed."""
_KINDS = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class LabelServer:
    """Serves one site from a thread of its own."""

    def __init__(self, page: Site, port: int) -> None:
        """Takes the port (0: any free one); raises SettingsError when another program has it."""
        self.page = page
        self._key = secrets.token_urlsafe(24)
        static = files("edgepose_trainer.label_page") / "static"
        self._files = {one.name: one.read_bytes() for one in static.iterdir() if one.name.rpartition(".")[2] in _KINDS}
        try:
            self._http = _Server((_HOST, port), self._handler())
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise SettingsError(f"--port {port}: {why}; give another one, or 0 for any that is free") from None
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_POLL_S,), name="label page", daemon=True
        )

    @property
    def address(self) -> str:
        return f"http://{_HOST}:{self._http.server_port}/{self._key}/"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes no more requests; a write in work ends first."""
        self._http.shutdown()
        self.page.ledger.close()
        self._http.server_close()
        if self.page.pictures is not None:
            self.page.pictures.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(_Handler):
            def route(self, method: str) -> None:
                server.answer(self, method)

        return Handler

    def answer(self, request: _Handler, method: str) -> None:
        """One request, checked and answered."""
        url = urlsplit(request.path)
        _, key, *rest = url.path.split("/")
        if not self._ours(request) or not hmac.compare_digest(key.encode(), self._key.encode()) or not rest:
            request.refuse(HTTPStatus.FORBIDDEN, "this page is for its own address only; it stands in the terminal")
            return
        name = "/".join(rest)
        try:
            if method == "PUT":
                self._put(request, name)
            else:
                self._get(request, name, parse_qs(url.query))
        except Changed as error:
            request.refuse(HTTPStatus.CONFLICT, str(error), version=error.version)
        except SessionError as error:
            request.refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except OSError as error:
            request.refuse(HTTPStatus.INSUFFICIENT_STORAGE, error.strerror or str(error))

    def _ours(self, request: _Handler) -> bool:
        """Host and, where the browser tells it, the page that asks are ours."""
        hosts = {f"{name}:{self._http.server_port}" for name in (_HOST, "localhost")}
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "none")
        return (
            request.headers.get("Host") in hosts
            and (origin is None or origin in {f"http://{host}" for host in hosts})
            and site in ("none", "same-origin")
        )

    def _get(self, request: _Handler, name: str, query: dict[str, list[str]]) -> None:
        answers: dict[str, Callable[[], object]] = {
            "session": self.page.facts,
            "labels": self.page.read_labels,
            "suggestions": self.page.suggested,
        }
        kind, _, number = name.partition("/")
        if name in self._files or not name:
            file = name or "page.html"
            request.send(self._files[file], _KINDS[file.rpartition(".")[2]])
        elif name in answers:
            request.send(encoded(answers[name]()))
        elif kind == "poses" and number.isascii() and number.isdigit():
            piece = self.page.piece(int(number[:9]))
            request.send(piece) if piece is not None else request.refuse(HTTPStatus.NOT_FOUND, "beyond the end")
        elif name == "pictures":
            self._pictures(request, query)
        else:
            request.refuse(HTTPStatus.NOT_FOUND, "there is nothing of this name")

    def _pictures(self, request: _Handler, query: dict[str, list[str]]) -> None:
        try:
            frames = [int(one) for one in query["frames"][0].split(",")]
            width = int(query["width"][0])
        except (KeyError, ValueError):
            frames, width = [], 0
        if not 0 < len(frames) <= _MOST_PICTURES or width < 1:
            request.refuse(HTTPStatus.BAD_REQUEST, "expected frames=1,2,… and width=pixels")
            return
        packed = self.page.packed(frames, width)
        if packed is None:
            request.refuse(HTTPStatus.NOT_FOUND, "this session has no video")
            return
        request.stream(packed)

    def _put(self, request: _Handler, name: str) -> None:
        body = request.body()
        if body is None:
            return
        if name == "labels":
            sent = parsed(Labels, body)
            assert isinstance(sent, Labels)
            request.send(encoded(self.page.write_labels(sent)))
        elif name == "player":
            naming = parsed(Naming, body)
            assert isinstance(naming, Naming)
            request.send(encoded(self.page.name_player(naming)))
        else:
            request.refuse(HTTPStatus.NOT_FOUND, "there is nothing of this name to write")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away is no error; anything else is ours to see."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """Reading and answering; what is answered is ``route``'s business."""

    protocol_version = "HTTP/1.1"
    server_version = f"edgepose/{__version__}"
    sys_version = ""
    timeout = 60

    def route(self, method: str) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.route("GET")

    def do_PUT(self) -> None:
        self.route("PUT")

    def body(self) -> bytes | None:
        """The JSON that came; None when it was refused."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or not length.isdigit() or int(length) > _LONGEST:
            self.close_connection = True  # what came is not read
            self.refuse(HTTPStatus.BAD_REQUEST, "expected JSON of a stated length")
            return None
        return self.rfile.read(int(length))

    def send(self, body: bytes, kind: str = "application/json", status: HTTPStatus = HTTPStatus.OK) -> None:
        self._head(status, kind, len(body))
        self.wfile.write(body)

    def stream(self, parts: Iterable[bytes]) -> None:
        """Of a length that is not known before."""
        self.close_connection = True
        self._head(HTTPStatus.OK, "application/octet-stream", None)
        for part in parts:
            if self._gone():
                return
            self.wfile.write(part)

    def refuse(self, status: HTTPStatus, why: str, **more: str) -> None:
        """One line of JSON; a body that was not read ends the connection."""
        if self.command == "PUT":
            self.close_connection = True
        self.send(encoded({"error": why} | more), status=status)

    def _gone(self) -> bool:
        """True when the page has hung up: it does not want these pictures any more."""
        ready, _, _ = select.select([self.connection], [], [], 0)
        return bool(ready) and not self.connection.recv(1, socket.MSG_PEEK)

    def log_message(self, format: str, *arguments: object) -> None:
        """The terminal is not a log of every picture."""

    def _head(self, status: HTTPStatus, kind: str, length: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

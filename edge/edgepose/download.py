"""One file from an http(s) address to disk, with its hash. What goes wrong is one line that names the address."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edgepose.errors import SourceError

TIMEOUT_S = 30.0
MOST_BYTES = 1 << 30
_PIECE = 1 << 18
Progress = Callable[[int, int | None], None]
"""(bytes so far, bytes in all or None)."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that arrived whole."""

    path: Path
    sha256: str
    bytes: int


def download(
    address: str,
    path: Path,
    progress: Progress | None = None,
    most_bytes: int = MOST_BYTES,
    timeout_s: float = TIMEOUT_S,
) -> Downloaded:
    """Fetches ``address`` into ``path``; raises SourceError: the server's answer, certificate, a broken transfer,
    a page instead of a file, more than ``most_bytes``. A half of a file may lie at ``path`` then.
    """
    if not address.lower().startswith(("http://", "https://")):
        raise SourceError(f"{address}: not an http or https address")
    try:
        request = urllib.request.Request(address, headers={"User-Agent": "edgepose", "Accept-Encoding": "identity"})
        with _opener().open(request, timeout=timeout_s) as answer:
            return _received(address, answer, path, progress, most_bytes)
    except urllib.error.HTTPError as error:
        raise SourceError(f"{address}: the server answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise SourceError(f"{address}: {_reason(error.reason)}") from None
    except TimeoutError:
        raise SourceError(f"{address}: nothing came for {timeout_s:.0f} s") from None
    except (ValueError, http.client.InvalidURL) as error:
        raise SourceError(f"{address}: no address that can be read: {error}") from None
    except (http.client.HTTPException, ConnectionError) as error:
        raise SourceError(f"{address}: the transfer broke: {error or type(error).__name__}") from None


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Redirects are followed, but not from https to http: the first pull has nothing else to trust."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise SourceError(f"{req.full_url}: sends us on to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoDowngrade)


def _received(address: str, answer: Any, path: Path, progress: Progress | None, most_bytes: int) -> Downloaded:
    declared = answer.headers.get("Content-Length", "")
    total = int(declared) if declared.isdigit() else None
    if (total or 0) > most_bytes:
        raise SourceError(f"{address}: {_megabytes(total or 0)}, more than the {_megabytes(most_bytes)} allowed")
    digest, count = hashlib.sha256(), 0
    with path.open("wb") as file:
        while piece := answer.read1(_PIECE):
            if count == 0 and _is_page(answer.headers.get_content_type(), piece):
                raise SourceError(f"{address}: answers with a web page, not with a file")
            count += len(piece)
            if count > most_bytes:
                raise SourceError(f"{address}: more than the {_megabytes(most_bytes)} allowed")
            digest.update(piece)
            file.write(piece)
            if progress is not None:
                progress(count, total)
    if total is not None and count != total:
        raise SourceError(f"{address}: the transfer broke after {count} of {total} bytes")
    if count == 0:
        raise SourceError(f"{address}: the file there is empty")
    return Downloaded(path, digest.hexdigest(), count)


def _is_page(content_type: str, start: bytes) -> bool:
    head = start[:512].lstrip().lower()
    return content_type == "text/html" or head.startswith((b"<!doctype html", b"<html"))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _reason(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    if isinstance(reason, OSError) and reason.strerror:
        return f"cannot be reached: {reason.strerror}"
    return f"cannot be reached: {reason}"

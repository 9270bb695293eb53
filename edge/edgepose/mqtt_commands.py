"""Requests on ``…/command`` and their answers: a table of handlers, and no request that can break us."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pydantic import ValidationError

from edgepose import wire
from edgepose.errors import EdgePoseError
from edgepose.schemas import Command

Handler: TypeAlias = Callable[[dict[str, Any]], Any]
"""Arguments in, JSON value out; called in the network thread, so it must return at once. May raise
EdgePoseError or ValueError: its message is the answer."""

_log = logging.getLogger(__name__)


def answer(payload: bytes, handlers: Mapping[str, Handler]) -> dict[str, Any]:
    """The Response to one request: ok with a result, or not ok with one line that says why."""
    try:
        request = Command.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        return _response(None, None, error=f"{key or 'request'}: {first['msg'].lower()}")
    handler = handlers.get(request.command)
    if handler is None:
        known = ", ".join(sorted(handlers))
        return _response(request.transaction, request.command, error=f"unknown command; known: {known}")
    try:
        result = wire.finite(handler(request.arguments))
        wire.encode({"result": result})
    except (EdgePoseError, ValueError) as error:
        return _response(request.transaction, request.command, error=str(error))
    except Exception as error:  # noqa: BLE001 - a handler's mistake must not end the connection
        _log.exception("command %s", request.command)
        return _response(request.transaction, request.command, error=f"failed: {type(error).__name__}: {error}")
    return _response(request.transaction, request.command, result=result)


def _response(
    transaction: str | None, command: str | None, *, result: Any = None, error: str | None = None
) -> dict[str, Any]:
    return {
        "transaction": transaction,
        "command": command,
        "ok": error is None,
        "result": result,
        "error": error,
        "at": wire.timestamp(time.time()),
    }

"""The whole failure vocabulary: what went wrong and, in the message, what to do about it."""

from __future__ import annotations


class EdgePoseError(Exception):
    """Base of all; the command line prints its message on one line and exits with 2."""


class SettingsError(EdgePoseError):
    """A setting or argument is wrong; the message names file, key and what is allowed."""


class ModelError(EdgePoseError):
    """Weights and card disagree, or the file is no model that we know; says expected and got."""


class SourceError(EdgePoseError):
    """A source cannot be opened or read at all: wrong path, no such camera, unreadable file."""


class SourceLost(EdgePoseError):
    """A live source died or stalled: weather, the capture thread opens it again."""


class SessionError(EdgePoseError):
    """A recorded session is not what `edgepose-session/1` says."""


class BrokerError(EdgePoseError):
    """The broker refuses us (password, certificate) or cannot be reached."""

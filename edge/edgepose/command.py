"""A child process whose output is read with deadlines, and which is ended with all its children."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque

_PIPE_BYTES = 1 << 20
_KEPT_LINES = 20
_LINE_BYTES = 1000
_GRACE_S = 1.0


class CommandEnded(Exception):
    """The command failed or ended in the middle of a frame; says its name and its own last line."""


class Command:
    """A running command: one thread reads, any may ``close``. Its messages are kept, the last few."""

    def __init__(self, argv: list[str], own_descriptor: bool = False) -> None:
        """Starts it without a shell; raises OSError when that is impossible.

        With ``own_descriptor`` the frames do not come through standard output but through another
        descriptor, whose number replaces ``{fd}`` in ``argv``.
        """
        self.name = os.path.basename(argv[0])
        self.closing = False
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._reading = threading.Lock()
        self._closing_lock = threading.Lock()
        self._fd, write_fd = os.pipe()
        with contextlib.suppress(OSError, AttributeError):  # a bigger pipe only saves wake-ups
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            self._process = subprocess.Popen(
                [word.replace("{fd}", str(write_fd)) for word in argv] if own_descriptor else argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if own_descriptor else write_fd,
                stderr=subprocess.STDOUT if own_descriptor else subprocess.PIPE,
                pass_fds=[write_fd] if own_descriptor else [],
                start_new_session=True,
            )
        except OSError:
            os.close(self._fd)
            raise
        finally:
            os.close(write_fd)
        self._listener = threading.Thread(target=self._listen, name=f"{self.name} messages", daemon=True)
        self._listener.start()

    def read_line(self, most: int, deadline_s: float) -> bytes:
        """The next line without its newline, cut at ``most`` bytes; b"" at a clean end.

        Raises TimeoutError after ``deadline_s`` (monotonic), CommandEnded when the command failed.
        """
        line = bytearray()
        byte = bytearray(1)
        while len(line) < most:
            if not self._read_some(memoryview(byte), deadline_s):
                if line:
                    raise CommandEnded(f"{self.name} ended in the middle of a line{self.said()}")
                return b""
            if byte == b"\n":
                break
            line += byte
        return bytes(line)

    def read_into(self, buffer: bytearray, deadline_s: float) -> bool:
        """Fills ``buffer``; False at a clean end. Raises as ``read_line`` does."""
        rest = memoryview(buffer)
        while len(rest):
            count = self._read_some(rest, deadline_s)
            if not count:
                if len(rest) < len(buffer):
                    raise CommandEnded(f"{self.name} ended in the middle of a frame{self.said()}")
                return False
            rest = rest[count:]
        return True

    def said(self) -> str:
        """ ": " and the last line that the command wrote about itself, or ""."""
        self._listener.join(0.5 if self._exit_code() is not None else 0.0)
        return f": {self._lines[-1]}" if self._lines else ""

    def close(self) -> None:
        """Ends and reaps the command and its children; safe to call twice and from another thread."""
        self.closing = True
        with self._closing_lock:
            if self._process.returncode is not None:
                return
            self._signal(signal.SIGTERM)
            end_s = time.monotonic() + _GRACE_S
            while self._exit_code() is None and time.monotonic() < end_s:
                time.sleep(0.005)
            self._signal(signal.SIGKILL)
            self._process.wait()
            with self._reading:
                os.close(self._fd)
            self._listener.join(_GRACE_S)

    def _signal(self, number: int) -> None:
        # The leader is not reaped yet, so the group's number cannot be anyone else's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _exit_code(self) -> int | None:
        """Without reaping, which only ``close`` does; None while it runs; negative: by a signal."""
        if self._process.returncode is not None:
            return self._process.returncode
        try:
            state = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return self._process.returncode
        if state is None:
            return None
        return state.si_status if state.si_code == os.CLD_EXITED else -state.si_status

    def _read_some(self, into: memoryview, deadline_s: float) -> int:
        """At least one byte, or 0 at a clean end."""
        with self._reading:
            if self.closing:
                raise CommandEnded(f"{self.name} was closed")
            poll = select.poll()
            poll.register(self._fd, select.POLLIN)
            if not poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000.0):
                raise TimeoutError(f"{self.name} wrote nothing in time{self.said()}")
            count = os.readv(self._fd, [into])
        if count == 0:
            self._check_end()
        return count

    def _check_end(self) -> None:
        """The output closes a moment before the command has ended."""
        end_s = time.monotonic() + _GRACE_S
        while (code := self._exit_code()) is None and time.monotonic() < end_s:
            time.sleep(0.005)
        if code:
            how = f"failed with exit code {code}" if code > 0 else f"was ended by signal {-code}"
            raise CommandEnded(f"{self.name} {how}{self.said()}")

    def _listen(self) -> None:
        messages = self._process.stderr or self._process.stdout
        assert messages is not None
        with messages:
            while line := messages.readline(_LINE_BYTES):
                text = line.decode("utf-8", "replace").strip()
                if text:
                    self._lines.append(text)

"""One program under supervision: bounded in time and output, and gone afterwards with all its kin.

A process group is not enough. Claude Code starts each shell command in a session of its own
(observed, 2.1.330), and a daemon makes itself one. So kin are found by three signs: the session
that we started, a mark in the environment that children inherit, and descent from either.
What clears its environment, leaves the session and outlives its parent escapes, unless it has a
user of its own (`runtimes.User`), and so does what another user owns (sudo): the runner's own
clean-up is the last resort. Without /proc (macOS) only the group is ended.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import FrameType, TracebackType
from typing import BinaryIO, Self

from ao_actions.agents.runtimes import PROCESS, Runtime

MARK = "AO_PROCESS_MARK"
TRANSCRIPT_LIMIT = 10_000_000
STDOUT_LIMIT = 8_000_000
STDERR_LIMIT = 1_000_000
GRACE = 10.0  # seconds between TERM and KILL
DRAIN = 2.0  # seconds for what the pipes still hold; only a process that escaped keeps them open
POLL = 0.05
PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a supervised program ended; `code` is negative for a signal."""

    code: int
    timed_out: bool
    seconds: float
    stdout: bytes
    stderr: bytes


def supervise(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    stdin: Path | None,
    seconds: float,
    transcript: Path,
    grace: float = GRACE,
    runtime: Runtime = PROCESS,
) -> Ended:
    """Run a program to its end or its limit. OSError if it cannot be started."""
    mark = uuid.uuid4().hex
    line, variables = runtime.call(argv, {**environment, MARK: mark})
    started = time.monotonic()
    with (
        _stoppable() as obey,
        (stdin or Path(os.devnull)).open("rb") as given,
        transcript.open("wb") as log,
        subprocess.Popen(
            line,
            cwd=cwd,
            env=variables,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process,
        _Capture(process, log, obey) as capture,
    ):
        family = _Family(process.pid, mark, runtime)
        try:
            in_time = capture.until_exit(process, started + seconds)
            if not in_time:
                family.signal(signal.SIGTERM)
                capture.until_exit(process, time.monotonic() + grace)
        finally:
            _end(process, family)
        capture.drain(time.monotonic() + DRAIN)
        return Ended(
            code=process.returncode,
            timed_out=not in_time,
            seconds=time.monotonic() - started,
            stdout=capture.stdout.value(),
            stderr=capture.stderr.value(),
        )


@contextlib.contextmanager
def _stoppable() -> Iterator[Callable[[], None]]:
    """Note SIGINT and SIGTERM (a cancelled job); what is yielded obeys, at a place of our choice.

    An exception at any moment could come while the program starts, and leave it without a keeper.
    A caller with handlers of its own has its own way to stop.
    """
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    def obey() -> None:
        if asked and asked[0] == signal.SIGINT:
            raise KeyboardInterrupt
        if asked:
            sys.exit(128 + asked[0])

    usual: dict[signal.Signals, Callable[[int, FrameType | None], object] | signal.Handlers] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    here = threading.current_thread() is threading.main_thread()
    ours = [number for number in usual if here and signal.getsignal(number) is usual[number]]
    for number in ours:
        signal.signal(number, note)
    try:
        yield obey
    finally:
        for number in ours:
            signal.signal(number, usual[number])
    obey()


class Window:
    """The head and the tail of a stream: constant memory however much flows through it.

    The head goes to `file` as it comes, so that it is there if we are killed; the tail follows
    when the window is closed.
    """

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._half = limit // 2
        self._head = 0
        self._tail = bytearray()
        self._dropped = 0

    def feed(self, chunk: bytes) -> None:
        room = self._half - self._head
        if room > 0:
            self._file.write(chunk[:room])
            self._file.flush()
            self._head += len(chunk[:room])
            chunk = chunk[room:]
        self._tail += chunk
        if len(self._tail) > 2 * self._half:
            self._trim()

    def close(self) -> None:
        """Write what is left. The gap, if any, stands on a line of its own."""
        self._trim()
        if self._dropped:
            self._file.write(f"\n[... {self._dropped} bytes left out ...]\n".encode())
        self._file.write(self._tail)
        self._tail.clear()
        self._file.flush()

    def _trim(self) -> None:
        excess = len(self._tail) - self._half
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess


class _Memory(Window):
    """A window on nothing but memory."""

    def __init__(self, limit: int) -> None:
        self._buffer = BytesIO()
        super().__init__(self._buffer, limit)

    def value(self) -> bytes:
        self.close()
        return self._buffer.getvalue()


class _Capture:
    """Both output pipes, read as they fill: into memory apart, into the log together."""

    def __init__(
        self, process: subprocess.Popen[bytes], log: BinaryIO, obey: Callable[[], None]
    ) -> None:
        self.stdout = _Memory(STDOUT_LIMIT)
        self.stderr = _Memory(STDERR_LIMIT)
        self._obey = obey
        self._log = Window(log, TRANSCRIPT_LIMIT)
        self._selector = selectors.DefaultSelector()
        for pipe, window in ((process.stdout, self.stdout), (process.stderr, self.stderr)):
            assert pipe is not None  # noqa: S101  both are PIPE
            self._selector.register(pipe, selectors.EVENT_READ, window)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._selector.close()
        self._log.close()

    def until_exit(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """Read until the program itself ends (True) or the deadline passes (False)."""
        while process.poll() is None:
            self._obey()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._pump(min(left, POLL))
        return True

    def drain(self, deadline: float) -> None:
        """Read what is left in the pipes."""
        while self._selector.get_map() and time.monotonic() < deadline:
            self._pump(POLL)

    def _pump(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            chunk = os.read(key.fd, 1 << 16)
            if chunk:
                key.data.feed(chunk)
                self._log.feed(chunk)
            else:
                self._selector.unregister(key.fileobj)


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its id alone may mean another one later."""

    pid: int
    started: int  # in clock ticks since the machine's start


class _Family:
    """A supervised program and its kin. Who was seen to belong to it, stays so."""

    def __init__(self, leader: int, mark: str, runtime: Runtime) -> None:
        self._leader = leader
        self._mark = mark
        self._runtime = runtime
        self._known: frozenset[Process] = frozenset()

    def signal(self, number: signal.Signals) -> bool:
        """Signal them all; whether there was one that we may signal, and have to look for again."""
        # Look first: a parent's end hides its children's descent.
        owner = self._runtime.owner
        self._known = kin(self._leader, self._mark, known=self._known, owner=owner)
        if number is signal.SIGKILL or not self._known:
            _send(os.killpg, self._leader, number)
        # Each of them once: many programs take a second TERM for "at once".
        reached = [_send(self._runtime.send, process.pid, number) for process in self._known]
        return any(reached)


def _end(process: subprocess.Popen[bytes], family: _Family) -> None:
    """Kill the program and its kin until none is left; bounded, for some cannot be killed."""
    for _ in range(100):
        alive = family.signal(signal.SIGKILL)
        process.poll()
        if not alive:
            break
        time.sleep(POLL / 5)
    process.wait()


def _send(send: Callable[[int, int], None], target: int, number: signal.Signals) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        send(target, number)
        return True
    return False


def kin(
    leader: int,
    mark: str,
    *,
    known: frozenset[Process] = frozenset(),
    owner: int | None = None,
) -> frozenset[Process]:
    """The live processes that belong to a supervised program: by session, mark or descent, or by
    the user that is its own."""
    parents: dict[Process, int] = {}
    found: set[Process] = set()
    wanted = f"{MARK}={mark}".encode()
    for entry in PROC.glob("[0-9]*"):
        # A process may end while we look at it, and others' environments are not ours to read.
        with contextlib.suppress(OSError):
            # "pid (name) state ppid pgrp session ...": the name may hold anything, also ")".
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            if fields[0] in (b"Z", b"X"):
                continue
            process = Process(int(entry.name), int(fields[19]))
            parents[process] = int(fields[1])
            in_session = int(fields[3]) == leader
            if (
                in_session
                or process in known
                or entry.stat().st_uid == owner
                or wanted in (entry / "environ").read_bytes().split(b"\0")
            ):
                found.add(process)
    return _with_descendants(found, parents)


def _with_descendants(found: set[Process], parents: Mapping[Process, int]) -> frozenset[Process]:
    while True:
        pids = {process.pid for process in found}
        more = {process for process, parent in parents.items() if parent in pids} - found
        if not more:
            return frozenset(found)
        found = found | more

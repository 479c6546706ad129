"""One program under supervision: bounded in time, output, processes and disk, and gone afterwards
with all its kin (`kin`).
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

from ao_actions.agents.kin import MARK, Family, adopting
from ao_actions.agents.limits import Watch
from ao_actions.agents.runtimes import PROCESS, Runtime

TRANSCRIPT_LIMIT = 10_000_000
STDOUT_LIMIT = 8_000_000
STDERR_LIMIT = 1_000_000
GRACE = 10.0  # seconds between TERM and KILL
DRAIN = 2.0  # seconds for what the pipes still hold; only a process that escaped keeps them open
POLL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a supervised program ended; `code` is negative for a signal.

    `stopped`: the limit for which we ended it, other than time; "" if none.
    """

    code: int
    timed_out: bool
    stopped: str = ""
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
        adopting() as before,
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
        family = Family(process, mark, runtime, before)
        watch = Watch(cwd, family.count)
        try:
            ended = capture.until_exit(process, started + seconds, watch)
            if not ended and not watch.said:
                family.terminate()
                capture.until_exit(process, time.monotonic() + grace, watch)
        finally:
            family.end()
        capture.drain(time.monotonic() + DRAIN)
        return Ended(
            code=process.returncode,
            timed_out=not ended and not watch.said,
            stopped=watch.said,
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

    def until_exit(self, process: subprocess.Popen[bytes], deadline: float, watch: Watch) -> bool:
        """Read until the program itself ends (True), or its time or a limit does (False)."""
        while process.poll() is None:
            self._obey()
            left = deadline - time.monotonic()
            if left <= 0 or watch.broken():
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

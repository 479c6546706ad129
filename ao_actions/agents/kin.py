"""The processes that belong to a supervised program, found whatever they do, and ended.

A process group is not enough. Claude Code starts each shell command in a session of its own
(observed, 2.1.330), and a daemon makes itself one. So kin are found by four signs: the session that
we started, a mark in the environment that children inherit, descent, and the user where they have
one of their own (`runtimes.User`). Orphans become our own children meanwhile (Linux), so that
descent finds what cleared its environment, left its session and outlived its parent. Without /proc
(macOS) only the group is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ao_actions import runtime as job
from ao_actions.agents.runtimes import Runtime

MARK = "AO_PROCESS_MARK"
PROC = Path("/proc")
ROUNDS = 100
PAUSE = 0.01  # seconds between two rounds


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its id alone may mean another one later."""

    pid: int
    started: int  # in clock ticks since the machine's start


@dataclass(frozen=True, slots=True)
class _Seen:
    """What /proc says of a process."""

    process: Process
    parent: int
    session: int
    ended: bool


@contextlib.contextmanager
def adopting() -> Iterator[frozenset[int] | None]:
    """Orphans become children of this process; yields the ids of those that it has before.

    None where that is not so: another system, or other threads here, whose children could not be
    told from orphans.
    """
    if threading.active_count() > 1 or not job.adopt_orphans(wanted=True):
        yield None
        return
    try:
        yield frozenset(each.process.pid for each in _processes() if each.parent == os.getpid())
    finally:
        job.adopt_orphans(wanted=False)


class Family:
    """A supervised program and its kin. Who was seen to belong to it, stays so.

    `before`: see `adopting`.
    """

    def __init__(
        self,
        program: subprocess.Popen[bytes],
        mark: str,
        runtime: Runtime,
        before: frozenset[int] | None,
    ) -> None:
        self._program = program
        self._wanted = f"{MARK}={mark}".encode()
        self._runtime = runtime
        self._before = before
        self._known: frozenset[Process] = frozenset()

    def count(self) -> int:
        return len(self._look())

    def terminate(self) -> None:
        """Ask them all to end, each of them once: many take a second TERM for "at once"."""
        kin = self._look()
        if not kin:
            _send(os.killpg, self._program.pid, signal.SIGTERM)
        for process in kin:
            _send(self._runtime.send, process.pid, signal.SIGTERM)

    def end(self) -> None:
        """Kill them until none is left; bounded, for some cannot be killed."""
        for _ in range(ROUNDS):
            self._runtime.clear()
            self._hold()
            _send(os.killpg, self._program.pid, signal.SIGKILL)
            alive = [_send(self._runtime.send, p.pid, signal.SIGKILL) for p in self._known]
            self._program.poll()
            if not any(alive):
                break
            time.sleep(PAUSE)
        self._program.wait()

    def _hold(self) -> None:
        """Stop them all, so that none starts another while we end them one by one."""
        stopped: frozenset[Process] = frozenset()
        for _ in range(ROUNDS):
            new = self._look() - stopped
            if not new:
                return
            for process in new:
                _send(self._runtime.send, process.pid, signal.SIGSTOP)
            stopped |= new

    def _look(self) -> frozenset[Process]:
        """Those that live; what was an orphan and has ended is taken off the system's table."""
        # Look at all first: a parent's end hides its children's descent.
        seen = list(_processes())
        for each in seen:
            if each.ended and self._adopted(each):
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(each.process.pid, os.WNOHANG)
        living = {each.process: each for each in seen if not each.ended}
        found = {each.process for each in living.values() if self._is_kin(each)}
        parents = {process: each.parent for process, each in living.items()}
        self._known = _with_descendants(found, parents)
        return self._known

    def _is_kin(self, each: _Seen) -> bool:
        return (
            each.session == self._program.pid
            or each.process in self._known
            or self._adopted(each)
            or self._is_marked(each.process.pid)
        )

    def _adopted(self, each: _Seen) -> bool:
        if self._before is None or each.parent != os.getpid():
            return False
        return each.process.pid not in self._before and each.process.pid != self._program.pid

    def _is_marked(self, pid: int) -> bool:
        # It may have ended meanwhile, and others' environments are not ours to read.
        with contextlib.suppress(OSError):
            entry = PROC / str(pid)
            if entry.stat().st_uid == self._runtime.owner:
                return True
            return self._wanted in (entry / "environ").read_bytes().split(b"\0")
        return False


def _processes() -> Iterator[_Seen]:
    for entry in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            # "pid (name) state ppid pgrp session ...": the name may hold anything, also ")".
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            process = Process(int(entry.name), int(fields[19]))
            yield _Seen(process, int(fields[1]), int(fields[3]), fields[0] in (b"Z", b"X"))


def _with_descendants(found: set[Process], parents: Mapping[Process, int]) -> frozenset[Process]:
    while True:
        pids = {process.pid for process in found}
        more = {process for process, parent in parents.items() if parent in pids} - found
        if not more:
            return frozenset(found)
        found = found | more


def _send(send: Callable[[int, int], None], target: int, number: signal.Signals) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        send(target, number)
        return True
    return False

"""The factory's own programs as processes, forked from one that has imported everything.

Each has a process group of its own, so a SIGKILL takes the git that it started along: as when a
runner's machine dies.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_LOADED = [
    "ao_actions.cli",
    "ao_actions.cleanup",
    "ao_actions.insight.status",
    "ao_actions.publish",
    "ao_actions.reconcile",
    "ao_actions.work.session",
    "github",
]
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(_LOADED)


class Program:
    """`ao-actions ARGUMENTS` in a folder; what it prints goes into a file."""

    def __init__(self, arguments: list[str], env: Mapping[str, str], folder: Path, log: Path):
        self.arguments = arguments
        self.log = log
        self._process: ForkServerProcess = _SERVER.Process(
            target=_main, args=(arguments, dict(env), str(folder), str(log))
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def kill(self) -> None:
        """May be called from any thread, and while it ends by itself."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code; below 0: the signal that ended it."""
        self._process.join()
        code = self._process.exitcode
        self._process.close()
        assert code is not None
        return code


def _main(arguments: list[str], env: dict[str, str], folder: str, log: str) -> None:
    os.setsid()
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # this environment names another
    sys.argv = ["ao-actions", *arguments]
    from ao_actions.cli import main

    main()

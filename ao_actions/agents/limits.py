"""What an agent's processes may take of the machine: processes, disk, memory.

The kernel holds some limits for each process and its children (`held`); others are looked at every
few seconds (`Watch`). Memory has none: where it runs out, the kernel ends the agent and not us.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROCESSES = 1000
TASKS = 4096  # with threads, beyond what the machine has at the start
MEGABYTE = 10**6
FREE = 500 * MEGABYTE  # what stays free on the disk
USED = 20_000 * MEGABYTE  # what may be written, in one file and in all
PERIOD = 2.0  # seconds
SOONER = 500  # of 1000: how much sooner than another the kernel ends it when memory runs out

# Not from PATH: an agent may have written to one of its folders, and some of these run as root.
_SYSTEM = os.pathsep.join(("/usr/sbin", "/usr/bin", "/sbin", "/bin"))


@functools.cache
def tool(name: str) -> str:
    """A program of the system's, by its absolute path; its bare name where there is none."""
    return shutil.which(name, path=_SYSTEM) or name


def held() -> list[str]:
    """The beginning of a command line whose processes the kernel is to keep to the limits.

    Empty without util-linux (macOS). Root has no limit of processes.
    """
    prlimit, choom = tool("prlimit"), tool("choom")
    line: list[str] = []
    if sys.platform != "linux":
        return line
    if Path(choom).is_absolute():
        line += [choom, "-n", str(SOONER), "--"]
    if Path(prlimit).is_absolute():
        line += [prlimit, "--core=0", f"--fsize={USED}", f"--nproc={_tasks() + TASKS}", "--"]
    return line


def _tasks() -> int:
    """How many tasks the machine has: the kernel counts them by user, and the user may be ours."""
    # "0.00 0.01 0.05 1/136 4242" (proc_loadavg(5))
    return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[2])


class Watch:
    """Looks now and then whether a limit is broken, and remembers which."""

    def __init__(self, folder: Path, count: Callable[[], int]) -> None:
        self.said = ""
        self._folder = folder
        self._count = count
        self._free = _free(folder)
        self._next = 0.0

    def broken(self) -> bool:
        """`said` then names the limit."""
        if not self.said and time.monotonic() >= self._next:
            self.said = self._look()
            self._next = time.monotonic() + PERIOD
        return bool(self.said)

    def _look(self) -> str:
        if self._count() > PROCESSES:
            return f"it started more than {PROCESSES} processes"
        free = _free(self._folder)
        if free < FREE:
            return f"less than {FREE // MEGABYTE} MB of the disk are free"
        if self._free - free > USED:
            return f"more than {USED // MEGABYTE} MB of the disk were written to"
        return ""


def _free(folder: Path) -> int:
    """Bytes that we may still write; asking for them costs nothing, unlike adding up sizes."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize

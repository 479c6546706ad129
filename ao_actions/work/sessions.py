"""An agent's session between two attempts: packed into the hand-off, put back where it was.

Only the files that the adapter names travel: no settings, hooks, servers or programs. Both ways
the agent may have written them, so nothing is taken but plain files of a bounded size, and they
are put back without the right to be executed (design 6).
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from ao_actions.agents import Agent, Assignment
from ao_actions.agents.launch import regular_files, secrets_of

FOLDER = "session"
INDEX = "session.json"
MAX_FILES = 200
MAX_BYTES = 50 * 1024 * 1024
# What zipfile raises for one that was not made as it should be (RuntimeError: encrypted, or
# compressed in a way that it does not know).
DAMAGED = (
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
ID = re.compile(r"[A-Za-z0-9_-]{1,100}")  # it will stand in command lines and file patterns


def keep(agent: Agent, assignment: Assignment, session: str | None, folder: Path) -> bool:
    """Pack the session into a hand-off's folder; False if there is none, or too much of it."""
    if session is None or ID.fullmatch(session) is None:
        return False
    files = list(_files(agent, assignment.scratch, session))
    if not 0 < len(files) <= MAX_FILES or sum(f.stat().st_size for f in files) > MAX_BYTES:
        return False
    target = folder / FOLDER
    for file in files:
        place = target / _shown(file.relative_to(assignment.scratch).as_posix())
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(_scrubbed(file.read_bytes(), secrets_of(assignment)))
    index = {"agent": agent.name, "session": session, "checkout": str(assignment.checkout)}
    (target / INDEX).write_text(json.dumps(index), encoding="utf-8")
    return True


def restore(agent: Agent, assignment: Assignment, session: str, packed: zipfile.ZipFile) -> bool:
    """Put a session's files into the scratch directory; whether there is one to resume.

    It has to be this agent's, and of a checkout at this very path: sessions hold absolute paths.
    """
    if _index(packed) != (agent.name, session, str(assignment.checkout)):
        return False
    patterns = _patterns(agent, session)
    wanted = {name: item for name, item in _members(packed) if _allowed(name, patterns)}
    if not 0 < len(wanted) <= MAX_FILES or sum(i.file_size for i in wanted.values()) > MAX_BYTES:
        return False
    for name, item in wanted.items():
        place = assignment.scratch / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with packed.open(item) as file:
            place.write_bytes(file.read(MAX_BYTES))
        place.chmod(0o600)
    return True


def _patterns(agent: Agent, session: str) -> list[str]:
    return [pattern.replace("{session}", session) for pattern in agent.sessions]


def _files(agent: Agent, scratch: Path, session: str) -> Iterator[Path]:
    """The session's plain files, each once."""
    found = [
        file for pattern in _patterns(agent, session) for file in regular_files(scratch, pattern)
    ]
    yield from dict.fromkeys(found)


def _scrubbed(content: bytes, secrets: Sequence[str]) -> bytes:
    """Without the secrets, at the same length: a session may be a database."""
    for secret in secrets:
        content = content.replace(secret.encode(), b"*" * len(secret.encode()))
    return content


def _index(packed: zipfile.ZipFile) -> tuple[str, str, str] | None:
    try:
        with packed.open(f"{FOLDER}/{INDEX}") as file:
            index = json.loads(file.read(10_000))
        return index["agent"], index["session"], index["checkout"]
    except (KeyError, TypeError, *DAMAGED):
        return None


def _shown(name: str) -> str:
    """A path that is in an artifact under this name: by default hidden files are left out."""
    return re.sub(r"(^|/)\.", r"\1%2E", name)


def _hidden(name: str) -> str:
    return re.sub(r"(^|/)%2E", r"\1.", name)


def _members(packed: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """The files below the session's folder, by their path in it."""
    for item in packed.infolist():
        if item.filename.startswith(f"{FOLDER}/") and not item.is_dir():
            yield _hidden(item.filename.removeprefix(f"{FOLDER}/")), item


def _allowed(name: str, patterns: Sequence[str]) -> bool:
    """Whether a path is one of the session's, part by part: `*` does not reach over a slash."""
    parts = PurePosixPath(name).parts
    if name != "/".join(parts) or ".." in parts or "\\" in name or not name.isprintable():
        return False
    return any(_fits(parts, PurePosixPath(pattern).parts) for pattern in patterns)


def _fits(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern or not parts:
        return not parts and not pattern
    if pattern[0] == "**":
        return _fits(parts, pattern[1:]) or _fits(parts[1:], pattern)
    return fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])

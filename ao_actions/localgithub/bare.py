"""A bare repository: refs with compare-and-swap, objects, differences and merges, by git."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path

ZERO = "0" * 40
_OID = re.compile(r"[0-9a-f]{40}")
_SHORT_OID = re.compile(r"[0-9a-f]{4,40}")
_PERSON = re.compile(r"(?P<name>.*?) ?<(?P<email>[^>]*)> (?P<time>\d+) (?P<zone>[+-]\d{4})")

# What GitHub's own git servers allow and refuse:
_CONFIG = """\
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
[receive]
\thideRefs = refs/pull
\tautogc = false
[gc]
\tauto = 0
[core]
\tlogAllRefUpdates = false
"""


class GitError(Exception):
    """A ref update that lost, or a name that git refuses."""


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    oid: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str

    @property
    def headline(self) -> str:
        return self.message.split("\n", 1)[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree."""

    mode: str
    kind: str  # blob | tree | commit
    oid: str
    size: int | None
    path: str


@dataclass(frozen=True, slots=True)
class FileChange:
    path: str
    status: str  # added | removed | modified | renamed | changed
    additions: int
    deletions: int
    oid: str | None
    previous: str | None
    patch: str | None


def git_env() -> dict[str, str]:
    """The environment of server-side git: no user's or system's configuration, no prompt."""
    keep = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return keep | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "HOME": os.devnull,
        "LC_ALL": "C.UTF-8",
    }


@dataclass(frozen=True, slots=True)
class Bare:
    directory: Path

    # -- running git

    def output(
        self,
        *args: str,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        return subprocess.run(
            ["git", "--git-dir", str(self.directory), *args],
            input=stdin if stdin is not None else b"",
            capture_output=True,
            check=True,
            env=git_env() | dict(env or {}),
        ).stdout

    def text(self, *args: str, stdin: bytes | None = None) -> str:
        return self.output(*args, stdin=stdin).decode("utf-8", "surrogateescape")

    def succeeds(self, *args: str) -> bool:
        try:
            self.output(*args)
        except subprocess.CalledProcessError:
            return False
        return True

    def init(self, default_branch: str) -> None:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        command = ["git", "init", "--quiet", "--bare", "--template=", "-b", default_branch]
        subprocess.run([*command, str(self.directory)], check=True, env=git_env())
        with (self.directory / "config").open("a", encoding="utf-8") as config:
            config.write(_CONFIG)

    # -- refs

    def ref(self, name: str) -> str | None:
        """What a full ref name points at. Reads the file, so that no process is started."""
        if not name.startswith("refs/") or any(p in {"", ".", ".."} for p in name.split("/")):
            return None
        try:
            return (self.directory / name).read_text(encoding="ascii").strip() or None
        except (OSError, ValueError):
            pass  # no file, or a name that no file can have
        try:
            packed = (self.directory / "packed-refs").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        found = re.search(rf"^([0-9a-f]{{40}}) {re.escape(name)}$", packed, re.MULTILINE)
        return found.group(1) if found else None

    def branch(self, name: str) -> str | None:
        return self.ref(f"refs/heads/{name}")

    def refs(self, *prefixes: str) -> list[tuple[str, str, str]]:
        """(full name, object, its type) of the refs below the prefixes, sorted by name."""
        listing = self.text(
            "for-each-ref", "--format=%(refname) %(objectname) %(objecttype)", *prefixes
        )
        rows = [line.split(" ") for line in listing.splitlines()]
        return [(name, oid, kind) for name, oid, kind in rows]

    def update_ref(self, name: str, new: str, old: str | None) -> None:
        """Moves a ref if it still is at `old`; `ZERO` means that it must not exist."""
        try:
            self.output("update-ref", name, new, *([] if old is None else [old]))
        except subprocess.CalledProcessError as error:
            raise GitError(error.stderr.decode(errors="replace").strip()) from None

    def delete_ref(self, name: str) -> None:
        self.output("update-ref", "-d", name)

    def resolve(self, name: str) -> str | None:
        """The commit of a branch, tag, full ref or (short) SHA, as the API takes them."""
        if _OID.fullmatch(name) and self.commit(name):
            return name
        for candidate in (name, f"refs/{name}", f"refs/heads/{name}", f"refs/tags/{name}"):
            oid = self.ref(candidate)
            if oid:
                return self.peel(oid)
        return self.peel(name) if _SHORT_OID.fullmatch(name) else None

    def peel(self, oid: str) -> str | None:
        """The commit behind an annotated tag or a short SHA."""
        try:
            found = self.text("rev-parse", "--verify", "--quiet", f"{oid}^{{commit}}").strip()
        except subprocess.CalledProcessError:
            return None
        return found or None

    # -- objects

    def commit(self, oid: str) -> Commit | None:
        try:
            return _commit(self.directory, oid)
        except (subprocess.CalledProcessError, ValueError):
            return None

    def exists(self, oid: str) -> bool:
        return bool(_OID.fullmatch(oid)) and self.succeeds("cat-file", "-e", oid)

    def blob(self, oid: str) -> bytes:
        return self.output("cat-file", "blob", oid)

    def write_blob(self, content: bytes) -> str:
        return self.text("hash-object", "-w", "--stdin", stdin=content).strip()

    def tree(self, rev: str, *, recursive: bool = False, under: str = "") -> list[Entry]:
        """The entries of a tree; `under` is a path, whose own entry is given without a slash."""
        args = ["ls-tree", "-z", "--long", "--full-tree", *(["-r", "-t"] if recursive else [])]
        try:
            listing = self.text(*args, rev, *(["--", under] if under else []))
        except subprocess.CalledProcessError:
            return []
        return [_entry(line) for line in listing.split("\0") if line]

    def commit_tree(
        self,
        tree: str,
        parents: list[str],
        message: str,
        author: Person,
        committer: Person | None = None,
    ) -> str:
        committer = committer or author
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {_person_line(author)}", f"committer {_person_line(committer)}"]
        body = "\n".join(lines) + "\n\n" + message
        raw = body.encode("utf-8", "surrogateescape")
        return self.text("hash-object", "-w", "-t", "commit", "--stdin", stdin=raw).strip()

    def edit_tree(self, base: str | None, changes: Mapping[str, tuple[str, str] | None]) -> str:
        """A tree with `changes` (path -> (mode, blob), None removes) on top of `base`."""
        with tempfile.TemporaryDirectory() as scratch:
            env = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            if base:
                self.output("read-tree", base, env=env)
            lines = [
                f"{change[0]} {change[1]}\t{path}" if change else f"0 {ZERO}\t{path}"
                for path, change in changes.items()
            ]
            index = ("\0".join(lines) + "\0").encode()
            self.output("update-index", "-z", "--index-info", stdin=index, env=env)
            return self.output("write-tree", env=env).decode().strip()

    # -- history

    def is_ancestor(self, old: str, new: str) -> bool:
        return old == new or self.succeeds("merge-base", "--is-ancestor", old, new)

    def merge_base(self, one: str, other: str) -> str | None:
        return _merge_base(self.directory, one, other)

    def log(self, *revs: str, limit: int | None = None, path: str | None = None) -> list[str]:
        """Commits newest first."""
        args = ["rev-list", *([f"--max-count={limit}"] if limit else []), *revs]
        return self.text(*args, "--", *([path] if path else [])).split()

    def merge_tree(self, ours: str, theirs: str) -> str | None:
        """The tree of a merge, None on a conflict (`git merge-tree --write-tree`, git 2.38)."""
        try:
            return self.text("merge-tree", "--write-tree", ours, theirs).split("\n", 1)[0]
        except subprocess.CalledProcessError:
            return None

    def changes(self, base: str, head: str, *, patch: bool = True) -> list[FileChange]:
        return list(_changes(self.directory, base, head, patch))

    def diff(self, base: str, head: str) -> bytes:
        return self.output("diff", "--no-color", base, head)


@lru_cache(maxsize=20_000)
def _commit(directory: Path, oid: str) -> Commit:
    text = Bare(directory).text("cat-file", "commit", oid)
    header, _, message = text.partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in header.split("\n"):
        name, _, value = line.partition(" ")
        fields.setdefault(name, []).append(value)
    return Commit(
        oid,
        fields["tree"][0],
        tuple(fields.get("parent", [])),
        _person(fields["author"][0]),
        _person(fields["committer"][0]),
        message.rstrip("\n"),
    )


@lru_cache(maxsize=5_000)
def _merge_base(directory: Path, one: str, other: str) -> str | None:
    try:
        return Bare(directory).text("merge-base", one, other).strip() or None
    except subprocess.CalledProcessError:
        return None


@lru_cache(maxsize=500)
def _changes(directory: Path, base: str, head: str, patch: bool) -> tuple[FileChange, ...]:  # noqa: FBT001 - a cache key
    bare = Bare(directory)
    raw = bare.text("diff", "--raw", "--numstat", "-z", "--abbrev=40", "-M", base, head)
    patches = _patches(bare.text("diff", "--no-color", "-M", base, head)) if patch else {}
    return tuple(_file_changes(raw.split("\0"), patches))


def _file_changes(fields: list[str], patches: dict[str, str]) -> list[FileChange]:
    """Reads `git diff --raw --numstat -z`: first the raw entries, then the counts."""
    kinds = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "T": "changed"}
    entries: list[tuple[str, str, str | None, str]] = []  # path, status, previous, oid
    previous: str | None
    position = 0
    while position < len(fields) and fields[position].startswith(":"):
        _, _, _, oid, letter = fields[position].split(" ")
        if letter[0] in "RC":
            previous, path = fields[position + 1], fields[position + 2]
            entries.append((path, kinds.get(letter[0], "modified"), previous, oid))
            position += 3
        else:
            entries.append((fields[position + 1], kinds.get(letter[0], "modified"), None, oid))
            position += 2
    changes = []
    for path, status, previous, oid in entries:
        added, removed = fields[position].split("\t")[:2]
        position += 3 if previous else 1
        counts = [int(count) if count.isdecimal() else 0 for count in (added, removed)]
        blob = None if oid == ZERO else oid
        changes.append(
            FileChange(path, status, counts[0], counts[1], blob, previous, patches.get(path))
        )
    return changes


def _patches(diff: str) -> dict[str, str]:
    """The hunks of each file of a unified diff, as the API's `patch` shows them."""
    patches = {}
    for part in re.split(r"^diff --git ", diff, flags=re.MULTILINE)[1:]:
        start = part.find("\n@@ ")
        path = part.split("\n", 1)[0].split(" b/")[-1]
        if start >= 0:
            patches[path] = part[start + 1 :].rstrip("\n")
    return patches


def _entry(line: str) -> Entry:
    details, path = line.split("\t", 1)
    mode, kind, oid, size = details.split()
    return Entry(mode, kind, oid, int(size) if size.isdecimal() else None, path)


def _person(line: str) -> Person:
    match = _PERSON.fullmatch(line)
    if match is None:
        raise ValueError(f"not a git identity: {line!r}")
    zone = match["zone"]
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:])) * (-1 if zone[0] == "-" else 1)
    when = datetime.fromtimestamp(int(match["time"]), timezone(offset))
    return Person(match["name"], match["email"], when.astimezone(UTC))


def _person_line(person: Person) -> str:
    clean = re.sub(r"[<>\n]", "", person.name) or "unknown"
    return f"{clean} <{person.email}> {int(person.when.timestamp())} +0000"

"""Files that command an agent stand in its checkout as the base branch has them.

Whoever pushes to a pull request's branch, the agent itself among them, would else write the
agent's instructions, its tools' configuration and its hooks (`core/instructions.py`). They are
laid into the work tree without following a link; what the agent leaves as it was laid is in its
commit as it was before.
"""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ao_actions.core import instructions
from ao_actions.git import Git

_LINK = "120000"
_FILES = ("100644", "100755")
_NOTHING = "0" * 40
LINKS = 5  # that lead to a file


@dataclass(frozen=True, slots=True)
class Entry:
    """What git's index has of a path."""

    mode: str
    oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """`laid`: what is laid for these paths, by path; `before`: what the attempt began with."""

    laid: Mapping[str, Entry] = field(default_factory=dict)
    before: Mapping[str, Entry] = field(default_factory=dict)


def read(store: Git, base: str, clone: Git) -> Pins:
    """What the base has of these files, and what the clone's index has, which no agent has
    touched yet. Where a merge has left a conflict the base's stands."""
    listed = _entries(store.attempt("ls-tree", "-r", "-z", "--full-tree", base).out)
    tree = {path: Entry(mode, oid) for path, (mode, _, oid) in listed}
    wanted = {path: _resolved(store, tree, path) for path in tree if instructions.matches(path)}
    laid = {path: entry for path, entry in wanted.items() if entry is not None}
    before = {}
    for path, (mode, oid, stage) in _entries(clone.attempt("ls-files", "-s", "-z").out):
        if stage == "0" and instructions.matches(path):
            before[path] = Entry(mode, _kept(store, clone, mode, oid))
        elif path in laid:
            before[path] = laid[path]
    return Pins(laid=laid, before=before)


def lay(root: Path, store: Git, pins: Pins) -> None:
    """Take all such files out of the work tree and put the base's there."""
    for place in list(_there(root)):
        _remove(place)
    for path, entry in pins.laid.items():
        place = root / path
        if _make_folder(root, place.parent) and not os.path.lexists(place):
            place.write_bytes(store.attempt("cat-file", "blob", entry.oid).out)
            place.chmod(0o755 if entry.mode == "100755" else 0o644)


def put_back(store: Git, pins: Pins, env: Mapping[str, str]) -> None:
    """In the store's index: what the agent has left as it was laid is as it was before."""
    staged = _entries(store.attempt("ls-files", "-s", "-z", env=env).out)
    now = {path: Entry(mode, oid) for path, (mode, oid, _) in staged}
    paths = sorted({*pins.laid, *pins.before})
    left = [path for path in paths if now.get(path) == pins.laid.get(path)]
    begun = [(path, pins.before[path]) for path in left if path in pins.before]
    lines = [f"0 {_NOTHING}\t{path}" for path in left]
    lines += [f"{entry.mode} {entry.oid}\t{path}" for path, entry in begun]
    told = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
    store.run("update-index", "-z", "--index-info", input=told, env=env)


def _kept(store: Git, clone: Git, mode: str, oid: str) -> str:
    """The object's id, and it is in the store: what a merge has made is in the clone alone."""
    if mode in (*_FILES, _LINK) and store.attempt("cat-file", "-e", oid).code != 0:
        content = clone.attempt("cat-file", "blob", oid).out
        return store.run("hash-object", "-w", "--stdin", input=content)
    return oid


def disarm(root: Path) -> None:
    """Take away the repositories that the agent has made below the checkout: git would ask them
    what has changed in them, and their configuration names the programs that say so."""
    for folder, folders, files in os.walk(root):
        if Path(folder) != root and ".git" in (*folders, *files):
            _remove(Path(folder) / ".git")
        folders[:] = [name for name in folders if name != ".git"]


def _entries(out: bytes) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """From `ls-tree -z` and `ls-files -s -z`: three words, a tab, the path."""
    for line in filter(None, out.decode("utf-8", "surrogateescape").split("\0")):
        about, _, path = line.partition("\t")
        first, second, third = about.split()
        yield path, (first, second, third)


def _resolved(store: Git, tree: Mapping[str, Entry], path: str) -> Entry | None:
    """A file; of a link the file that it leads to in the base, for the pull request may have
    changed that."""
    for _ in range(LINKS):
        entry = tree.get(path)
        if entry is None or entry.mode in _FILES:
            return entry
        if entry.mode != _LINK:
            return None
        target = os.fsdecode(store.attempt("cat-file", "blob", entry.oid).out)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return None


def _there(root: Path) -> Iterator[Path]:
    """Every file, folder and link of the work tree that commands an agent; no link is followed."""
    for folder, folders, files in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name != ".git"]
        yield from (Path(folder) / n for n in (*folders, *files) if instructions.matches(n))
        folders[:] = [name for name in folders if not instructions.matches(name)]


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()


def _make_folder(root: Path, folder: Path) -> bool:
    """Whether the folder is there, or could be made, with no link on the way to it."""
    place = root
    for part in folder.relative_to(root).parts:
        place = place / part
        with suppress(FileExistsError):
            place.mkdir()
        if place.is_symlink() or not place.is_dir():
            return False
    return True

"""The rules that refuse what an agent made: each yields the reasons for which it does (design 6).

They read objects, never a checkout. A reason names the path as a quoted, bounded text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ao_actions.config import Config
from ao_actions.core.protection import folded
from ao_actions.git import Git
from ao_actions.work import changes, credentials
from ao_actions.work.changes import FILES, LINK, NOTHING, Change, is_script

FILE_LIMIT = 5 * 1024 * 1024
CHANGE_LIMIT = 20 * 1024 * 1024
NAME_LIMIT = 1000
LINK_LIMIT = 1000  # characters of where a link leads
HOPS = 40  # links on the way to where a link leads, as in Linux
# With what NTFS ignores: an 8.3 name, dots and spaces at the end, a stream's name.
_GIT_LOOKALIKE = re.compile(
    r"(?:\.git|git~\d+|\.gitmodules|gitmod~\d+)[ .]*(?::.*)?", re.IGNORECASE | re.DOTALL
)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_MARKERS = tuple(re.compile(rb"^" + m, re.MULTILINE) for m in (b"<{7} ", b"={7}\r?$", b">{7} "))


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is looked at: `tree`, as it differs from the tree `before`. `parents`: the commits
    that it goes on top of."""

    git: Git
    changes: tuple[Change, ...]
    before: str
    tree: str
    parents: tuple[str, ...]
    config: Config

    @cached_property
    def kept(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if not change.deleted)

    @cached_property
    def contents(self) -> Mapping[str, bytes]:
        """Of the paths that were added or changed; `_bytes` has bounded them."""
        found = self.git.blobs(change.new for change in self.kept)
        return {c.path: content or b"" for c, content in zip(self.kept, found, strict=True)}

    @cached_property
    def former(self) -> Mapping[str, tuple[bytes, ...]]:
        """What stood at those paths in each parent, and before."""
        sides = (*self.parents, self.before)
        found = self.git.blobs(f"{side}:{change.path}" for change in self.kept for side in sides)
        contents = iter([content or b"" for content in found])
        return {c.path: tuple(next(contents) for _ in sides) for c in self.kept}

    @cached_property
    def entries(self) -> Mapping[str, tuple[str, str]]:
        """Every path of the tree: its mode and object."""
        out = self.git.bounded("ls-tree", "-r", "-z", "--full-tree", self.tree)
        lines = out.decode("utf-8", "surrogateescape").split("\0")[:-1]
        split = (line.partition("\t") for line in lines)
        return {path: (meta.split(" ")[0], meta.split(" ")[2]) for meta, _, path in split}


def diff(git: Git, old: str, new: str) -> Iterator[Change]:
    """:raises GitError: the trees are too large to be compared"""
    raw = git.bounded("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new)
    return changes.parse(raw)


def shown(path: str) -> str:
    text = repr(path)
    return text if len(text) <= 120 else f"{text[:60]}…{text[-59:]}"


# ---- by name, mode and size ----------------------------------------------------------------


def _names(work: Work) -> Iterator[str]:
    for change in work.changes:
        parts = re.split(r"[/\\]", change.path)
        if any(_is_git(part) or part in ("", ".", "..") for part in parts):
            yield f"{shown(change.path)}: the name is git's own"
        if not change.deleted and not change.path.isprintable():
            yield f"{shown(change.path)}: the name has characters that cannot be shown"
        if change.added and len(change.path) > NAME_LIMIT:
            yield f"{shown(change.path)}: a name may have {NAME_LIMIT} characters, with its folders"
        if change.added and (why := _not_on_windows(parts, change.path)):
            yield f"{shown(change.path)}: {why}"


def _is_git(part: str) -> bool:
    return any(_GIT_LOOKALIKE.fullmatch(name) for name in (part, folded(part)))


def _not_on_windows(parts: list[str], path: str) -> str:
    """Why Windows would read the name as another one, or as none."""
    if ":" in path or "\\" in path:
        return "a name may not have a colon or backslash"
    if any(part != part.rstrip(". ") for part in parts):
        return "a name may not end with a dot or space"
    if any(_DEVICE.fullmatch(part) for part in parts):
        return "the name is a device's on Windows"
    return ""


def _modes(work: Work) -> Iterator[str]:
    for change in work.kept:
        if change.new_mode not in (*FILES, LINK):
            kind = "submodule" if change.new_mode == "160000" else "entry"
            yield f"{shown(change.path)}: a {kind} may not be added or changed"
        elif not change.added and change.old_mode != change.new_mode:
            modes = f"{change.old_mode} to {change.new_mode}"
            yield f"{shown(change.path)}: a file's mode may not change ({modes})"


def _protected(work: Work) -> Iterator[str]:
    for change in work.changes:
        for path in places(change):
            if pattern := work.config.protected.refused(path):
                yield f"{shown(change.path)} is protected (`protected: {pattern}`)"


def places(change: Change) -> tuple[str, ...]:
    """A link stands for all that would be below it."""
    return (change.path, f"{change.path}/_") if change.new_mode == LINK else (change.path,)


def _bytes(work: Work) -> Iterator[str]:
    limit = work.config.max_changed_files
    if len(work.changes) > limit:
        yield f"{len(work.changes)} files are changed (`max_changed_files: {limit}`)"
    sizes = work.git.sizes(change.new for change in work.kept)
    for change, size in zip(work.kept, sizes, strict=True):
        if size > FILE_LIMIT:
            yield f"{shown(change.path)} has {size} bytes (at most {FILE_LIMIT} in one file)"
    if sum(sizes) > CHANGE_LIMIT:
        yield f"the changed files have {sum(sizes)} bytes (at most {CHANGE_LIMIT})"


def _lines(work: Work) -> Iterator[str]:
    lines, limit = 0, work.config.max_changed_lines
    stat = work.git.bounded("diff", "--numstat", "-z", "--no-renames", work.before, work.tree)
    for entry in stat.decode("utf-8", "surrogateescape").split("\0"):
        added, _, rest = entry.partition("\t")
        removed, _, _path = rest.partition("\t")
        if added.isdigit():  # a binary file counts no lines
            lines += int(added) + int(removed)
    if lines > limit:
        yield f"{lines} lines are changed (`max_changed_lines: {limit}`)"


# ---- by content ----------------------------------------------------------------------------


def _executables(work: Work) -> Iterator[str]:
    for change in work.kept:
        if (
            change.added
            and change.new_mode == "100755"
            and not is_script(work.contents[change.path])
        ):
            yield f"{shown(change.path)}: a new file may be executable only if it begins with `#!`"


def _links(work: Work) -> Iterator[str]:
    for change in work.kept:
        if change.new_mode == LINK and (why := _astray(work, change.path)):
            yield f"{shown(change.path)}: a symbolic link may not {why}"


def _astray(work: Work, path: str) -> str:
    """What is wrong with where a link leads, followed as a file system would."""
    at = path.split("/")[:-1]
    ahead = _steps(work, path)
    hops = 0
    while ahead:
        step = ahead.pop(0)
        if step == "..":
            if not at:
                return "lead out of the repository"
            at.pop()
        elif _is_git(step):
            return "lead into .git"
        elif step not in ("", "."):
            at.append(step)
            mode, _ = work.entries.get(here := "/".join(at), (NOTHING, ""))
            if mode == LINK:
                hops += 1
                if hops > HOPS:
                    return "lead in circles"
                at.pop()
                ahead = [*_steps(work, here), *ahead]
    return ""


def _steps(work: Work, path: str) -> list[str]:
    """The parts of where a link leads; what is not a plain relative path leads out."""
    (content,) = work.git.blobs([work.entries[path][1]])
    target = (content or b"").decode("utf-8", "surrogateescape")
    plain = target.isprintable() and 0 < len(target) <= LINK_LIMIT and target.strip() == target
    if not plain or target.startswith("/") or "\\" in target or ":" in target:
        return [".."] * (path.count("/") + 1)
    return target.split("/")


def _collisions(work: Work) -> Iterator[str]:
    added = [change.path for change in work.changes if change.added]
    if not added:
        return
    fresh = set(added)
    settled = {p for path in work.entries if path not in fresh for p in _folders(path)}
    spelt: dict[str, set[str]] = {}
    folds: dict[str, str] = {}
    for path in {p for entry in work.entries for p in (entry, *_folders(entry))}:
        key = "/".join(folds.setdefault(part, folded(part)) for part in path.split("/"))
        spelt.setdefault(key, set()).add(path)
    for path in sorted({p for each in added for p in (each, *_folders(each))} - settled):
        key = "/".join(folds[part] for part in path.split("/"))
        if others := sorted(spelt[key] - {path}):
            yield f"{shown(path)} and {shown(others[0])} are one path on some file systems"


def _folders(path: str) -> list[str]:
    return [path[:at] for at, character in enumerate(path) if character == "/"]


def _markers(work: Work) -> Iterator[str]:
    """In files that no parent has like this, and where no parent has them."""
    sides = [{c.path for c in diff(work.git, side, work.tree)} for side in work.parents]
    changed = set.intersection(*sides) & set(work.entries)
    paths = sorted(path for path in changed if path.isprintable())  # the base may have others
    names = [f"{side}:{path}" for path in paths for side in (work.tree, *work.parents)]
    found = iter([_conflicted(content or b"") for content in work.git.blobs(names)])
    for path in paths:
        left, *before = (next(found) for _ in range(1 + len(work.parents)))
        if left and not any(before):
            yield f"{shown(path)}: conflict markers were left in it"


def _conflicted(content: bytes) -> bool:
    return all(marker.search(content) for marker in _MARKERS)


# ---- what a maintainer can allow with a label ----------------------------------------------


def _labelled(work: Work) -> Iterator[str]:
    for change in work.changes:
        for path in places(change):
            if pattern := work.config.protected.labelled(path):
                yield f"{shown(change.path)} is protected (`protected: label: {pattern}`)"


def _credentials(work: Work) -> Iterator[str]:
    for change in work.kept:
        for rule in credentials.find(change.path):
            yield f"{shown(credentials.masked(change.path))}: the name holds a {rule}"
        old = {line for content in work.former[change.path] for line in _text_lines(content)}
        lines = enumerate(_text_lines(work.contents[change.path]), start=1)
        new = [(number, line) for number, line in lines if line not in old]
        if credentials.find("\n".join(line for _, line in new)):  # seldom; one by one is slow
            for number, line in new:
                for rule in credentials.find(line):
                    yield f"{shown(change.path)} line {number}: {rule}"


def _text_lines(content: bytes) -> list[str]:
    """Without NUL, UTF-16 is read like the rest."""
    return content.replace(b"\0", b"").decode("utf-8", "replace").splitlines()


NEVER = (
    _names,
    _modes,
    _protected,
    _bytes,
    _lines,
    _executables,
    _links,
    _collisions,
    _markers,
)
UNLESS_ALLOWED = (_labelled, _credentials)

"""What an agent made, looked at before it is published: the rules that refuse it (design 6).

The bundle is unpacked in a fresh repository, with fsck and without hooks or filters, and
nothing in it is ever checked out. What passes is re-made as one commit of ours: only the
tree of files is the agent's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from ao_actions.config import Config
from ao_actions.core.model import Claim, Phase
from ao_actions.errors import GitError
from ao_actions.git import Git
from ao_actions.work import checkout, handoff
from ao_actions.work.handoff import TaintedError

FILES = ("100644", "100755")
EVERYTHING = 2**31 - 1  # a depth: all the history there is
# With what NTFS ignores: an 8.3 name, dots and spaces at the end, a stream's name.
_GIT_LOOKALIKE = re.compile(
    r"(?:\.git|git~\d+|\.gitmodules|gitmod~\d+)[ .]*(?::.*)?", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One path that differs from what stood there before."""

    path: str
    old_mode: str
    new_mode: str

    @property
    def deleted(self) -> bool:
        return self.new_mode == "000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A tree that passed, and the commits that it goes on top of."""

    tree: str
    parents: tuple[str, ...]
    paths: tuple[str, ...]


def inspect(git: Git, bundle: Path, claim: Claim, config: Config) -> Accepted:
    """Fetch what the attempt began with, unpack the bundle on top of it, apply the rules.

    :raises TaintedError: the message names the rule that refuses it
    """
    _fetch(git, claim, depth=checkout.DEPTH)
    try:
        commit = _unpack(git, bundle.absolute())
    except TaintedError:  # the base may have moved on by more than that since the attempt began
        _fetch(git, claim, depth=EVERYTHING)
        commit = _unpack(git, bundle.absolute())
    parents = tuple(git.run("rev-list", "--parents", "--max-count=1", commit).split()[1:])
    _check_parents(git, parents, claim)
    tree = git.run("rev-parse", f"{commit}^{{tree}}")
    before = _before(git, parents, claim)
    changes = tuple(_diff(git, before, tree))
    if not changes and len(parents) == 1:
        raise TaintedError("the bundle changes nothing")
    for rule in RULES:
        for reason in rule(git, changes, before, tree, config):
            raise TaintedError(reason)
    return Accepted(tree=tree, parents=parents, paths=tuple(change.path for change in changes))


def unchanged(git: Git, claim: Claim) -> Accepted:
    """The files of the claimed commit as they stand: it was inspected before it was pushed.

    :raises TaintedError: the base branch is gone
    """
    _fetch(git, claim, depth=checkout.DEPTH)
    tree = git.run("rev-parse", f"{claim.head}^{{tree}}")
    return Accepted(tree=tree, parents=(claim.head,), paths=())


def remake(git: Git, accepted: Accepted, message: str, *, at: datetime) -> str:
    """The accepted tree as one commit of ours (design 6)."""
    stamp = f"{int(at.timestamp())} +0000"
    dates = {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
    parents = [argument for parent in accepted.parents for argument in ("-p", parent)]
    return git.run(
        "commit-tree", accepted.tree, *parents, "-F", "-", input=message.encode(), env=dates
    )


def _fetch(git: Git, claim: Claim, *, depth: int) -> None:
    base = f"+refs/heads/{claim.base}:refs/base"
    if not git.fetch(base, *([claim.head] if claim.head else []), depth=depth):
        raise TaintedError(f"the base branch {claim.base} is gone")


def _unpack(git: Git, bundle: Path) -> str:
    try:
        heads = git.run("bundle", "list-heads", str(bundle)).splitlines()
        if len(heads) != 1 or not heads[0].endswith(f" {handoff.BUNDLE_REF}"):
            raise TaintedError(f"{handoff.BUNDLE}: it must hold one ref, {handoff.BUNDLE_REF}")
        git.run("fetch", "--quiet", "--no-tags", str(bundle), f"+{handoff.BUNDLE_REF}:refs/tainted")
        return git.run("rev-parse", "refs/tainted^{commit}")
    except GitError as error:
        raise TaintedError(f"{handoff.BUNDLE} cannot be unpacked: {error}") from None


def _check_parents(git: Git, parents: tuple[str, ...], claim: Claim) -> None:
    """The attempt began where its claim says, or on the base; it merged nothing but the base."""
    wanted = 2 if claim.reason is Phase.CONFLICTED else 1
    if len(parents) != wanted or (claim.head and parents[0] != claim.head):
        raise TaintedError("the bundle's commit does not stand on the commit that was claimed")
    for parent in parents[1:] if claim.head else parents:
        if not _on_base(git, parent):
            _fetch(git, claim, depth=EVERYTHING)
            if not _on_base(git, parent):
                raise TaintedError(f"{parent[:7]} is not on {claim.base}")


def _on_base(git: Git, commit: str) -> bool:
    return git.attempt("merge-base", "--is-ancestor", commit, "refs/base").code == 0


def _before(git: Git, parents: tuple[str, ...], claim: Claim) -> str:
    """What the agent's tree is compared with. For a merge that is the tree that git itself makes
    of both sides: what the base brought is not the agent's, but taking it back is."""
    if len(parents) == 1:
        return parents[0]
    _fetch(git, claim, depth=EVERYTHING)
    merged = git.attempt("merge-tree", "--write-tree", "--no-messages", *parents)
    if merged.code not in (0, 1):  # 1: there are conflicts, and they are in the tree
        raise TaintedError(f"{parents[1][:7]} cannot be merged: {merged.err.strip()}")
    return merged.text.splitlines()[0]


def _diff(git: Git, old: str, new: str) -> Iterator[Change]:
    raw = git.attempt("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new)
    fields = raw.out.decode("utf-8", "surrogateescape").split("\0")
    for meta, path in zip(fields[::2], fields[1::2], strict=False):
        old_mode, new_mode, *_ = meta.removeprefix(":").split(" ")
        yield Change(path=path, old_mode=old_mode, new_mode=new_mode)


# ---- the rules: each yields the reasons for which it refuses -------------------------------


Changes = tuple[Change, ...]


def _modes(_git: Git, changes: Changes, _before: str, _tree: str, _c: Config) -> Iterator[str]:
    for change in changes:
        if not change.deleted and change.new_mode not in FILES:
            kind = {"120000": "symbolic link", "160000": "submodule"}.get(change.new_mode, "entry")
            yield f"{change.path!r}: a {kind} may not be added or changed"


def _names(_git: Git, changes: Changes, _before: str, _tree: str, _c: Config) -> Iterator[str]:
    for change in changes:
        parts = re.split(r"[/\\]", change.path)
        if any(_GIT_LOOKALIKE.fullmatch(part) or part in ("", ".", "..") for part in parts):
            yield f"{change.path!r}: the name is git's own"
        if not change.path.isprintable():
            yield f"{change.path!r}: the name has characters that cannot be shown"


def _protected(
    _git: Git, changes: Changes, _before: str, _tree: str, config: Config
) -> Iterator[str]:
    for change in changes:
        for pattern in config.protected:
            if matches(change.path, pattern):
                yield f"{change.path!r} is protected (`protected: {pattern}`)"


def _size(git: Git, changes: Changes, before: str, tree: str, config: Config) -> Iterator[str]:
    if len(changes) > config.max_changed_files:
        yield f"{len(changes)} files are changed (`max_changed_files: {config.max_changed_files}`)"
    lines = 0
    stat = git.attempt("diff", "--numstat", "-z", "--no-renames", before, tree)
    for entry in stat.out.decode("utf-8", "surrogateescape").split("\0"):
        added, _, rest = entry.partition("\t")
        removed, _, _path = rest.partition("\t")
        if added.isdigit():  # a binary file counts no lines
            lines += int(added) + int(removed)
    if lines > config.max_changed_lines:
        yield f"{lines} lines are changed (`max_changed_lines: {config.max_changed_lines}`)"


RULES = (_modes, _names, _protected, _size)


def matches(path: str, pattern: str) -> bool:
    """Whether a path matches a pattern: `*` within one folder, `**` across folders; `dir/` and
    `dir/**` are all below it.

    Letter case is ignored, for some file systems ignore it too.
    """
    pattern = pattern.casefold().removeprefix("/")
    if pattern.endswith("/"):
        pattern += "**"
    return _matches(path.casefold().split("/"), pattern.split("/"))


def _matches(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern == ["**"]:
        return bool(parts)
    if pattern[0] == "**":
        return any(_matches(parts[start:], pattern[1:]) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])

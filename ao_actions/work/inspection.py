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
from ao_actions.core.model import Claim
from ao_actions.errors import GitError
from ao_actions.git import Git
from ao_actions.work import checkout, handoff
from ao_actions.work.handoff import TaintedError

FILES = ("100644", "100755")
_GIT_LOOKALIKE = re.compile(r"^(?:\.git|git~\d+|\.gitmodules)$", re.IGNORECASE)


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
    base = f"refs/heads/{claim.base}"
    wanted = [f"+{base}:refs/base"] + ([claim.head] if claim.head else [])
    git.fetch(*wanted, depth=checkout.DEPTH)
    commit = _unpack(git, bundle)
    parents = tuple(git.run("rev-list", "--parents", "--max-count=1", commit).split()[1:])
    _check_parents(git, parents, claim)
    tree = git.run("rev-parse", f"{commit}^{{tree}}")
    changes = _changes(git, parents, tree)
    if not changes and len(parents) == 1:
        raise TaintedError("the bundle changes nothing")
    for rule in RULES:
        for reason in rule(git, changes, parents, tree, config):
            raise TaintedError(reason)
    return Accepted(tree=tree, parents=parents, paths=tuple(change.path for change in changes))


def remake(git: Git, accepted: Accepted, message: str, *, at: datetime) -> str:
    """The accepted tree as one commit of ours (design 6)."""
    stamp = f"{int(at.timestamp())} +0000"
    dates = {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
    parents = [argument for parent in accepted.parents for argument in ("-p", parent)]
    return git.run(
        "commit-tree", accepted.tree, *parents, "-F", "-", input=message.encode(), env=dates
    )


def _unpack(git: Git, bundle: Path) -> str:
    try:
        heads = git.run("bundle", "list-heads", str(bundle)).splitlines()
        if len(heads) != 1 or not heads[0].endswith(f" {handoff.BUNDLE_REF}"):
            raise TaintedError(f"{handoff.BUNDLE}: it must hold one ref, {handoff.BUNDLE_REF}")
        git.run("fetch", "--quiet", "--no-tags", str(bundle), f"{handoff.BUNDLE_REF}:refs/tainted")
        return git.run("rev-parse", "refs/tainted^{commit}")
    except GitError as error:
        raise TaintedError(f"{handoff.BUNDLE} cannot be unpacked: {error}") from None


def _check_parents(git: Git, parents: tuple[str, ...], claim: Claim) -> None:
    """The attempt began where its claim says, or on the base; it merged nothing but the base."""
    on_base = parents[1:] if claim.head else parents
    if len(parents) not in (1, 2) or (claim.head and parents[0] != claim.head):
        raise TaintedError("the bundle's commit does not stand on the commit that was claimed")
    for parent in on_base:
        if git.attempt("merge-base", "--is-ancestor", parent, "refs/base").code == 0:
            continue
        git.attempt("fetch", "--quiet", "--unshallow", git.remote.url if git.remote else ".")
        if git.attempt("merge-base", "--is-ancestor", parent, "refs/base").code != 0:
            raise TaintedError(f"{parent[:7]} is not on {claim.base}")


def _changes(git: Git, parents: tuple[str, ...], tree: str) -> tuple[Change, ...]:
    """Paths that differ from every parent: in a merge, what either side had is not new."""
    per_parent = [{c.path: c for c in _diff(git, parent, tree)} for parent in parents]
    common = set.intersection(*(set(changes) for changes in per_parent))
    return tuple(per_parent[0][path] for path in sorted(common))


def _diff(git: Git, old: str, new: str) -> Iterator[Change]:
    raw = git.attempt("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new)
    fields = raw.out.decode("utf-8", "surrogateescape").split("\0")
    for meta, path in zip(fields[::2], fields[1::2], strict=False):
        old_mode, new_mode, *_ = meta.removeprefix(":").split(" ")
        yield Change(path=path, old_mode=old_mode, new_mode=new_mode)


# ---- the rules: each yields the reasons for which it refuses -------------------------------


Changes = tuple[Change, ...]
Parents = tuple[str, ...]


def _modes(_git: Git, changes: Changes, _p: Parents, _tree: str, _c: Config) -> Iterator[str]:
    for change in changes:
        if not change.deleted and change.new_mode not in FILES:
            kind = {"120000": "symbolic link", "160000": "submodule"}.get(change.new_mode, "entry")
            yield f"{change.path!r}: a {kind} may not be added or changed"


def _names(_git: Git, changes: Changes, _p: Parents, _tree: str, _c: Config) -> Iterator[str]:
    for change in changes:
        parts = change.path.split("/")
        if any(_GIT_LOOKALIKE.match(part) or part in ("", ".", "..") for part in parts):
            yield f"{change.path!r}: the name is git's own"
        if not change.path.isprintable():
            yield f"{change.path!r}: the name has characters that cannot be shown"


def _protected(
    _git: Git, changes: Changes, _p: Parents, _tree: str, config: Config
) -> Iterator[str]:
    for change in changes:
        for pattern in config.protected:
            if matches(change.path, pattern):
                yield f"{change.path!r} is protected (`protected: {pattern}`)"


def _size(git: Git, changes: Changes, parents: Parents, tree: str, config: Config) -> Iterator[str]:
    if len(changes) > config.max_changed_files:
        yield f"{len(changes)} files are changed (`max_changed_files: {config.max_changed_files}`)"
    paths = {change.path for change in changes}
    lines = 0
    stat = git.attempt("diff", "--numstat", "-z", "--no-renames", parents[-1], tree)
    for entry in stat.out.decode("utf-8", "surrogateescape").split("\0"):
        added, _, rest = entry.partition("\t")
        removed, _, path = rest.partition("\t")
        if path in paths and added.isdigit():  # a binary file counts no lines
            lines += int(added) + int(removed)
    if lines > config.max_changed_lines:
        yield f"{lines} lines are changed (`max_changed_lines: {config.max_changed_lines}`)"


RULES = (_modes, _names, _protected, _size)


def matches(path: str, pattern: str) -> bool:
    """Whether a path matches a pattern: `*` within one folder, `dir/**` all below it.

    Letter case is ignored, for some file systems ignore it too.
    """
    path, pattern = path.casefold(), pattern.casefold().removeprefix("/")
    if pattern.endswith("/**"):
        head = pattern.removesuffix("/**")
        depth = head.count("/") + 1
        return path.count("/") >= depth and fnmatchcase("/".join(path.split("/")[:depth]), head)
    if "/" not in pattern:
        return path.count("/") == 0 and fnmatchcase(path, pattern)
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)

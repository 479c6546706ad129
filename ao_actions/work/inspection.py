"""What an agent made, looked at before it is published (design 6).

The bundle is unpacked in a fresh repository, with fsck and without hooks or filters, and
nothing in it is ever checked out. What passes `rules` is re-made as one commit of ours: only
the tree of files is the agent's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ao_actions.config import Config
from ao_actions.core.model import Claim, Phase
from ao_actions.errors import GitError
from ao_actions.git import Git
from ao_actions.work import checkout, handoff, rules
from ao_actions.work.handoff import TaintedError
from ao_actions.work.rules import Work

EVERYTHING = 2**31 - 1  # a depth: all the history there is
HEADER_LIMIT = 4096  # of a bundle of one ref and two commits that it stands on
_SIGNATURE = b"# v2 git bundle"
_WANTED = re.compile(rb"-([0-9a-f]{40})(?: .*)?")
_REF = re.compile(rb"([0-9a-f]{40}) (.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A tree that passed, and the commits that it goes on top of. `look`: paths that a human
    is to look at first."""

    tree: str
    parents: tuple[str, ...]
    paths: tuple[str, ...]
    look: tuple[str, ...] = ()


def _never() -> bool:
    return False


def inspect(
    git: Git, bundle: Path, claim: Claim, config: Config, allowed: Callable[[], bool] = _never
) -> Accepted:
    """Fetch what the attempt began with, unpack the bundle on top of it, apply the rules.

    `allowed`: whether a maintainer has put the label `allow` on the issue; it is asked only
    where that decides.

    :raises TaintedError: the message names the rule that refuses it
    """
    _fetch(git, claim, depth=checkout.DEPTH)
    commit = _unpack(git, bundle, claim)
    parents = tuple(git.run("rev-list", "--parents", "--max-count=1", commit).split()[1:])
    _check_parents(git, parents, claim)
    tree = git.run("rev-parse", f"{commit}^{{tree}}")
    before = _before(git, parents, claim)
    try:
        made = tuple(rules.diff(git, before, tree))
        if not made and len(parents) == 1:
            raise TaintedError("the bundle changes nothing")
        work = Work(git=git, changes=made, before=before, tree=tree, parents=parents, config=config)
        _judge(work, allowed)
        tree = _written_anew(work)
    except GitError as error:
        raise TaintedError(f"{handoff.BUNDLE} cannot be read: {error}") from None
    paths = tuple(change.path for change in made)
    protected = config.protected
    return Accepted(
        tree=tree,
        parents=parents,
        paths=paths,
        look=tuple(p for p in paths if protected.labelled(p) or protected.asked(p)),
    )


def _judge(work: Work, allowed: Callable[[], bool]) -> None:
    for rule in rules.NEVER:
        for reason in rule(work):
            raise TaintedError(reason)
    for rule in rules.UNLESS_ALLOWED:
        for reason in rule(work):
            if allowed():
                return
            label = work.config.labels.allow
            way = f"if it is meant, put the label {label} on the issue and say /ao retry"
            raise TaintedError(f"{reason}: {way}")


def _written_anew(work: Work) -> str:
    """The same files as git writes them: a tree can be spelt in more than one way."""
    index = work.git.directory / "inspected.index"
    index.unlink(missing_ok=True)
    env = {"GIT_INDEX_FILE": str(index)}
    lines = (f"{mode} {oid}\t{path}\0" for path, (mode, oid) in work.entries.items())
    listed = "".join(lines).encode("utf-8", "surrogateescape")
    work.git.run("update-index", "-z", "--index-info", input=listed, env=env)
    return work.git.run("write-tree", env=env)


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


def _unpack(git: Git, bundle: Path, claim: Claim) -> str:
    """The bundle's commit, its objects checked one by one.

    Not by `git bundle`: before 2.46 it does not check what it unpacks.
    """
    commit, wanted, at = _header(bundle)
    if any(git.attempt("cat-file", "-e", f"{oid}^{{commit}}").code != 0 for oid in wanted):
        # the base may have moved on by more than that since the attempt began
        _fetch(git, claim, depth=EVERYTHING)
    try:
        with bundle.open("rb", buffering=0) as pack:
            pack.seek(at)
            limit = f"--max-input-size={handoff.BUNDLE_LIMIT}"
            checks = ("--strict", "--fix-thin", "--threads=1", limit)
            git.bounded("index-pack", "--stdin", *checks, stdin=pack)
        kind = git.run("cat-file", "-t", commit)
    except GitError as error:
        raise TaintedError(f"{handoff.BUNDLE} cannot be unpacked: {error}") from None
    if kind != "commit":
        raise TaintedError(f"{handoff.BUNDLE}: its ref is a {kind}, not a commit")
    return commit


def _header(bundle: Path) -> tuple[str, tuple[str, ...], int]:
    """The commit of the bundle's one ref, the commits that it stands on, and where its pack is.

    Source: git's Documentation/gitformat-bundle.txt.
    """
    with bundle.open("rb") as file:
        head, blank, _ = file.read(HEADER_LIMIT).partition(b"\n\n")
    signature, *lines = head.split(b"\n")
    if not blank or signature != _SIGNATURE:
        raise TaintedError(f"{handoff.BUNDLE}: it is no bundle of version 2 with a short header")
    wanted = [found[1] for line in lines if (found := _WANTED.fullmatch(line))]
    refs = [found for line in lines if (found := _REF.fullmatch(line))]
    if len(refs) + len(wanted) != len(lines) or [r[2] for r in refs] != [
        handoff.BUNDLE_REF.encode()
    ]:
        raise TaintedError(f"{handoff.BUNDLE}: it must hold one ref, {handoff.BUNDLE_REF}")
    return refs[0][1].decode(), tuple(oid.decode() for oid in wanted), len(head) + 2


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
        return git.run("rev-parse", f"{parents[0]}^{{tree}}")
    _fetch(git, claim, depth=EVERYTHING)
    try:
        return checkout.merged(git, parents)
    except GitError as error:
        raise TaintedError(f"{parents[1][:7]} cannot be merged: {error}") from None

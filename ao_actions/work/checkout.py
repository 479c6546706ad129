"""The checkout that an agent works in: made without leaving a token, committed by us.

The agent may do to it what it likes; what counts is the state of its files at the end, taken
with a fresh index as one commit on top of the commit it began with.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from ao_actions.errors import GitError
from ao_actions.git import Git, Remote
from ao_actions.work import handoff, pinning, workspace
from ao_actions.work.pinning import Pins
from ao_actions.work.workspace import Places

DEPTH = 50  # enough history for an agent to look at, and cheap to fetch


@dataclass(frozen=True, slots=True)
class Checkout:
    """A work tree at `start`. Its objects lie in `store`, out of the agent's reach.

    `start` is the commit that the attempt's commit will have as first parent; `merging` is the
    base's commit while a conflict is being resolved, its second parent. `pins`: the files that
    command an agent, which are the base's.
    """

    path: Path
    store: Git
    start: str
    merging: str | None = None
    pins: Pins = field(default_factory=Pins)


# The agent may have written the configuration of whoever runs it, and there a filter, a merge
# driver or a monitor is a program.
_OURS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}


def prepare(places: Places, remote: Remote, *, head: str, base: str, merge: bool) -> Checkout:
    """A checkout of `head` (a commit), or of the tip of `base` for a new task (`head` empty).

    With `merge` the base is merged into the work tree, conflicts and all. The agent gets a
    clone of its own with no remote in it: nothing to push to and nothing to find. It stands at
    the same path in every attempt, for agents' sessions are tied to it.

    :raises ConfigError: a folder in the way was not made by us
    """
    workspace.own(places)
    for old in (places.checkout, places.store):
        shutil.rmtree(old, ignore_errors=True)
    git = Git.scratch(places.store, remote)
    base_ref = f"refs/heads/{base}"
    if places.mirror is not None:
        workspace.borrow(places.mirror, places.store, remote, base_ref)
    depth = None if merge or places.mirror else DEPTH
    wanted = [f"+{base_ref}:{base_ref}"] + ([head] if head else [])
    git.fetch(*wanted, depth=depth)
    base_tip = git.run("rev-parse", base_ref)
    start = head or base_tip
    name = "work" if base != "work" else "task"
    git.run("update-ref", f"refs/heads/{name}", start)
    _clone(git, places, name)
    path = places.checkout
    if merge:
        _merge(path, base, base_tip)
    pins = pinning.read(git, base_tip, Git(path))
    if start != base_tip:
        pinning.lay(path, git, pins)
    return Checkout(path, git, start, merging=base_tip if merge else None, pins=pins)


def _merge(path: Path, base: str, tip: str) -> None:
    merged = Git(path).attempt("merge", "--no-commit", "--no-ff", tip, env=_OURS)
    if merged.code not in (0, 1):  # 1: there are conflicts
        # without the base's side, the merge commit would take back all that the base did
        raise GitError(f"{base} cannot be merged: {merged.err.strip()}", output=merged.err)


def _clone(git: Git, places: Places, branch: str) -> None:
    """A clone without a remote; its objects are its own, or those of the machine's mirror."""
    share = ["--shared"] if places.mirror else []
    url = str(git.directory) if places.mirror else f"file://{git.directory}"
    options = ["--quiet", "--no-tags", "--branch", branch, "--template=", *share]
    Git(git.directory).run("clone", *options, url, str(places.checkout), env=_OURS)
    Git(places.checkout).run("remote", "remove", "origin")


def adopt(checkout: Checkout, bundle_: Path) -> bool:
    """Lay an earlier attempt's unfinished work over the checkout, uncommitted; but no file that
    commands an agent.

    False, and nothing done, if it does not stand on the commit that this attempt starts from.
    """
    git = Git(checkout.path)
    ref = "refs/ao/earlier"
    source = f"{handoff.BUNDLE_REF}:{ref}"
    if git.attempt("fetch", "--quiet", "--no-tags", str(bundle_.absolute()), source).code != 0:
        return False
    fits = git.attempt("rev-parse", "--verify", f"{ref}^1").text == checkout.start
    if fits:
        git.run("restore", f"--source={ref}", "--worktree", "--", ".", env=_OURS)
        pinning.lay(checkout.path, checkout.store, checkout.pins)
    git.run("update-ref", "-d", ref)
    return fits


def commit(checkout: Checkout) -> str | None:
    """The checkout's files as one commit in the store, or None when nothing has changed.

    Hooks, the agent's index, its commits and its git configuration have no part in it: the
    files are read with the store's own index, ignoring what the repository's .gitignore does.
    """
    work_tree = {
        "GIT_WORK_TREE": str(checkout.path),
        "GIT_DIR": str(checkout.store.directory),
        "GIT_INDEX_FILE": str(checkout.store.directory / "handoff.index"),
        **_OURS,
    }
    store = checkout.store
    (store.directory / "handoff.index").unlink(missing_ok=True)
    store.run("read-tree", checkout.start, env=work_tree)
    local = Git(checkout.path)
    pinning.disarm(checkout.path)
    local.run("add", "--all", "--", ".", env=work_tree)
    pinning.put_back(store, checkout.pins, work_tree)
    tree = store.run("write-tree", env=work_tree)
    if checkout.merging is None and tree == store.run("rev-parse", f"{checkout.start}^{{tree}}"):
        return None
    parents = ["-p", checkout.start]
    parents += ["-p", checkout.merging] if checkout.merging else []
    return store.run("commit-tree", tree, *parents, "-m", "An agent's work", env=work_tree)


def bundle(checkout: Checkout, commit_: str, folder: Path) -> None:
    """Pack the commit, without the history that everybody has, into the hand-off."""
    folder.mkdir(parents=True, exist_ok=True)
    excluded = [f"^{checkout.start}"] + ([f"^{checkout.merging}"] if checkout.merging else [])
    checkout.store.run("update-ref", handoff.BUNDLE_REF, commit_)
    path = str((folder / handoff.BUNDLE).absolute())
    checkout.store.run("bundle", "create", "--quiet", path, handoff.BUNDLE_REF, *excluded)


def changed_files(checkout: Checkout, commit_: str) -> list[str]:
    """Paths that the commit changes, for the log."""
    out = checkout.store.run("diff", "--name-only", checkout.start, commit_)
    return out.splitlines()

"""The checkout that an agent works in: made without leaving a token, committed by us.

The agent may do to it what it likes; what counts is the state of its files at the end, taken
with a fresh index as one commit on top of the commit it began with.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ao_actions import tainted
from ao_actions.errors import GitError
from ao_actions.git import Git, Remote
from ao_actions.work import changes, handoff, pinning, workspace
from ao_actions.work.changes import FILES
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
_ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}


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
    if not git.fetch(*wanted, depth=depth):
        raise GitError(
            f"the branch {base} is not there any more: the next attempt takes the repository's "
            "default branch of then"
        )
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
    merged = Git(path).attempt("merge", "--no-commit", "--no-ff", tip, env=_ALONE)
    if merged.code not in (0, 1):  # 1: there are conflicts
        # without the base's side, the merge commit would take back all that the base did
        raise GitError(f"{base} cannot be merged: {merged.err.strip()}", output=merged.err)


def _clone(git: Git, places: Places, branch: str) -> None:
    """A clone without a remote; its objects are its own, or those of the machine's mirror."""
    share = ["--shared"] if places.mirror else []
    url = str(git.directory) if places.mirror else f"file://{git.directory}"
    options = ["--quiet", "--no-tags", "--branch", branch, "--template=", *share]
    Git(git.directory).run("clone", *options, url, str(places.checkout), env=_ALONE)
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
        git.run("restore", f"--source={ref}", "--worktree", "--", ".", env=_ALONE)
        pinning.lay(checkout.path, checkout.store, checkout.pins)
    git.run("update-ref", "-d", ref)
    return fits


def sealed(checkout: Checkout) -> Checkout:
    """The checkout with a new store, without a remote, that borrows the objects of the old one.

    An agent that has our user may have written the old one's configuration: it names programs.
    """
    old = checkout.store.directory
    new = old.with_name("sealed.git")
    tainted.remove(new)
    git = Git.scratch(new)
    (new / "objects" / "info" / "alternates").write_text(f"{old / 'objects'}\n", encoding="utf-8")
    shallow = tainted.read(old / "shallow")
    if shallow is not None:
        (new / "shallow").write_bytes(shallow)
    return replace(checkout, store=git)


def commit(checkout: Checkout) -> str | None:
    """The checkout's files as one commit in the store, or None when nothing has changed.

    Hooks, the agent's index, its commits and its git configuration have no part in it: the
    files are read with the store's own index, ignoring what the repository's .gitignore does.
    """
    work_tree = {
        "GIT_WORK_TREE": str(checkout.path),
        "GIT_DIR": str(checkout.store.directory),
        "GIT_INDEX_FILE": str(checkout.store.directory / "handoff.index"),
        **_ALONE,
    }
    store = checkout.store
    (store.directory / "handoff.index").unlink(missing_ok=True)
    store.run("read-tree", checkout.start, env=work_tree)
    _leave_alone(store, work_tree)
    local = Git(checkout.path)
    pinning.disarm(checkout.path)
    local.run("add", "--all", "--", ".", env=work_tree)
    pinning.put_back(store, checkout.pins, work_tree)
    _keep_modes(checkout, work_tree)
    tree = store.run("write-tree", env=work_tree)
    if checkout.merging is None and tree == _tree(checkout):
        return None
    parents = ["-p", checkout.start]
    parents += ["-p", checkout.merging] if checkout.merging else []
    return store.run("commit-tree", tree, *parents, "-m", "An agent's work", env=work_tree)


def _leave_alone(store: Git, work_tree: Mapping[str, str]) -> None:
    """Submodules stay what they were: to compare one, git would run git in it, as the agent has
    configured it there."""
    listed = store.run("ls-files", "--stage", "-z", env=work_tree).split("\0")
    links = [line.partition("\t")[2] for line in listed if line.startswith("160000 ")]
    names = "".join(f"{name}\0" for name in links).encode()
    store.run("update-index", "-z", "--skip-worktree", "--stdin", input=names, env=work_tree)


def _tree(checkout: Checkout) -> str:
    return checkout.store.run("rev-parse", f"{checkout.start}^{{tree}}", env=_ALONE)


def _keep_modes(checkout: Checkout, env: Mapping[str, str]) -> None:
    """Files that were there keep their modes, and of new ones only scripts are executable: any
    other mode `publish` would refuse, and an agent's `chmod` is seldom meant."""
    store, start = checkout.store, checkout.start
    before = merged(store, (start, checkout.merging)) if checkout.merging else start
    raw = store.attempt(
        "diff-index",
        "--cached",
        "-r",
        "-z",
        "--raw",
        "--no-renames",
        "--no-abbrev",
        before,
        env=env,
    )
    wanted = []
    for change in changes.parse(raw.out):
        mode = change.new_mode
        if change.old_mode in FILES and mode in FILES:
            mode = change.old_mode
        elif change.added and mode == "100755":
            content = store.attempt("cat-file", "blob", change.new, env=env).out
            mode = "100755" if changes.is_script(content) else "100644"
        if mode != change.new_mode:
            wanted.append(f"{mode} {change.new}\t{change.path}\0")
    lines = "".join(wanted).encode("utf-8", "surrogateescape")
    store.run("update-index", "-z", "--index-info", input=lines, env=env)


def merged(git: Git, parents: Sequence[str]) -> str:
    """The tree that git itself makes of two commits, conflicts and all.

    :raises GitError: they cannot be merged
    """
    done = git.attempt("merge-tree", "--write-tree", "--no-messages", *parents, env=_ALONE)
    if done.code not in (0, 1):  # 1: there are conflicts, and they are in the tree
        raise GitError(done.err.strip(), output=done.err)
    return done.text.splitlines()[0]


def bundle(checkout: Checkout, commit_: str, folder: Path) -> None:
    """Pack the commit, without the history that everybody has, into the hand-off."""
    folder.mkdir(parents=True, exist_ok=True)
    excluded = [f"^{checkout.start}"] + ([f"^{checkout.merging}"] if checkout.merging else [])
    checkout.store.run("update-ref", handoff.BUNDLE_REF, commit_, env=_ALONE)
    path = str((folder / handoff.BUNDLE).absolute())
    line = ("bundle", "create", "--quiet", path, handoff.BUNDLE_REF, *excluded)
    checkout.store.run(*line, env=_ALONE)

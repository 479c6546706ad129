"""Which commit and file an event runs, and what its filters look at."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ao_actions.localgithub.actions.triggers import PULL_EVENTS
from ao_actions.localgithub.bare import ZERO
from ao_actions.localgithub.model import Event, Repository
from ao_actions.localgithub.world import World


@dataclass(slots=True)
class Target:
    ref: str  # GITHUB_REF
    sha: str  # GITHUB_SHA, and where the workflow file is read
    head_branch: str | None
    head_sha: str
    branch: str | None = None  # for `branches` filters
    tag: str | None = None
    pulls: list[int] = field(default_factory=list)
    changed: Callable[[], Iterable[str]] = list


def find_target(world: World, repo: Repository, event: Event) -> Target | None:
    """None: GitHub would start nothing (a deleted branch, a conflicting pull request)."""
    if event.name in PULL_EVENTS:
        return _pull_target(world, repo, event)
    if event.name in {"push", "create"} and event.ref:
        return _push_target(world, repo, event)
    if event.name == "push":
        return None
    branch = repo.default_branch
    ref = f"refs/heads/{branch}"
    sha = world.ref_oid(repo.full_name, ref)
    if sha is None:
        return None
    target = Target(ref, sha, head_branch=branch, head_sha=sha)
    if event.name == "workflow_run":
        target.branch = (event.payload.get("workflow_run") or {}).get("head_branch")
    return target


def _push_target(world: World, repo: Repository, event: Event) -> Target | None:
    ref = event.ref or ""
    after = event.sha or event.payload.get("after")
    if not after or after == ZERO:
        return None  # a deletion
    sha = world.bare(repo).peel(after) or after
    name = ref.split("/", 2)[2]
    is_tag = ref.startswith("refs/tags/")
    before = event.payload.get("before") or ZERO
    return Target(
        ref,
        sha,
        head_branch=name,
        head_sha=sha,
        branch=None if is_tag else name,
        tag=name if is_tag else None,
        changed=lambda: _changed(world, repo, before, sha),
    )


def _pull_target(world: World, repo: Repository, event: Event) -> Target | None:
    number = event.pull_number or (event.payload.get("pull_request") or {}).get("number") or 0
    with world.lock:
        pull = repo.pulls.get(number)
        if pull is None:
            return None
        head_ref, head_sha, base_ref = pull.head_ref, pull.head_sha, pull.base_ref
        merged = pull.merged
    ref = f"refs/pull/{number}/merge"
    sha = world.ref_oid(repo.full_name, ref)
    if merged:
        # docs, "pull_request": a merged one has no merge branch, its base stands in
        ref = f"refs/heads/{base_ref}"
        sha = world.ref_oid(repo.full_name, ref)
    if sha is None:
        return None  # docs: no run while the pull request has a conflict
    commit = sha
    payload_head = (event.payload.get("pull_request") or {}).get("head", {}).get("sha")
    return Target(
        ref,
        commit,
        head_branch=head_ref,
        head_sha=payload_head or head_sha,
        branch=base_ref,
        pulls=[number],
        changed=lambda: _changed(world, repo, f"refs/heads/{base_ref}", head_sha, dots="..."),
    )


def _changed(
    world: World, repo: Repository, before: str, after: str, *, dots: str = ".."
) -> list[str]:
    """The paths that a push or pull request changes; of a new branch, all of its tip's tree."""
    try:
        if before == ZERO:
            names = world.git(repo.full_name, "ls-tree", "-r", "-z", "--name-only", after)
        else:
            span = f"{before}{dots}{after}"
            names = world.git(repo.full_name, "diff", "--name-only", "-z", "--no-renames", span)
    except subprocess.CalledProcessError:
        return []
    return [name for name in names.split("\0") if name]

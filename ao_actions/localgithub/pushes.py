"""What follows when refs move, by `git push`, by the API or by a merge."""

from __future__ import annotations

from dataclasses import dataclass

from ao_actions.localgithub import issues, pulls
from ao_actions.localgithub.bare import ZERO, Commit, GitError
from ao_actions.localgithub.errors import Refusal, unprocessable
from ao_actions.localgithub.turn import Turn
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire import git as wire

# A push event lists at most 2048 commits (docs "push"); a demo needs fewer.
_MOST_COMMITS = 50


@dataclass(frozen=True, slots=True)
class Move:
    ref: str
    old: str  # ZERO: created
    new: str  # ZERO: deleted


def moved(turn: Turn, moves: list[Move]) -> None:
    """Tells everybody. Only branches and tags cause events: other refs are silent."""
    for move in moves:
        if move.ref.startswith(("refs/heads/", "refs/tags/")):
            _adopt_default_branch(turn, move)
            _emit_push(turn, move)
    for move in moves:
        if move.ref.startswith("refs/heads/"):
            pulls.branch_moved(turn, move.ref.removeprefix("refs/heads/"), move.old, move.new)
            _close_by_commits(turn, move)
    turn.world.save()


def move_ref(turn: Turn, ref: str, new: str, old: str | None) -> None:
    """Moves one ref from the API, with compare-and-swap, and tells."""
    before = turn.bare.ref(ref) or ZERO
    try:
        turn.bare.update_ref(ref, new, old or before)
    except GitError:
        raise unprocessable("Reference update failed") from None
    moved(turn, [Move(ref, before, new)])


def delete_ref(turn: Turn, ref: str) -> None:
    before = turn.bare.ref(ref)
    if before is None:
        raise unprocessable("Reference does not exist")
    turn.bare.delete_ref(ref)
    moved(turn, [Move(ref, before, ZERO)])


def check_workflow_right(turn: Turn, old: str | None, new: str) -> None:
    """Only a token with `workflows` changes workflow files; a job's token never has it.

    docs: "GITHUB_TOKEN ... cannot create or update workflow files"; the same message comes
    from `git push` (see git.py).
    """
    token = turn.viewer.token
    if token is None or not turn.viewer.is_integration or may_change_workflows(turn):
        return
    folder = ".github/workflows/"
    changes = turn.bare.changes(old, new, patch=False) if old else []
    for change in changes:
        if change.path.startswith(folder):
            raise Refusal(403, refused_workflow(change.path))


def may_change_workflows(turn: Turn) -> bool:
    token = turn.viewer.token
    if token is None or token.kind == "user":
        return True
    return token.kind == "app" and token.permissions.get("workflows") == "write"


def refused_workflow(path: str) -> str:
    return (
        f"refusing to allow a GitHub App to create or update workflow `{path}` "
        "without `workflows` permission"
    )


def _adopt_default_branch(turn: Turn, move: Move) -> None:
    """The first branch pushed to an empty repository becomes its default branch."""
    repo, name = turn.repo, move.ref.removeprefix("refs/heads/")
    if not move.ref.startswith("refs/heads/") or move.old != ZERO or name == repo.default_branch:
        return
    if turn.bare.branch(repo.default_branch) is None:
        repo.default_branch = name
        turn.bare.output("symbolic-ref", "HEAD", move.ref)


def _emit_push(turn: Turn, move: Move) -> None:
    created, deleted = move.old == ZERO, move.new == ZERO
    kind, _, name = move.ref.removeprefix("refs/").partition("/")
    made = {"ref": name, "ref_type": "branch" if kind == "heads" else "tag", "pusher_type": "user"}
    if created:
        full = made | {"master_branch": turn.repo.default_branch, "description": None}
        turn.emit("create", None, full, ref=move.ref, sha=move.new)
    commits = [] if deleted else _new_commits(turn, move)
    head = None if deleted else turn.bare.commit(turn.bare.peel(move.new) or move.new)
    forced = not created and not deleted and not turn.bare.is_ancestor(move.old, move.new)
    span = f"{move.old[:12]}...{move.new[:12]}"
    content = {
        "ref": move.ref,
        "before": move.old,
        "after": move.new,
        "base_ref": None,
        "created": created,
        "deleted": deleted,
        "forced": forced,
        "compare": f"{turn.wire.page(turn.repo)}/compare/{span}",
        "commits": [_commit_json(turn, commit) for commit in commits],
        "head_commit": _commit_json(turn, head) if head else None,
        "pusher": {"name": turn.login, "email": turn.author().email},
    }
    turn.emit("push", None, content, ref=move.ref, sha=None if deleted else move.new)
    if deleted:
        turn.emit("delete", None, made, ref=move.ref, sha=None)


def _commit_json(turn: Turn, commit: Commit) -> core.Json:
    return wire.push_commit(turn.wire, turn.repo, turn.bare, commit)


def _new_commits(turn: Turn, move: Move) -> list[Commit]:
    """Oldest first. A new branch lists what the default branch lacks."""
    known = move.old
    if known == ZERO:
        default = turn.bare.branch(turn.repo.default_branch)
        known = default if default and default != move.new else ""
    oids = turn.bare.log(move.new, *([f"^{known}"] if known else []), limit=_MOST_COMMITS)
    found = [turn.bare.commit(oid) for oid in reversed(oids)]
    return [commit for commit in found if commit is not None]


def _close_by_commits(turn: Turn, move: Move) -> None:
    """Closing keywords in commits work when they reach the default branch."""
    on_default = move.ref == f"refs/heads/{turn.repo.default_branch}"
    if not on_default or ZERO in {move.old, move.new}:
        return
    for commit in _new_commits(turn, move):
        for number in issues.closing_numbers(turn.repo, commit.message):
            issues.close(turn, turn.repo.issues[number], commit=commit.oid)

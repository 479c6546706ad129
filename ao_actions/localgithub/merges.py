"""Merging pull requests, by hand and automatically, and updating their branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ao_actions.localgithub import merging, pulls, pushes
from ao_actions.localgithub.bare import Commit, Person
from ao_actions.localgithub.errors import Refusal, invalid, unprocessable
from ao_actions.localgithub.model import PullRequest
from ao_actions.localgithub.pulls import issue_of
from ao_actions.localgithub.turn import Turn


@dataclass(frozen=True, slots=True)
class Style:
    """How to merge: the method, and the commit's words where they are given."""

    method: str = "merge"  # merge | squash | rebase
    title: str | None = None
    message: str | None = None


def merge(turn: Turn, pull: PullRequest, style: Style | None = None, sha: str | None = None) -> str:
    """Merges; 405 when it cannot be, 409 when the head is not `sha` ("Merge a pull request")."""
    issue = issue_of(turn, pull)
    if pull.merged or issue.state == "closed":
        raise Refusal(405, "Pull Request is not mergeable")
    if sha is not None and sha != pull.head_sha:
        raise Refusal(409, "Head branch was modified. Review and try the merge again.")
    if pull.draft:
        raise Refusal(405, "Pull Request is still a draft")
    reason = merging.blocked_by(turn.repo, pull)
    if reason is not None:
        raise Refusal(405, reason)
    if not merging.test_merge(turn.world, turn.repo, pull).mergeable:
        raise Refusal(405, "Pull Request is not mergeable")
    base = turn.bare.branch(pull.base_ref)
    if base is None:
        raise Refusal(405, "Pull Request is not mergeable")
    oid = _merged_commit(turn, pull, base, style or Style())
    ref = f"refs/heads/{pull.base_ref}"
    turn.bare.update_ref(ref, oid, base)
    pulls.finish_merge(turn, pull, oid)
    pushes.moved(turn, [pushes.Move(ref, base, oid)])
    return oid


def _merged_commit(turn: Turn, pull: PullRequest, base: str, style: Style) -> str:
    issue = issue_of(turn, pull)
    github = Person("GitHub", "noreply@github.com", turn.now)
    if style.method == "rebase":
        return _rebase(turn, pull, base)
    tree = turn.bare.merge_tree(base, pull.head_sha)
    if tree is None:
        raise Refusal(405, "Pull Request is not mergeable")
    if style.method == "squash":
        text = _text(style.title or f"{issue.title} (#{issue.number})", style.message or "")
        return turn.bare.commit_tree(tree, [base], text, turn.author(), github)
    if style.method != "merge":
        raise invalid("PullRequest", "merge_method")
    start = f"Merge pull request #{issue.number} from {turn.repo.owner}/{pull.head_ref}"
    text = _text(style.title or start, issue.title if style.message is None else style.message)
    return turn.bare.commit_tree(tree, [base, pull.head_sha], text, turn.author(), github)


def _text(title: str, message: str) -> str:
    return f"{title}\n\n{message}" if message else title


def _rebase(turn: Turn, pull: PullRequest, base: str) -> str:
    """Each commit of the head again on top of the base, with its author."""
    bare, tip = turn.bare, base
    github = Person("GitHub", "noreply@github.com", turn.now)
    for oid in reversed(bare.log(f"{base}..{pull.head_sha}")):
        commit = bare.commit(oid)
        if commit is None or len(commit.parents) != 1:
            continue
        tree = _picked_tree(turn, commit, tip)
        tip = bare.commit_tree(tree, [tip], commit.message, commit.author, github)
    return tip


def _picked_tree(turn: Turn, commit: Commit, tip: str) -> str:
    """What a commit changed, applied to the tip: a merge whose base is the commit's parent.

    git 2.39 has no `merge-tree --merge-base`, so that base is made: three commits that nobody
    sees, with the three trees.
    """
    bare = turn.bare
    parent, onto = bare.commit(commit.parents[0]), bare.commit(tip)
    if parent is None or onto is None:
        raise Refusal(405, "This branch can't be rebased")
    base = bare.commit_tree(parent.tree, [], "base", commit.author)
    ours = bare.commit_tree(onto.tree, [base], "ours", commit.author)
    theirs = bare.commit_tree(commit.tree, [base], "theirs", commit.author)
    tree = bare.merge_tree(ours, theirs)
    if tree is None:
        raise Refusal(405, "This branch can't be rebased due to conflicts")
    return tree


def update_branch(turn: Turn, pull: PullRequest, expected: str | None) -> None:
    """Merges the base into the head ("Update a pull request branch")."""
    if expected is not None and expected != pull.head_sha:
        raise unprocessable("expected head sha didn't match current head ref.")
    base = turn.bare.branch(pull.base_ref)
    if base is None or turn.bare.is_ancestor(base, pull.head_sha):
        raise unprocessable("There are no new commits on the base branch.")
    tree = turn.bare.merge_tree(pull.head_sha, base)
    if tree is None:
        raise unprocessable("merge conflict between base and head")
    text = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    github = Person("GitHub", "noreply@github.com", turn.now)
    oid = turn.bare.commit_tree(tree, [pull.head_sha, base], text, turn.author(), github)
    pushes.move_ref(turn, f"refs/heads/{pull.head_ref}", oid, pull.head_sha)


def enable_auto_merge(turn: Turn, pull: PullRequest, details: dict[str, Any]) -> None:
    """docs "Automatically merging a pull request": only while something is unmet."""
    if not turn.repo.allow_auto_merge:
        raise unprocessable("Pull request Auto merge is not allowed for this repository")
    if merging.merge_state(turn.world, turn.repo, pull) == "CLEAN":
        raise unprocessable("Pull request Pull request is in clean status")
    pull.auto_merge = details | {"enabled_by": turn.login}
    turn.note(issue_of(turn, pull), "auto_merge_enabled")
    turn.emit_issue(issue_of(turn, pull), "auto_merge_enabled")


def merge_what_became_ready(turn: Turn) -> None:
    """Performs the auto-merges whose requirements are met now."""
    for pull in pulls.open_pulls(turn.repo, lambda p: p.auto_merge is not None):
        if merging.merge_state(turn.world, turn.repo, pull) in {"CLEAN", "UNSTABLE"}:
            method = str((pull.auto_merge or {}).get("merge_method", "merge"))
            merge(turn, pull, Style(method))

"""Parents, children and blockers of issues, with the limits of GitHub's docs."""

from __future__ import annotations

from ao_actions.localgithub.errors import unprocessable
from ao_actions.localgithub.model import Issue, Repository
from ao_actions.localgithub.turn import Turn

_MOST_CHILDREN = 100
_MOST_LEVELS = 8


def parent_of(repo: Repository, issue: Issue) -> Issue | None:
    return next((each for each in repo.issues.values() if issue.number in each.sub_issues), None)


def add_sub_issue(turn: Turn, parent: Issue, child: Issue, *, replace: bool = False) -> None:
    """docs "Adding sub-issues": one parent, 100 children, 8 levels, no circle."""
    if child.is_pull or parent.is_pull:
        raise unprocessable("Sub-issue must be an issue")
    present = parent_of(turn.repo, child)
    if present is parent:
        raise unprocessable("Issue may not contain duplicate sub-issues")
    if present is not None and not replace:
        raise unprocessable("Sub issue may only have one parent")
    ancestors = _ancestors(turn.repo, parent)
    if child in ancestors:
        raise unprocessable("Sub-issues may not create a circular dependency")
    if len(parent.sub_issues) >= _MOST_CHILDREN or len(ancestors) >= _MOST_LEVELS:
        raise unprocessable("Parent issue cannot have more sub-issues")
    if present is not None:
        present.sub_issues.remove(child.number)
    parent.sub_issues.append(child.number)
    turn.note(parent, "sub_issue_added")
    turn.note(child, "parent_issue_added")
    turn.world.save()


def _ancestors(repo: Repository, issue: Issue) -> list[Issue]:
    """The issue and everything above it."""
    chain, above = [issue], parent_of(repo, issue)
    while above is not None and above not in chain:
        chain.append(above)
        above = parent_of(repo, above)
    return chain


def add_blocker(turn: Turn, issue: Issue, blocker: Issue) -> None:
    if blocker is issue:
        raise unprocessable("An issue cannot be blocked by itself")
    if blocker.number in issue.blocked_by:
        raise unprocessable("Issue is already blocked by this issue")
    issue.blocked_by.append(blocker.number)
    turn.note(issue, "blocked_by_added")
    turn.note(blocker, "blocking_added")
    turn.world.save()

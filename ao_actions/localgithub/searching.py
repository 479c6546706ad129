"""Search for issues and pull requests, with the qualifiers that clients send.

docs "Searching issues and pull requests". An unknown qualifier is refused, so that nobody
takes a wrong answer for an empty one.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

from ao_actions.localgithub import access, checks, merging
from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.errors import Refusal
from ao_actions.localgithub.model import Issue, Repository
from ao_actions.localgithub.world import World

Test = Callable[[Repository, Issue], bool]


def search(world: World, viewer: Viewer, query: str) -> list[tuple[Repository, Issue]]:
    """What matches every term, newest first."""
    try:
        terms = shlex.split(query.replace("(", " ( ").replace(")", " ) "))
    except ValueError:
        terms = query.split()
    if "OR" in terms:
        raise Refusal(422, "localgithub does not search with OR")
    # the advanced syntax groups with brackets: without OR they change nothing
    tests = [_test(viewer, term) for term in terms if term not in {"(", ")", "AND"}]
    found = [
        (repo, issue)
        for repo in world.repositories.values()
        if access.sees(viewer, repo)
        for issue in repo.issues.values()
        if all(test(repo, issue) for test in tests)
    ]
    by_update = "sort:updated-desc" in terms
    found.sort(key=lambda item: item[1].updated_at if by_update else item[1].created_at)
    found.reverse()
    return found


def _test(viewer: Viewer, term: str) -> Test:
    """One term as a test; a leading `-` turns it around."""
    if term.startswith("-") and ":" in term:
        positive = _test(viewer, term[1:])
        return lambda repo, issue: not positive(repo, issue)
    name, separator, value = term.partition(":")
    if not separator:
        word = term.lower()
        return lambda _, issue: word in f"{issue.title}\n{issue.body}".lower()
    if name not in _QUALIFIERS:
        raise Refusal(422, f"localgithub does not search by {name}:")
    test = _QUALIFIERS[name]
    wanted = viewer.login if value == "@me" else value
    return lambda repo, issue: test(repo, issue, wanted)


def _is(repo: Repository, issue: Issue, value: str) -> bool:
    if value in {"pr", "pull-request", "issue"}:
        return issue.is_pull == (value != "issue")
    pull = repo.pulls.get(issue.number)
    return {
        "open": issue.state == "open",
        "closed": issue.state == "closed",
        "merged": pull is not None and pull.merged,
        "unmerged": pull is not None and not pull.merged,
        "draft": pull is not None and pull.draft,
        "private": repo.private,
        "public": not repo.private,
    }.get(value, False)


def _review(repo: Repository, issue: Issue, value: str) -> bool:
    pull = repo.pulls.get(issue.number)
    states = {review.state for review in merging.opinions(pull)} if pull else set()
    if value == "none":
        return not states
    if value == "required":
        return pull is not None and merging.review_decision(repo, pull) == "REVIEW_REQUIRED"
    return value.upper() in states


def _status(repo: Repository, issue: Issue, value: str) -> bool:
    pull = repo.pulls.get(issue.number)
    return pull is not None and (checks.rollup(repo, pull.head_sha) or "").lower() == value


def _mentions(issue: Issue, login: str) -> bool:
    said = [issue.body, *(comment.body for comment in issue.comments)]
    return any(f"@{login}" in text for text in said)


_QUALIFIERS: dict[str, Callable[[Repository, Issue, str], bool]] = {
    "repo": lambda repo, _, value: repo.full_name.lower() == value.lower(),
    "user": lambda repo, _, value: repo.owner.lower() == value.lower(),
    "org": lambda repo, _, value: repo.owner.lower() == value.lower(),
    "is": _is,
    "type": _is,
    "state": _is,
    "in": lambda *_: True,
    "sort": lambda *_: True,
    "archived": lambda *_: True,
    "label": lambda _, issue, value: any(
        label.lower() in {each.lower() for each in value.split(",")} for label in issue.labels
    ),
    "author": lambda _, issue, value: (
        issue.user.removesuffix("[bot]") == value.removeprefix("app/").removesuffix("[bot]")
    ),
    "assignee": lambda _, issue, value: value in issue.assignees,
    "involves": lambda _, issue, value: (
        value in {issue.user, *issue.assignees} or _mentions(issue, value)
    ),
    "mentions": lambda _, issue, value: _mentions(issue, value),
    "commenter": lambda _, issue, value: value in {each.user for each in issue.comments},
    "no": lambda _, issue, value: (
        not ({"label": issue.labels, "assignee": issue.assignees}.get(value, []))
    ),
    "head": lambda repo, issue, value: (
        issue.is_pull and repo.pulls[issue.number].head_ref.startswith(value)
    ),
    "base": lambda repo, issue, value: issue.is_pull and repo.pulls[issue.number].base_ref == value,
    "draft": lambda repo, issue, value: (
        issue.is_pull and repo.pulls[issue.number].draft == (value == "true")
    ),
    "review": _review,
    "status": _status,
    "review-requested": lambda repo, issue, value: (
        issue.is_pull and value in repo.pulls[issue.number].requested_reviewers
    ),
    "reviewed-by": lambda repo, issue, value: (
        issue.is_pull and value in {review.user for review in repo.pulls[issue.number].reviews}
    ),
    "user-review-requested": lambda repo, issue, value: (
        issue.is_pull and value in repo.pulls[issue.number].requested_reviewers
    ),
}

"""What only issues have: sub-issues, dependencies, the pull requests that close them."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub.graphql.nodes import (
    Graph,
    Json,
    Node,
    connection,
    constant,
    field,
)
from ao_actions.localgithub.graphql.subjects import pull_state, subject
from ao_actions.localgithub.issues import closing_numbers
from ao_actions.localgithub.relations import parent_of
from ao_actions.localgithub.wire import issues as wire

constant("Issue", issueType=None, isPinned=False, trackedIssuesCount=0)
constant("Issue", trackedIssues=connection([], str), trackedInIssues=connection([], str))


@field("Issue.state")
def state(node: Node, _: Graph) -> str:
    text: str = node.record.state
    return text.upper()


@field("Issue.stateReason")
def state_reason(node: Node, _: Graph, **__: Any) -> str | None:
    reason: str | None = node.record.state_reason
    return reason.upper() if reason else None


@field("Issue.parent")
def parent(node: Node, _: Graph) -> Node | None:
    found = parent_of(node.place, node.record)
    return subject(node.place, found.number) if found else None


@field("Issue.subIssues")
def sub_issues(node: Node, _: Graph, **page: Any) -> Json:
    return connection(node.record.sub_issues, lambda n: subject(node.place, n), **page)


@field("Issue.subIssuesSummary")
def sub_issues_summary(node: Node, _: Graph) -> Json:
    numbers: list[int] = node.record.sub_issues
    done = sum(node.place.issues[number].state == "closed" for number in numbers)
    percent = 100 * done // len(numbers) if numbers else 0
    return {"total": len(numbers), "completed": done, "percentCompleted": percent}


@field("Issue.blockedBy")
def blocked_by(node: Node, _: Graph, **page: Any) -> Json:
    """The newest dependency first, by default."""
    numbers = list(node.record.blocked_by)
    if (page.get("orderBy") or {}).get("direction", "DESC") == "DESC":
        numbers.reverse()
    return connection(numbers, lambda number: subject(node.place, number), **page)


@field("Issue.blocking")
def blocking(node: Node, _: Graph, **page: Any) -> Json:
    mine = node.record.number
    numbers = [n for n, issue in node.place.issues.items() if mine in issue.blocked_by]
    if (page.get("orderBy") or {}).get("direction", "DESC") == "DESC":
        numbers.reverse()
    return connection(numbers, lambda number: subject(node.place, number), **page)


@field("Issue.issueDependenciesSummary")
def dependencies_summary(node: Node, _: Graph) -> Json:
    summary = wire.dependencies_summary(node.place, node.record)
    return {
        "blockedBy": summary["blocked_by"],
        "blocking": summary["blocking"],
        "totalBlockedBy": summary["total_blocked_by"],
        "totalBlocking": summary["total_blocking"],
    }


@field("Issue.closedByPullRequestsReferences")
def closed_by(node: Node, _: Graph, **page: Any) -> Json:
    """Pull requests whose text closes the issue; closed ones only when asked for."""
    repo, mine = node.place, node.record.number
    found = [
        number
        for number, pull in repo.pulls.items()
        if mine in closing_numbers(repo, repo.issues[number].body)
        and (page.get("includeClosedPrs") or pull_state(repo, pull) != "CLOSED")
    ]
    return connection(found, lambda number: subject(repo, number), **page)

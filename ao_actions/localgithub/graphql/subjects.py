"""What issues and pull requests share, and their comments and reactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ao_actions.localgithub import access
from ao_actions.localgithub.graphql.nodes import (
    Graph,
    Json,
    Node,
    connection,
    constant,
    field,
    global_id,
    ordered,
    plain,
)
from ao_actions.localgithub.issues import find_label, may_edit
from ao_actions.localgithub.model import Comment, Issue, PullRequest, Repository
from ao_actions.localgithub.rest.issues import read_time
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire import issues as wire

_SUBJECTS = ("Issue", "PullRequest")
_ALL = "Issue PullRequest IssueComment PullRequestReview PullRequestReviewComment"


def subject(repo: Repository, number: int) -> Node:
    """An issue or pull request; the record of both is the Issue."""
    issue = repo.issues[number]
    return Node("PullRequest" if issue.is_pull else "Issue", repo, issue)


def pull_of(node: Node) -> PullRequest:
    """The pull request half."""
    return node.place.pulls[node.record.number]


def both(name: str) -> tuple[str, ...]:
    return tuple(f"{kind}.{name}" for kind in _SUBJECTS)


# -- lists


def issue_page(repo: Repository, found: Sequence[Issue], **arguments: Any) -> Json:
    """`labels` and `states` mean any of them; `filterBy` as GitHub filters."""
    kept = [issue for issue in found if _wanted(issue, arguments)]
    return _page(repo, kept, arguments)


def _wanted(issue: Issue, arguments: Json) -> bool:
    chosen = arguments.get("filterBy") or {}
    states = [str(each).lower() for each in chosen.get("states") or arguments.get("states") or []]
    labels = chosen.get("labels") or arguments.get("labels") or []
    assignee = chosen.get("assignee", "")
    tests = [
        not states or issue.state in states,
        not labels or _has_any(issue, labels),
        chosen.get("createdBy") in {None, issue.user},
        not chosen.get("since") or issue.updated_at >= read_time(chosen["since"]),
    ]
    if "assignee" in chosen:
        wanted = assignee in issue.assignees
        everyone = {"*": bool(issue.assignees), None: not issue.assignees}
        tests.append(everyone.get(assignee, wanted))
    return all(tests)


def _has_any(issue: Issue, labels: list[str]) -> bool:
    have = {name.lower() for name in issue.labels}
    return any(name.lower() in have for name in labels)


def pull_page(repo: Repository, found: Sequence[PullRequest], **arguments: Any) -> Json:
    states = arguments.get("states") or []
    labels = arguments.get("labels") or []
    kept = [
        repo.issues[pull.number]
        for pull in found
        if (not states or pull_state(repo, pull) in states)
        and arguments.get("headRefName") in {None, pull.head_ref}
        and arguments.get("baseRefName") in {None, pull.base_ref}
        and (not labels or _has_any(repo.issues[pull.number], labels))
    ]
    return _page(repo, kept, arguments)


def pull_state(repo: Repository, pull: PullRequest) -> str:
    return "MERGED" if pull.merged else repo.issues[pull.number].state.upper()


def _page(repo: Repository, found: list[Issue], arguments: Json) -> Json:
    order = arguments.get("orderBy")
    by = (order or {}).get("field", "CREATED_AT")

    def key(issue: Issue) -> tuple[float, int]:
        value = {
            "UPDATED_AT": issue.updated_at.timestamp(),
            "COMMENTS": float(len(issue.comments)),
        }.get(by, issue.created_at.timestamp())
        return value, issue.number

    sorted_issues = ordered(found, key, order, "ASC")
    return connection(sorted_issues, lambda issue: subject(repo, issue.number), **arguments)


# -- the subject itself

plain("Issue PullRequest", number="number", title="title", titleHTML="title", locked="locked")
plain("Issue PullRequest", updatedAt="updated_at", closedAt="closed_at")
plain(_ALL, databaseId="id", body="body", bodyText="body", bodyHTML="body")
plain("Issue PullRequest IssueComment PullRequestReviewComment", createdAt="created_at")
plain("Issue PullRequest IssueComment PullRequestReviewComment", publishedAt="created_at")
constant("Issue PullRequest", milestone=None, activeLockReason=None, isReadByViewer=True)
constant("Issue PullRequest", projectItems=connection([], str), projectsV2=connection([], str))
constant(_ALL, createdViaEmail=False, includesCreatedEdit=False)
plain(_ALL, lastEditedAt="edited_at")
constant("Issue PullRequest", viewerCanReact=True, viewerCanSubscribe=True)
constant("Issue PullRequest", viewerSubscription="UNSUBSCRIBED")

for _kind in _ALL.split():
    field(f"{_kind}.id")(global_id)


def each(name: str) -> tuple[str, ...]:
    return tuple(f"{kind}.{name}" for kind in _ALL.split())


@field(*each("fullDatabaseId"))
def full_database_id(node: Node, _: Graph) -> str:
    return str(node.record.id)


@field(*each("repository"))
def repository(node: Node, _: Graph) -> Node:
    return Node("Repository", node.repo, node.repo)


@field(*each("author"))
def author(node: Node, graph: Graph) -> Node | None:
    return graph.actor(node.record.user)


@field(*each("editor"))
def editor(node: Node, graph: Graph) -> Node | None:
    """Of comments and reviews nobody has asked yet."""
    return graph.actor(getattr(node.record, "editor", None))


@field(*each("authorAssociation"))
def author_association(node: Node, _: Graph) -> str:
    return core.author_association(node.place, node.record.user)


@field(*each("viewerDidAuthor"))
def viewer_did_author(node: Node, graph: Graph) -> bool:
    wrote: bool = node.record.user == graph.viewer.login
    return wrote


@field(
    *each("viewerCanUpdate"),
    *each("viewerCanDelete"),
    *both("viewerCanClose"),
    *both("viewerCanReopen"),
)
def viewer_can_update(node: Node, graph: Graph) -> bool:
    return may_edit(graph.turn(node.place), node.record.user)


@field(*both("viewerCanLabel"))
def viewer_can_label(node: Node, graph: Graph) -> bool:
    return access.has_role(node.place, graph.viewer.login, "triage")


@field(*both("url"), "Issue.bodyUrl", "PullRequest.permalink")
def url(node: Node, graph: Graph) -> str:
    return wire.page(graph.wire, node.place, node.record)


@field(*both("resourcePath"))
def resource_path(node: Node, graph: Graph) -> str:
    return url(node, graph).removeprefix(graph.html)


@field(*both("closed"))
def closed(node: Node, _: Graph) -> bool:
    is_closed: bool = node.record.state == "closed"
    return is_closed


@field(*both("labels"))
def labels(node: Node, _: Graph, **arguments: Any) -> Json:
    found = [find_label(node.place, name) for name in node.record.labels]
    known = [label for label in found if label is not None]
    return connection(known, lambda label: Node("Label", node.place, label), **arguments)


@field(*both("assignees"), *both("assignedActors"))
def assignees(node: Node, graph: Graph, **page: Any) -> Json:
    return connection(node.record.assignees, graph.actor, **page)


@field(*both("participants"))
def participants(node: Node, graph: Graph, **page: Any) -> Json:
    issue: Issue = node.record
    people = dict.fromkeys([issue.user, *(said.user for said in issue.comments)])
    return connection(list(people), graph.actor, **page)


@field(*both("comments"))
def comments(node: Node, _: Graph, **page: Any) -> Json:
    """Oldest first; an order can only be by the time of change."""
    found: list[Comment] = node.record.comments
    if order := page.get("orderBy"):
        found = ordered(found, lambda said: said.updated_at, order, "ASC")
    return connection(
        found,
        lambda said: Node("IssueComment", node.repo, said, node.record),
        **page,
    )


# -- comments

plain("IssueComment PullRequestReviewComment", updatedAt="updated_at")
constant("PullRequestReview PullRequestReviewComment", isMinimized=False, minimizedReason=None)


@field("IssueComment.isMinimized")
def is_minimized(node: Node, _: Graph) -> bool:
    return node.record.minimized is not None


@field("IssueComment.minimizedReason")
def minimized_reason(node: Node, _: Graph) -> str | None:
    reason: str | None = node.record.minimized
    return reason


@field("IssueComment.issue")
def issue(node: Node, _: Graph) -> Node:
    return subject(node.place, node.parent.number)


@field("IssueComment.pullRequest")
def pull_request(node: Node, _: Graph) -> Node | None:
    return subject(node.place, node.parent.number) if node.parent.is_pull else None


@field("IssueComment.url")
def comment_url(node: Node, graph: Graph) -> str:
    page = wire.page(graph.wire, node.place, node.parent)
    return f"{page}#issuecomment-{node.record.id}"


# -- reactions

_CONTENTS = {
    "THUMBS_UP": "+1",
    "THUMBS_DOWN": "-1",
    "LAUGH": "laugh",
    "CONFUSED": "confused",
    "HEART": "heart",
    "HOORAY": "hooray",
    "ROCKET": "rocket",
    "EYES": "eyes",
}


def rest_content(name: str) -> str:
    return _CONTENTS[name]


def graph_content(content: str) -> str:
    return next(name for name, each in _CONTENTS.items() if each == content)


@field(*each("reactionGroups"))
def reaction_groups(node: Node, graph: Graph) -> list[Json]:
    """One group per kind of reaction, also the empty ones."""
    given = getattr(node.record, "reactions", [])
    groups = []
    for name, content in _CONTENTS.items():
        users = [reaction.user for reaction in given if reaction.content == content]
        groups.append(
            {
                "content": name,
                "createdAt": None,
                "users": connection(users, graph.actor, first=100),
                "reactors": connection(users, graph.actor, first=100),
                "viewerHasReacted": graph.viewer.login in users,
            }
        )
    return groups


@field(*each("reactions"))
def reactions(node: Node, _: Graph, content: str | None = None, **page: Any) -> Json:
    given = getattr(node.record, "reactions", [])
    found = [each for each in given if content is None or each.content == _CONTENTS[content]]
    return connection(found, lambda each: Node("Reaction", node.repo, each), **page)


plain("Reaction", databaseId="id", createdAt="created_at")
field("Reaction.id")(global_id)


@field("Reaction.content")
def reaction_content(node: Node, _: Graph) -> str:
    return graph_content(node.record.content)


@field("Reaction.user")
def reaction_user(node: Node, graph: Graph) -> Node | None:
    return graph.actor(node.record.user)

"""Mutations of pull requests and reviews."""

from __future__ import annotations

from ao_actions.localgithub import access, merges, pulls, reviews
from ao_actions.localgithub.errors import unprocessable
from ao_actions.localgithub.graphql.lookup import find
from ao_actions.localgithub.graphql.mutations import (
    act,
    logins,
    mutation,
    own_or_triage,
    repository,
)
from ao_actions.localgithub.graphql.nodes import Graph, Json, Node, problem
from ao_actions.localgithub.graphql.subjects import pull_of, subject
from ao_actions.localgithub.model import Permission, PullRequest
from ao_actions.localgithub.turn import Turn


def _pull(graph: Graph, given: Json, role: Permission = "write") -> tuple[Node, Turn, PullRequest]:
    node = find(graph, given["pullRequestId"], "PullRequest")
    access.require(graph.viewer, node.place, "pull_requests", "write", role)
    return node, graph.turn(node.place), pull_of(node)


@mutation("createPullRequest")
def create_pull_request(graph: Graph, given: Json) -> Json:
    node = repository(graph, given["repositoryId"])
    access.require(graph.viewer, node.place, "pull_requests", "write", "write")
    made = pulls.create(
        graph.turn(node.place),
        given["title"],
        given.get("body") or "",
        given["headRefName"],
        given["baseRefName"].removeprefix("refs/heads/"),
        draft=bool(given.get("draft")),
    )
    return {"pullRequest": subject(node.place, made.number)}


@mutation("closePullRequest")
def close_pull_request(graph: Graph, given: Json) -> Json:
    node, turn, pull = _pull(graph, given, "read")
    own_or_triage(turn, node)
    pulls.set_state(turn, pull, "closed")
    return {"pullRequest": node}


@mutation("reopenPullRequest")
def reopen_pull_request(graph: Graph, given: Json) -> Json:
    node, turn, pull = _pull(graph, given, "read")
    own_or_triage(turn, node)
    pulls.set_state(turn, pull, "open")
    return {"pullRequest": node}


@mutation("convertPullRequestToDraft")
def convert_to_draft(graph: Graph, given: Json) -> Json:
    node, turn, pull = _pull(graph, given)
    pulls.set_draft(turn, pull, draft=True)
    return {"pullRequest": node}


@mutation("markPullRequestReadyForReview")
def ready_for_review(graph: Graph, given: Json) -> Json:
    node, turn, pull = _pull(graph, given)
    pulls.set_draft(turn, pull, draft=False)
    return {"pullRequest": node}


@mutation("requestReviews")
def request_reviews(graph: Graph, given: Json) -> Json:
    """`union: false`, the default, replaces who was asked."""
    node = _request(graph, given, logins(graph, given.get("userIds")))
    asked = pull_of(node).requested_reviewers
    edge = {"node": graph.actor(asked[-1]) if asked else None, "cursor": ""}
    return {"pullRequest": node, "requestedReviewersEdge": edge}


@mutation("requestReviewsByLogin")
def request_reviews_by_login(graph: Graph, given: Json) -> Json:
    logins = list(given.get("userLogins") or []) + list(given.get("botLogins") or [])
    return {"pullRequest": _request(graph, given, logins)}


def _request(graph: Graph, given: Json, logins: list[str]) -> Node:
    node, turn, pull = _pull(graph, given)
    if not given.get("union"):
        others = [each for each in pull.requested_reviewers if each not in logins]
        pulls.remove_review_requests(turn, pull, others)
    pulls.request_reviews(turn, pull, logins)
    return node


@mutation("mergePullRequest")
def merge_pull_request(graph: Graph, given: Json) -> Json:
    node, turn, pull = _pull(graph, given)
    access.require(graph.viewer, node.place, "contents", "write", "write")
    method = str(given.get("mergeMethod") or "MERGE").lower()
    style = merges.Style(method, given.get("commitHeadline"), given.get("commitBody"))
    merges.merge(turn, pull, style, given.get("expectedHeadOid"))
    return {"pullRequest": node}


@mutation("enablePullRequestAutoMerge")
def enable_auto_merge(graph: Graph, given: Json) -> Json:
    node, turn, pull = _pull(graph, given)
    expected = given.get("expectedHeadOid")
    if expected is not None and expected != pull.head_sha:
        raise unprocessable("The head branch was modified. Review and try again.")
    details = {
        "merge_method": str(given.get("mergeMethod") or "MERGE").lower(),
        "commit_title": given.get("commitHeadline"),
        "commit_message": given.get("commitBody"),
        "enabled_at": turn.now.isoformat(timespec="seconds"),
    }
    merges.enable_auto_merge(turn, pull, details)
    return {"pullRequest": node}


@mutation("disablePullRequestAutoMerge")
def disable_auto_merge(graph: Graph, given: Json) -> Json:
    node, turn, pull = _pull(graph, given)
    if pull.auto_merge is None:
        raise unprocessable("Can't disable auto-merge for this pull request")
    pull.auto_merge = None
    turn.emit_issue(node.record, "auto_merge_disabled")
    return {"pullRequest": node}


# -- reviews


@mutation("addPullRequestReview")
def add_review(graph: Graph, given: Json) -> Json:
    node, turn, pull = _pull(graph, given, "read")
    comments: list[Json] = list(given.get("comments") or [])
    comments += [dict(each) for each in given.get("threads") or []]
    event = given.get("event")
    review = reviews.submit(turn, pull, event, given.get("body") or "", comments=comments)
    shown = Node("PullRequestReview", node.repo, review, pull)
    return {"pullRequestReview": shown, "reviewEdge": {"cursor": "", "node": shown}}


@mutation("addPullRequestReviewThreadReply")
def reply_to_thread(graph: Graph, given: Json) -> Json:
    node = find(graph, given["pullRequestReviewThreadId"], "PullRequestReviewThread")
    turn = act(graph, node)
    pull: PullRequest = node.parent
    first = next(said for said in pull.review_comments if said.thread_id == node.record.id)
    said = reviews.reply(turn, pull, first, given["body"])
    return {"comment": Node("PullRequestReviewComment", node.repo, said, pull)}


def _resolve(graph: Graph, given: Json, *, resolved: bool) -> Json:
    """For the pull request's author and people who can push (docs "Resolving conversations").

    A job or app token needs `contents: write` beside `pull_requests: write`.
    """
    node = find(graph, given["threadId"], "PullRequestReviewThread")
    turn = graph.turn(node.place)
    access.require(graph.viewer, node.place, "pull_requests", "write", "read")
    author = node.place.issues[node.parent.number].user
    if author != turn.login and not turn.can("contents"):
        raise problem("FORBIDDEN", "Resource not accessible by integration")
    reviews.resolve(turn, node.parent, node.record, resolved=resolved)
    return {"thread": node}


@mutation("resolveReviewThread")
def resolve_thread(graph: Graph, given: Json) -> Json:
    return _resolve(graph, given, resolved=True)


@mutation("unresolveReviewThread")
def unresolve_thread(graph: Graph, given: Json) -> Json:
    return _resolve(graph, given, resolved=False)

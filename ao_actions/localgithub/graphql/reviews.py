"""Reviews of pull requests, their threads and comments."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub import merging
from ao_actions.localgithub.graphql.nodes import (
    Graph,
    Json,
    Node,
    connection,
    constant,
    field,
    global_id,
    plain,
)
from ao_actions.localgithub.graphql.subjects import pull_of, subject
from ao_actions.localgithub.model import PullRequest, Review, ReviewThread


@field("PullRequest.reviewRequests")
def review_requests(node: Node, graph: Graph, **page: Any) -> Json:
    def render(login: str) -> Json:
        user = graph.world.user(login)
        return {
            "id": f"RR_kwDO{node.record.id}_{user.id}",
            "databaseId": user.id,
            "asCodeOwner": False,
            "pullRequest": node,
            "requestedReviewer": graph.actor(login),
        }

    return connection(pull_of(node).requested_reviewers, render, **page)


@field("PullRequest.reviews")
def reviews(
    node: Node,
    graph: Graph,
    states: list[str] | None = None,
    author: str | None = None,
    **page: Any,
) -> Json:
    found = [
        review
        for review in pull_of(node).reviews
        if (review.state != "PENDING" or review.user == graph.viewer.login)
        and (not states or review.state in states)
        and author in {None, review.user}
    ]
    return connection(found, lambda review: _review(node, review), **page)


def _review(node: Node, review: Review) -> Node:
    return Node("PullRequestReview", node.repo, review, pull_of(node))


@field("PullRequest.latestReviews")
def latest_reviews(node: Node, _: Graph, **page: Any) -> Json:
    """The newest review of each person that was not by the author (pending ones never)."""
    latest = {
        review.user: review
        for review in pull_of(node).reviews
        if review.state != "PENDING" and review.user != node.record.user
    }
    return connection(list(latest.values()), lambda review: _review(node, review), **page)


@field("PullRequest.latestOpinionatedReviews")
def latest_opinionated_reviews(node: Node, _: Graph, **page: Any) -> Json:
    found = merging.opinions(pull_of(node))
    return connection(found, lambda review: _review(node, review), **page)


plain("PullRequestReview", state="state", createdAt="submitted_at", updatedAt="submitted_at")
plain("PullRequestReview", publishedAt="submitted_at", submittedAt="submitted_at")
constant("PullRequestReview", onBehalfOf=connection([], str))


@field("PullRequestReview.commit")
def review_commit(node: Node, _: Graph) -> Node:
    return Node("Commit", node.repo, node.record.commit_id)


@field("PullRequestReview.authorCanPushToRepository")
def author_can_push(node: Node, _: Graph) -> bool:
    return node.place.collaborators.get(node.record.user) in {"write", "maintain", "admin"}


@field("PullRequestReview.comments")
def review_comments(node: Node, _: Graph, **page: Any) -> Json:
    pull: PullRequest = node.parent
    found = [said for said in pull.review_comments if said.review_id == node.record.id]
    return _comment_page(node, pull, found, page)


def _comment_page(node: Node, pull: PullRequest, found: list[Any], page: Json) -> Json:
    return connection(
        found, lambda said: Node("PullRequestReviewComment", node.repo, said, pull), **page
    )


@field(
    "PullRequestReview.pullRequest",
    "PullRequestReviewComment.pullRequest",
    "PullRequestReviewThread.pullRequest",
)
def pull_request(node: Node, _: Graph) -> Node:
    return subject(node.place, node.parent.number)


@field("PullRequestReview.url")
def review_url(node: Node, graph: Graph) -> str:
    page = f"{graph.wire.page(node.place)}/pull/{node.parent.number}"
    return f"{page}#pullrequestreview-{node.record.id}"


# -- threads


@field("PullRequest.reviewThreads")
def review_threads(node: Node, _: Graph, **page: Any) -> Json:
    pull = pull_of(node)
    return connection(
        pull.threads, lambda each: Node("PullRequestReviewThread", node.repo, each, pull), **page
    )


plain("PullRequestReviewThread", path="path", isResolved="is_resolved", isOutdated="is_outdated")
plain("PullRequestReviewThread", originalLine="line", isCollapsed="is_resolved")
constant("PullRequestReviewThread", viewerCanReply=True, viewerCanResolve=True)
constant("PullRequestReviewThread", viewerCanUnresolve=True, originalStartLine=None)
constant("PullRequestReviewThread", startDiffSide=None)
field("PullRequestReviewThread.id")(global_id)


@field("PullRequestReviewThread.line")
def thread_line(node: Node, _: Graph) -> int | None:
    thread: ReviewThread = node.record
    return None if thread.is_outdated else thread.line


@field("PullRequestReviewThread.startLine")
def start_line(node: Node, _: Graph) -> int | None:
    """Of the thread's first comment; an outdated thread has no lines any more."""
    pull: PullRequest = node.parent
    found = (said for said in pull.review_comments if said.thread_id == node.record.id)
    first = next(found, None)
    return first.start_line if first and not node.record.is_outdated else None


@field("PullRequestReviewThread.diffSide")
def thread_side(node: Node, _: Graph) -> str:
    pull: PullRequest = node.parent
    sides = [said.side for said in pull.review_comments if said.thread_id == node.record.id]
    return sides[0] if sides else "RIGHT"


@field("PullRequestReviewThread.subjectType", "PullRequestReviewComment.subjectType")
def subject_type(node: Node, _: Graph) -> str:
    return "FILE" if node.record.line is None else "LINE"


@field("PullRequestReviewThread.repository")
def thread_repository(node: Node, _: Graph) -> Node:
    return Node("Repository", node.repo, node.repo)


@field("PullRequestReviewThread.resolvedBy")
def resolved_by(node: Node, graph: Graph) -> Node | None:
    return graph.actor(node.record.resolved_by)


@field("PullRequestReviewThread.comments")
def thread_comments(node: Node, _: Graph, **page: Any) -> Json:
    pull: PullRequest = node.parent
    found = [said for said in pull.review_comments if said.thread_id == node.record.id]
    return _comment_page(node, pull, found, page)


plain("PullRequestReviewComment", path="path", diffHunk="diff_hunk", originalLine="line")
plain("PullRequestReviewComment", startLine="start_line", originalStartLine="start_line")
plain("PullRequestReviewComment", originalPosition="line")
constant("PullRequestReviewComment", state="SUBMITTED", draftedAt=None)


def _thread_of(node: Node) -> ReviewThread | None:
    pull: PullRequest = node.parent
    return next((each for each in pull.threads if each.id == node.record.thread_id), None)


@field("PullRequestReviewComment.outdated")
def outdated(node: Node, _: Graph) -> bool:
    thread = _thread_of(node)
    return thread is not None and thread.is_outdated


@field("PullRequestReviewComment.line", "PullRequestReviewComment.position")
def comment_line(node: Node, graph: Graph) -> int | None:
    return None if outdated(node, graph) else node.record.line


@field("PullRequestReviewComment.commit", "PullRequestReviewComment.originalCommit")
def comment_commit(node: Node, _: Graph) -> Node:
    return Node("Commit", node.repo, node.record.commit_id)


@field("PullRequestReviewComment.replyTo")
def reply_to(node: Node, _: Graph) -> Node | None:
    pull: PullRequest = node.parent
    for said in pull.review_comments:
        if said.id == node.record.in_reply_to_id:
            return Node(node.kind, node.repo, said, pull)
    return None


@field("PullRequestReviewComment.pullRequestReview")
def comment_review(node: Node, _: Graph) -> Node | None:
    pull: PullRequest = node.parent
    for review in pull.reviews:
        if review.id == node.record.review_id:
            return Node("PullRequestReview", node.repo, review, pull)
    return None


@field("PullRequestReviewComment.url")
def comment_url(node: Node, graph: Graph) -> str:
    page = f"{graph.wire.page(node.place)}/pull/{node.parent.number}"
    return f"{page}#discussion_r{node.record.id}"

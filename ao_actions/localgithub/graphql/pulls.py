"""Pull requests, reviews and threads."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ao_actions.localgithub import merging
from ao_actions.localgithub.bare import Bare, FileChange
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
from ao_actions.localgithub.graphql.subjects import pull_of, pull_state, subject
from ao_actions.localgithub.issues import closing_numbers
from ao_actions.localgithub.model import PullRequest, Review, ReviewThread
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire import issues as issue_wire

constant("PullRequest", isCrossRepository=False, isInMergeQueue=False, isMergeQueueEnabled=False)
constant("PullRequest", maintainerCanModify=False, viewerCanUpdateBranch=True)
constant("PullRequest", viewerCanEnableAutoMerge=True, viewerCanDisableAutoMerge=True)
constant("PullRequest", viewerCanMergeAsAdmin=False, viewerCanDeleteHeadRef=True)

_ATTRIBUTES = {
    "headRefName": "head_ref",
    "headRefOid": "head_sha",
    "baseRefName": "base_ref",
    "baseRefOid": "base_sha",
    "isDraft": "draft",
    "merged": "merged",
}


def _pull_attribute(name: str, attribute: str) -> None:
    field(f"PullRequest.{name}")(lambda node, _: getattr(pull_of(node), attribute))


for _name, _attribute in _ATTRIBUTES.items():
    _pull_attribute(_name, _attribute)


@field("PullRequest.state")
def state(node: Node, _: Graph) -> str:
    return pull_state(node.place, pull_of(node))


@field("PullRequest.mergedAt")
def merged_at(node: Node, _: Graph) -> str | None:
    return core.stamp_or_none(pull_of(node).merged_at)


@field("PullRequest.mergedBy")
def merged_by(node: Node, graph: Graph) -> Node | None:
    return graph.actor(pull_of(node).merged_by)


@field("PullRequest.mergeCommit")
def merge_commit(node: Node, _: Graph) -> Node | None:
    oid = pull_of(node).merge_commit_sha
    return Node("Commit", node.repo, oid) if oid else None


@field("PullRequest.potentialMergeCommit")
def potential_merge_commit(node: Node, graph: Graph) -> Node | None:
    pull = pull_of(node)
    if node.record.state == "closed":
        return None
    oid = merging.test_merge(graph.world, node.place, pull).oid
    return Node("Commit", node.repo, oid) if oid else None


@field("PullRequest.mergeable")
def mergeable(node: Node, graph: Graph) -> str:
    if node.record.state == "closed":
        return "UNKNOWN"
    test = merging.test_merge(graph.world, node.place, pull_of(node))
    return "MERGEABLE" if test.mergeable else "CONFLICTING"


@field("PullRequest.canBeRebased")
def can_be_rebased(node: Node, graph: Graph) -> bool:
    return mergeable(node, graph) == "MERGEABLE"


@field("PullRequest.mergeStateStatus")
def merge_state_status(node: Node, graph: Graph) -> str:
    return merging.merge_state(graph.world, node.place, pull_of(node))


@field("PullRequest.reviewDecision")
def review_decision(node: Node, _: Graph) -> str | None:
    return merging.review_decision(node.place, pull_of(node))


@field("PullRequest.headRepository", "PullRequest.baseRepository")
def head_repository(node: Node, _: Graph) -> Node:
    return Node("Repository", node.repo, node.repo)


@field("PullRequest.headRepositoryOwner")
def head_repository_owner(node: Node, graph: Graph) -> Node | None:
    return graph.actor(node.place.owner)


@field("PullRequest.headRef")
def head_ref(node: Node, graph: Graph) -> Node | None:
    return _ref(node, graph, pull_of(node).head_ref)


@field("PullRequest.baseRef")
def base_ref(node: Node, graph: Graph) -> Node | None:
    return _ref(node, graph, pull_of(node).base_ref)


def _ref(node: Node, graph: Graph, name: str) -> Node | None:
    oid = graph.world.bare(node.place).branch(name)
    return Node("Ref", node.repo, (f"refs/heads/{name}", oid)) if oid else None


@field("PullRequest.checksUrl")
def checks_url(node: Node, graph: Graph) -> str:
    return f"{issue_wire.page(graph.wire, node.place, node.record)}/checks"


# -- what it changes


def _changes(node: Node, graph: Graph) -> list[FileChange]:
    pull = pull_of(node)
    base = merging.merge_base(graph.world, node.place, pull)
    return graph.world.bare(node.place).changes(base, pull.head_sha, patch=False)


@field("PullRequest.additions")
def additions(node: Node, graph: Graph) -> int:
    return sum(each.additions for each in _changes(node, graph))


@field("PullRequest.deletions")
def deletions(node: Node, graph: Graph) -> int:
    return sum(each.deletions for each in _changes(node, graph))


@field("PullRequest.changedFiles")
def changed_files(node: Node, graph: Graph) -> int:
    return len(_changes(node, graph))


_CHANGE_TYPES = {"removed": "DELETED"}


@field("PullRequest.files")
def files(node: Node, graph: Graph, **page: Any) -> Json:
    return connection(_changes(node, graph), _file, **page)


def _file(change: FileChange) -> Json:
    return {
        "path": change.path,
        "additions": change.additions,
        "deletions": change.deletions,
        "changeType": _CHANGE_TYPES.get(change.status, change.status.upper()),
        "viewerViewedState": "UNVIEWED",
    }


@field("PullRequest.commits")
def commits(node: Node, graph: Graph, **page: Any) -> Json:
    """Oldest first."""
    oids = _commits(node, graph)
    return connection(oids, lambda oid: Node("PullRequestCommit", node.repo, oid, node), **page)


def _commits(node: Node, graph: Graph) -> tuple[str, ...]:
    pull = pull_of(node)
    base = merging.merge_base(graph.world, node.place, pull)
    return _span(graph.world.bare(node.place), base, pull.head_sha)


@lru_cache(maxsize=2_000)
def _span(bare: Bare, base: str, head: str) -> tuple[str, ...]:
    """History does not change, and the same heads are asked for on every pass."""
    return tuple(reversed(bare.log(f"{base}..{head}")))


@field("PullRequestCommit.commit")
def commit_of(node: Node, _: Graph) -> Node:
    return Node("Commit", node.repo, node.record)


@field("PullRequestCommit.pullRequest")
def commit_pull(node: Node, _: Graph) -> Node:
    pull: Node = node.parent
    return pull


@field("PullRequestCommit.id")
def commit_id(node: Node, _: Graph) -> str:
    return f"PURC_kwDO{node.record}"


@field("PullRequest.closingIssuesReferences")
def closing_issues(node: Node, _: Graph, **page: Any) -> Json:
    numbers = closing_numbers(node.place, node.record.body)
    return connection(numbers, lambda number: subject(node.place, number), **page)


@field("PullRequest.totalCommentsCount")
def total_comments(node: Node, _: Graph) -> int:
    return len(node.record.comments) + len(pull_of(node).review_comments)


@field("PullRequest.autoMergeRequest")
def auto_merge_request(node: Node, graph: Graph) -> Json | None:
    details = pull_of(node).auto_merge
    if details is None:
        return None
    return {
        "authorEmail": None,
        "commitBody": details.get("commit_message"),
        "commitHeadline": details.get("commit_title"),
        "enabledAt": details.get("enabled_at"),
        "enabledBy": graph.actor(details["enabled_by"]),
        "mergeMethod": str(details["merge_method"]).upper(),
        "pullRequest": node,
    }


# -- reviews


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
constant("PullRequestReviewThread", startDiffSide=None, startLine=None)
field("PullRequestReviewThread.id")(global_id)


@field("PullRequestReviewThread.line")
def thread_line(node: Node, _: Graph) -> int | None:
    thread: ReviewThread = node.record
    return None if thread.is_outdated else thread.line


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

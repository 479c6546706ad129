"""Timelines: the entries of an issue's or pull request's history, by GraphQL type."""

from __future__ import annotations

import re
from typing import Any

from ao_actions.localgithub.graphql.nodes import Graph, Json, Node, connection, field, plain
from ao_actions.localgithub.graphql.subjects import both, subject
from ao_actions.localgithub.issues import closing_numbers, find_label
from ao_actions.localgithub.model import Issue, TimelineEvent
from ao_actions.localgithub.rest.issues import read_time
from ao_actions.localgithub.wire import core

_KINDS = {
    "labeled": "LabeledEvent",
    "unlabeled": "UnlabeledEvent",
    "assigned": "AssignedEvent",
    "unassigned": "UnassignedEvent",
    "closed": "ClosedEvent",
    "reopened": "ReopenedEvent",
    "renamed": "RenamedTitleEvent",
    "cross-referenced": "CrossReferencedEvent",
    "merged": "MergedEvent",
    "review_requested": "ReviewRequestedEvent",
    "review_request_removed": "ReviewRequestRemovedEvent",
    "review_dismissed": "ReviewDismissedEvent",
    "ready_for_review": "ReadyForReviewEvent",
    "convert_to_draft": "ConvertToDraftEvent",
    "head_ref_deleted": "HeadRefDeletedEvent",
    "head_ref_force_pushed": "HeadRefForcePushedEvent",
    "base_ref_changed": "BaseRefChangedEvent",
    "auto_merge_enabled": "AutoMergeEnabledEvent",
}
# the names of the itemTypes enum: LABELED_EVENT, ISSUE_COMMENT, PULL_REQUEST_REVIEW, ...
_ITEM_TYPES = {kind: re.sub(r"(?<!^)(?=[A-Z])", "_", kind).upper() for kind in _KINDS.values()}


@field(*both("timelineItems"))
def timeline_items(node: Node, _: Graph, since: str | None = None, **page: Any) -> Json:
    kinds = page.get("itemTypes")
    found = [item for item in _items(node) if not kinds or _item_type(item) in kinds]
    if since:
        start = read_time(since)
        found = [item for item in found if _when(item) >= start]
    newest = max((_when(item) for item in found), default=node.record.updated_at)
    result = connection(found, lambda item: item, **page)
    counts = {"filteredCount": len(found), "pageCount": len(result["nodes"])}
    return result | counts | {"updatedAt": core.stamp(newest)}


def _items(node: Node) -> list[Node]:
    """Events, comments and reviews in the order of their time."""
    issue: Issue = node.record
    items = [
        Node(_KINDS[entry.event], node.repo, entry, node)
        for entry in issue.timeline
        if entry.event in _KINDS
    ]
    items += [Node("IssueComment", node.repo, said, issue) for said in issue.comments]
    if issue.is_pull:
        pull = node.place.pulls[issue.number]
        items += [
            Node("PullRequestReview", node.repo, review, pull)
            for review in pull.reviews
            if review.state != "PENDING"
        ]
    return sorted(items, key=_when)


def _when(item: Node) -> Any:
    is_review = item.kind == "PullRequestReview"
    return item.record.submitted_at if is_review else item.record.created_at


def _item_type(item: Node) -> str:
    named = {"IssueComment": "ISSUE_COMMENT", "PullRequestReview": "PULL_REQUEST_REVIEW"}
    return named.get(item.kind) or _ITEM_TYPES[item.kind]


# -- the entries

plain(" ".join(_KINDS.values()), createdAt="created_at")


def every(name: str) -> tuple[str, ...]:
    return tuple(f"{kind}.{name}" for kind in _KINDS.values())


@field(*every("id"))
def entry_id(node: Node, _: Graph) -> str:
    return core.node_id("TimelineEvent", node.record.id)


@field(*every("actor"))
def actor(node: Node, graph: Graph) -> Node | None:
    return graph.actor(node.record.actor)


@field(
    *every("pullRequest"),
    "LabeledEvent.labelable",
    "UnlabeledEvent.labelable",
    "AssignedEvent.assignable",
    "UnassignedEvent.assignable",
    "ClosedEvent.closable",
    "ReopenedEvent.closable",
    "RenamedTitleEvent.subject",
    "CrossReferencedEvent.target",
)
def subject_of(node: Node, _: Graph) -> Node:
    place: Node = node.parent
    return place


@field("LabeledEvent.label", "UnlabeledEvent.label")
def label(node: Node, _: Graph) -> Node:
    """A deleted label is still named in the timeline."""
    from ao_actions.localgithub.model import Label

    entry: TimelineEvent = node.record
    name = entry.label or ""
    found = find_label(node.place, name) or Label(entry.id, name)
    return Node("Label", node.repo, found)


@field(
    "AssignedEvent.assignee",
    "AssignedEvent.user",
    "UnassignedEvent.assignee",
    "UnassignedEvent.user",
)
def assignee(node: Node, graph: Graph) -> Node | None:
    return graph.actor(node.record.assignee)


@field("ReviewRequestedEvent.requestedReviewer", "ReviewRequestRemovedEvent.requestedReviewer")
def requested_reviewer(node: Node, graph: Graph) -> Node | None:
    return graph.actor(node.record.reviewer)


@field("RenamedTitleEvent.previousTitle")
def previous_title(node: Node, _: Graph) -> str:
    entry: TimelineEvent = node.record
    return (entry.rename or [""])[0]


@field("RenamedTitleEvent.currentTitle")
def current_title(node: Node, _: Graph) -> str:
    entry: TimelineEvent = node.record
    return (entry.rename or [""])[-1]


@field("ClosedEvent.closer")
def closer(node: Node, _: Graph) -> Node | None:
    """The commit, or the pull request whose merge closed the issue."""
    oid = node.record.commit_id
    if not oid:
        return None
    for number, pull in node.place.pulls.items():
        if pull.merge_commit_sha == oid:
            return subject(node.place, number)
    return Node("Commit", node.repo, oid)


@field("ClosedEvent.stateReason", "ReopenedEvent.stateReason")
def state_reason(node: Node, _: Graph, **__: Any) -> str | None:
    reason: str | None = node.parent.record.state_reason
    return reason.upper() if reason else None


@field("MergedEvent.commit", "HeadRefForcePushedEvent.afterCommit")
def commit(node: Node, _: Graph) -> Node | None:
    oid = node.record.commit_id
    return Node("Commit", node.repo, oid) if oid else None


@field("MergedEvent.mergeRefName")
def merge_ref_name(node: Node, _: Graph) -> str:
    return node.place.pulls[node.parent.record.number].base_ref


@field("HeadRefDeletedEvent.headRefName")
def head_ref_name(node: Node, _: Graph) -> str:
    return node.place.pulls[node.parent.record.number].head_ref


@field("CrossReferencedEvent.source")
def source(node: Node, _: Graph) -> Node:
    return subject(node.place, node.record.source)


@field("CrossReferencedEvent.isCrossRepository")
def is_cross_repository(_: Node, __: Graph) -> bool:
    return False


@field("CrossReferencedEvent.referencedAt")
def referenced_at(node: Node, _: Graph) -> str:
    return core.stamp(node.record.created_at)


@field("CrossReferencedEvent.willCloseTarget")
def will_close_target(node: Node, _: Graph) -> bool:
    mentions = node.place.issues[node.record.source]
    if not mentions.is_pull or mentions.state == "closed":
        return False
    return node.parent.record.number in closing_numbers(node.place, mentions.body)

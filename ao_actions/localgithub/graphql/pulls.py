"""Pull requests (see reviews.py for what is said about them)."""

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
)
from ao_actions.localgithub.graphql.subjects import pull_of, pull_state, subject
from ao_actions.localgithub.issues import closing_numbers
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

"""Finds an object of the graph by its global node id."""

from __future__ import annotations

from collections.abc import Iterator

from ao_actions.localgithub import access
from ao_actions.localgithub.graphql.nodes import Graph, Node, problem
from ao_actions.localgithub.model import Repository
from ao_actions.localgithub.wire import core


def find(graph: Graph, text: str, *kinds: str) -> Node:
    """The object, of one of `kinds` if given; NOT_FOUND also for what may not be seen."""
    read = core.read_node_id(text)
    found = None
    if read is not None and (not kinds or read[0] in kinds):
        found = _find(graph, *read)
    if found is None:
        message = f"Could not resolve to a node with the global id of '{text}'"
        raise problem("NOT_FOUND", message)
    return found


def _find(graph: Graph, kind: str, identity: str) -> Node | None:
    if kind in {"User", "Bot", "Organization"}:
        users = graph.world.users.values()
        return next((Node(kind, None, each) for each in users if str(each.id) == identity), None)
    for repo in graph.world.repositories.values():
        if not access.sees(graph.viewer, repo):
            continue
        if kind == "Commit" and identity.startswith(f"{repo.id}O"):
            return Node("Commit", repo, identity.removeprefix(f"{repo.id}O"))
        for node in _candidates(repo, kind):
            if str(node.record.id) == identity:
                return node
    return None


def _candidates(repo: Repository, kind: str) -> Iterator[Node]:
    """Every object of a kind in a repository."""
    if kind == "Repository":
        yield Node(kind, repo, repo)
    elif kind in {"Issue", "PullRequest"}:
        wanted = kind == "PullRequest"
        yield from (Node(kind, repo, e) for e in repo.issues.values() if e.is_pull == wanted)
    elif kind == "Label":
        yield from (Node(kind, repo, label) for label in repo.labels)
    elif kind == "IssueComment":
        for issue in repo.issues.values():
            yield from (Node(kind, repo, said, issue) for said in issue.comments)
    elif kind.startswith("PullRequestReview"):
        name = {
            "PullRequestReview": "reviews",
            "PullRequestReviewComment": "review_comments",
            "PullRequestReviewThread": "threads",
        }[kind]
        for pull in repo.pulls.values():
            yield from (Node(kind, repo, each, pull) for each in getattr(pull, name))
    elif kind in {"CheckRun", "CheckSuite", "WorkflowRun", "StatusContext", "Workflow"}:
        name = {
            "CheckRun": "check_runs",
            "CheckSuite": "check_suites",
            "WorkflowRun": "runs",
            "StatusContext": "statuses",
            "Workflow": "workflows",
        }[kind]
        yield from (Node(kind, repo, each) for each in getattr(repo, name))

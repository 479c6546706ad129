"""Mutations of issues, labels, assignees and comments (pull_mutations.py has the others)."""

from __future__ import annotations

from collections.abc import Callable

from ao_actions.localgithub import access, issues, pulls, relations
from ao_actions.localgithub.errors import unprocessable
from ao_actions.localgithub.graphql.lookup import find
from ao_actions.localgithub.graphql.nodes import Graph, Json, Node, field, problem
from ao_actions.localgithub.graphql.subjects import pull_of, rest_content, subject
from ao_actions.localgithub.model import Comment, Issue, Permission
from ao_actions.localgithub.turn import Turn

Perform = Callable[[Graph, Json], Json]


def mutation(name: str) -> Callable[[Perform], Perform]:
    """Enters a mutation; its payload gets the clientMutationId back."""

    def add(perform: Perform) -> Perform:
        def resolve(_: Node, graph: Graph, input: Json) -> Json:  # noqa: A002 - GitHub's word
            payload = {"actor": graph.actor(graph.viewer.login), **perform(graph, input)}
            graph.world.save()
            return {"clientMutationId": input.get("clientMutationId"), **payload}

        field(f"Mutation.{name}")(resolve)
        return perform

    return add


def act(graph: Graph, node: Node, role: Permission = "read") -> Turn:
    """The viewer's turn where the node is, if they may write there."""
    is_pull = node.kind.startswith("PullRequest") or getattr(node.record, "is_pull", False)
    scope = "pull_requests" if is_pull else "issues"
    viewer = graph.viewer
    # a pull request's conversation may be used with either permission
    if is_pull and access.allows(viewer, node.place, "issues", "write", role):
        scope = "issues"
    access.require(viewer, node.place, scope, "write", role)
    return graph.turn(node.place)


def own_or_triage(turn: Turn, node: Node) -> None:
    if turn.login != node.record.user and not turn.can("issues"):
        raise problem("FORBIDDEN", f"{turn.login} does not have permission to update this.")


def repository(graph: Graph, identity: str) -> Node:
    return find(graph, identity, "Repository")


def _label_names(graph: Graph, identities: list[str] | None) -> list[str]:
    return [find(graph, each, "Label").record.name for each in identities or []]


def logins(graph: Graph, identities: list[str] | None) -> list[str]:
    return [find(graph, each, "User", "Bot").record.login for each in identities or []]


# -- issues


@mutation("createIssue")
def create_issue(graph: Graph, given: Json) -> Json:
    node = repository(graph, given["repositoryId"])
    turn = act(graph, node)
    made = issues.create(
        turn,
        given["title"],
        given.get("body") or "",
        _label_names(graph, given.get("labelIds")),
        logins(graph, given.get("assigneeIds")),
    )
    if given.get("parentIssueId"):
        parent = find(graph, given["parentIssueId"], "Issue").record
        relations.add_sub_issue(turn, parent, made)
    return {"issue": subject(node.place, made.number)}


@mutation("updateIssue")
def update_issue(graph: Graph, given: Json) -> Json:
    node = find(graph, given["id"], "Issue")
    _update(graph, node, given)
    if given.get("state") == "CLOSED":
        issues.close(graph.turn(node.place), node.record)
    elif given.get("state") == "OPEN":
        issues.reopen(graph.turn(node.place), node.record)
    return {"issue": node}


@mutation("updatePullRequest")
def update_pull_request(graph: Graph, given: Json) -> Json:
    node = find(graph, given["pullRequestId"], "PullRequest")
    _update(graph, node, given)
    turn = graph.turn(node.place)
    if given.get("baseRefName"):
        pulls.set_base(turn, pull_of(node), given["baseRefName"])
    if given.get("state"):
        pulls.set_state(turn, pull_of(node), given["state"].lower())
    return {"pullRequest": node}


def _update(graph: Graph, node: Node, given: Json) -> None:
    turn = act(graph, node)
    own_or_triage(turn, node)
    issues.edit(turn, node.record, given.get("title"), given.get("body"))
    if given.get("labelIds") is not None:
        issues.set_labels(turn, node.record, _label_names(graph, given["labelIds"]))
    if given.get("assigneeIds") is not None:
        issues.set_assignees(turn, node.record, logins(graph, given["assigneeIds"]))


@mutation("closeIssue")
def close_issue(graph: Graph, given: Json) -> Json:
    node = find(graph, given["issueId"], "Issue")
    turn = act(graph, node)
    own_or_triage(turn, node)
    reason = given.get("stateReason")
    issues.close(turn, node.record, reason.lower() if reason else None)
    return {"issue": node}


@mutation("reopenIssue")
def reopen_issue(graph: Graph, given: Json) -> Json:
    node = find(graph, given["issueId"], "Issue")
    turn = act(graph, node)
    own_or_triage(turn, node)
    issues.reopen(turn, node.record)
    return {"issue": node}


@mutation("addSubIssue")
def add_sub_issue(graph: Graph, given: Json) -> Json:
    parent = find(graph, given["issueId"], "Issue")
    turn = act(graph, parent, "triage")
    if given.get("subIssueId"):
        child = find(graph, given["subIssueId"], "Issue")
    else:
        number = int(str(given.get("subIssueUrl", "")).rpartition("/")[2])
        child = subject(parent.place, number)
    replace = bool(given.get("replaceParent"))
    relations.add_sub_issue(turn, parent.record, child.record, replace=replace)
    return {"issue": parent, "subIssue": child}


@mutation("removeSubIssue")
def remove_sub_issue(graph: Graph, given: Json) -> Json:
    parent = find(graph, given["issueId"], "Issue")
    child = find(graph, given["subIssueId"], "Issue")
    act(graph, parent, "triage")
    if child.record.number not in parent.record.sub_issues:
        raise unprocessable("The issue is not a sub-issue")
    parent.record.sub_issues.remove(child.record.number)
    return {"issue": parent, "subIssue": child}


@mutation("addBlockedBy")
def add_blocked_by(graph: Graph, given: Json) -> Json:
    node = find(graph, given["issueId"], "Issue")
    blocker = find(graph, given["blockingIssueId"], "Issue")
    relations.add_blocker(act(graph, node, "triage"), node.record, blocker.record)
    return {"issue": node, "blockingIssue": blocker}


@mutation("removeBlockedBy")
def remove_blocked_by(graph: Graph, given: Json) -> Json:
    node = find(graph, given["issueId"], "Issue")
    blocker = find(graph, given["blockingIssueId"], "Issue")
    act(graph, node, "triage")
    if blocker.record.number not in node.record.blocked_by:
        raise unprocessable("The issue is not blocked by it")
    node.record.blocked_by.remove(blocker.record.number)
    return {"issue": node, "blockingIssue": blocker}


# -- labels and assignees


@mutation("addLabelsToLabelable")
def add_labels(graph: Graph, given: Json) -> Json:
    node = find(graph, given["labelableId"], "Issue", "PullRequest")
    turn = act(graph, node, "triage")
    issues.add_labels(turn, node.record, _label_names(graph, given["labelIds"]))
    return {"labelable": node}


@mutation("removeLabelsFromLabelable")
def remove_labels(graph: Graph, given: Json) -> Json:
    node = find(graph, given["labelableId"], "Issue", "PullRequest")
    turn = act(graph, node, "triage")
    for name in _label_names(graph, given["labelIds"]):
        if name in node.record.labels:
            issues.remove_label(turn, node.record, name)
    return {"labelable": node}


@mutation("clearLabelsFromLabelable")
def clear_labels(graph: Graph, given: Json) -> Json:
    node = find(graph, given["labelableId"], "Issue", "PullRequest")
    issues.set_labels(act(graph, node, "triage"), node.record, [])
    return {"labelable": node}


@mutation("addAssigneesToAssignable")
def add_assignees(graph: Graph, given: Json) -> Json:
    node = find(graph, given["assignableId"], "Issue", "PullRequest")
    turn = act(graph, node, "triage")
    issues.assign(turn, node.record, logins(graph, given["assigneeIds"]))
    return {"assignable": node}


@mutation("removeAssigneesFromAssignable")
def remove_assignees(graph: Graph, given: Json) -> Json:
    node = find(graph, given["assignableId"], "Issue", "PullRequest")
    turn = act(graph, node, "triage")
    issues.unassign(turn, node.record, logins(graph, given["assigneeIds"]))
    return {"assignable": node}


@mutation("replaceActorsForAssignable")
def replace_actors(graph: Graph, given: Json) -> Json:
    node = find(graph, given["assignableId"], "Issue", "PullRequest")
    wanted = logins(graph, given.get("actorIds")) + list(given.get("actorLogins") or [])
    issues.set_assignees(act(graph, node, "triage"), node.record, wanted)
    return {"assignable": node}


# -- comments and reactions


@mutation("addComment")
def add_comment(graph: Graph, given: Json) -> Json:
    node = find(graph, given["subjectId"], "Issue", "PullRequest")
    said = issues.comment(act(graph, node), node.record, given["body"])
    shown = Node("IssueComment", node.repo, said, node.record)
    return {"subject": node, "commentEdge": {"cursor": str(said.id), "node": shown}}


def _comment(graph: Graph, identity: str) -> tuple[Node, Turn, Issue, Comment]:
    node = find(graph, identity, "IssueComment")
    place = subject(node.place, node.parent.number)
    turn = act(graph, place)
    if not issues.may_edit(turn, node.record.user) and not turn.can("issues"):
        raise problem("FORBIDDEN", f"{turn.login} does not have permission to update this.")
    return node, turn, node.parent, node.record


@mutation("updateIssueComment")
def update_comment(graph: Graph, given: Json) -> Json:
    node, turn, issue, said = _comment(graph, given["id"])
    issues.edit_comment(turn, issue, said, given["body"])
    return {"issueComment": node}


@mutation("deleteIssueComment")
def delete_comment(graph: Graph, given: Json) -> Json:
    _, turn, issue, said = _comment(graph, given["id"])
    issues.delete_comment(turn, issue, said)
    return {}


@mutation("minimizeComment")
def minimize_comment(graph: Graph, given: Json) -> Json:
    node, _, _, said = _comment(graph, given["subjectId"])
    said.minimized = str(given["classifier"]).lower()
    return {"minimizedComment": node}


@mutation("unminimizeComment")
def unminimize_comment(graph: Graph, given: Json) -> Json:
    node, _, _, said = _comment(graph, given["subjectId"])
    said.minimized = None
    return {"unminimizedComment": node}


@mutation("addReaction")
def add_reaction(graph: Graph, given: Json) -> Json:
    comments = ("IssueComment", "PullRequestReview", "PullRequestReviewComment")
    node = find(graph, given["subjectId"], "Issue", "PullRequest", *comments)
    is_comment = node.kind in comments
    turn = act(graph, subject(node.place, node.parent.number) if is_comment else node)
    reaction, _ = issues.react(turn, node.record.reactions, rest_content(given["content"]))
    shown = Node("Reaction", node.repo, reaction)
    return {"subject": node, "reaction": shown, "reactionGroups": []}

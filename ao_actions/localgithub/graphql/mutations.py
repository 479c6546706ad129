"""Mutations: GraphQL's way to do what the REST API does."""

from __future__ import annotations

from collections.abc import Callable

from ao_actions.localgithub import access, issues, merges, pulls, relations, reviews
from ao_actions.localgithub.errors import unprocessable
from ao_actions.localgithub.graphql.lookup import find
from ao_actions.localgithub.graphql.nodes import Graph, Json, Node, field, problem
from ao_actions.localgithub.graphql.subjects import pull_of, rest_content, subject
from ao_actions.localgithub.model import Comment, Issue, Permission, PullRequest
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


def _act(graph: Graph, node: Node, role: Permission = "read") -> Turn:
    """The viewer's turn where the node is, if they may write there."""
    is_pull = node.kind.startswith("PullRequest") or getattr(node.record, "is_pull", False)
    scope = "pull_requests" if is_pull else "issues"
    viewer = graph.viewer
    # a pull request's conversation may be used with either permission
    if is_pull and access.allows(viewer, node.place, "issues", "write", role):
        scope = "issues"
    access.require(viewer, node.place, scope, "write", role)
    return graph.turn(node.place)


def _own_or_triage(turn: Turn, node: Node) -> None:
    if turn.login != node.record.user and not turn.can("issues"):
        raise problem("FORBIDDEN", f"{turn.login} does not have permission to update this.")


def _repository(graph: Graph, identity: str) -> Node:
    return find(graph, identity, "Repository")


def _label_names(graph: Graph, identities: list[str] | None) -> list[str]:
    return [find(graph, each, "Label").record.name for each in identities or []]


def _logins(graph: Graph, identities: list[str] | None) -> list[str]:
    return [find(graph, each, "User", "Bot").record.login for each in identities or []]


# -- issues


@mutation("createIssue")
def create_issue(graph: Graph, given: Json) -> Json:
    node = _repository(graph, given["repositoryId"])
    turn = _act(graph, node)
    made = issues.create(
        turn,
        given["title"],
        given.get("body") or "",
        _label_names(graph, given.get("labelIds")),
        _logins(graph, given.get("assigneeIds")),
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
    turn = _act(graph, node)
    _own_or_triage(turn, node)
    issues.edit(turn, node.record, given.get("title"), given.get("body"))
    if given.get("labelIds") is not None:
        issues.set_labels(turn, node.record, _label_names(graph, given["labelIds"]))
    if given.get("assigneeIds") is not None:
        issues.set_assignees(turn, node.record, _logins(graph, given["assigneeIds"]))


@mutation("closeIssue")
def close_issue(graph: Graph, given: Json) -> Json:
    node = find(graph, given["issueId"], "Issue")
    turn = _act(graph, node)
    _own_or_triage(turn, node)
    reason = given.get("stateReason")
    issues.close(turn, node.record, reason.lower() if reason else None)
    return {"issue": node}


@mutation("reopenIssue")
def reopen_issue(graph: Graph, given: Json) -> Json:
    node = find(graph, given["issueId"], "Issue")
    turn = _act(graph, node)
    _own_or_triage(turn, node)
    issues.reopen(turn, node.record)
    return {"issue": node}


@mutation("addSubIssue")
def add_sub_issue(graph: Graph, given: Json) -> Json:
    parent = find(graph, given["issueId"], "Issue")
    turn = _act(graph, parent, "triage")
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
    _act(graph, parent, "triage")
    if child.record.number not in parent.record.sub_issues:
        raise unprocessable("The issue is not a sub-issue")
    parent.record.sub_issues.remove(child.record.number)
    return {"issue": parent, "subIssue": child}


@mutation("addBlockedBy")
def add_blocked_by(graph: Graph, given: Json) -> Json:
    node = find(graph, given["issueId"], "Issue")
    blocker = find(graph, given["blockingIssueId"], "Issue")
    relations.add_blocker(_act(graph, node, "triage"), node.record, blocker.record)
    return {"issue": node, "blockingIssue": blocker}


@mutation("removeBlockedBy")
def remove_blocked_by(graph: Graph, given: Json) -> Json:
    node = find(graph, given["issueId"], "Issue")
    blocker = find(graph, given["blockingIssueId"], "Issue")
    _act(graph, node, "triage")
    if blocker.record.number not in node.record.blocked_by:
        raise unprocessable("The issue is not blocked by it")
    node.record.blocked_by.remove(blocker.record.number)
    return {"issue": node, "blockingIssue": blocker}


# -- labels and assignees


@mutation("addLabelsToLabelable")
def add_labels(graph: Graph, given: Json) -> Json:
    node = find(graph, given["labelableId"], "Issue", "PullRequest")
    turn = _act(graph, node, "triage")
    issues.add_labels(turn, node.record, _label_names(graph, given["labelIds"]))
    return {"labelable": node}


@mutation("removeLabelsFromLabelable")
def remove_labels(graph: Graph, given: Json) -> Json:
    node = find(graph, given["labelableId"], "Issue", "PullRequest")
    turn = _act(graph, node, "triage")
    for name in _label_names(graph, given["labelIds"]):
        if name in node.record.labels:
            issues.remove_label(turn, node.record, name)
    return {"labelable": node}


@mutation("clearLabelsFromLabelable")
def clear_labels(graph: Graph, given: Json) -> Json:
    node = find(graph, given["labelableId"], "Issue", "PullRequest")
    issues.set_labels(_act(graph, node, "triage"), node.record, [])
    return {"labelable": node}


@mutation("addAssigneesToAssignable")
def add_assignees(graph: Graph, given: Json) -> Json:
    node = find(graph, given["assignableId"], "Issue", "PullRequest")
    turn = _act(graph, node, "triage")
    issues.assign(turn, node.record, _logins(graph, given["assigneeIds"]))
    return {"assignable": node}


@mutation("removeAssigneesFromAssignable")
def remove_assignees(graph: Graph, given: Json) -> Json:
    node = find(graph, given["assignableId"], "Issue", "PullRequest")
    turn = _act(graph, node, "triage")
    issues.unassign(turn, node.record, _logins(graph, given["assigneeIds"]))
    return {"assignable": node}


@mutation("replaceActorsForAssignable")
def replace_actors(graph: Graph, given: Json) -> Json:
    node = find(graph, given["assignableId"], "Issue", "PullRequest")
    logins = _logins(graph, given.get("actorIds")) + list(given.get("actorLogins") or [])
    issues.set_assignees(_act(graph, node, "triage"), node.record, logins)
    return {"assignable": node}


# -- comments and reactions


@mutation("addComment")
def add_comment(graph: Graph, given: Json) -> Json:
    node = find(graph, given["subjectId"], "Issue", "PullRequest")
    said = issues.comment(_act(graph, node), node.record, given["body"])
    shown = Node("IssueComment", node.repo, said, node.record)
    return {"subject": node, "commentEdge": {"cursor": str(said.id), "node": shown}}


def _comment(graph: Graph, identity: str) -> tuple[Node, Turn, Issue, Comment]:
    node = find(graph, identity, "IssueComment")
    place = subject(node.place, node.parent.number)
    turn = _act(graph, place)
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
    kinds = ("Issue", "PullRequest", "IssueComment", "PullRequestReviewComment")
    node = find(graph, given["subjectId"], *kinds)
    is_comment = node.kind.endswith("Comment")
    turn = _act(graph, subject(node.place, node.parent.number) if is_comment else node)
    reaction, _ = issues.react(turn, node.record.reactions, rest_content(given["content"]))
    shown = Node("Reaction", node.repo, reaction)
    return {"subject": node, "reaction": shown, "reactionGroups": []}


# -- pull requests


def _pull(graph: Graph, given: Json, role: Permission = "write") -> tuple[Node, Turn, PullRequest]:
    node = find(graph, given["pullRequestId"], "PullRequest")
    access.require(graph.viewer, node.place, "pull_requests", "write", role)
    return node, graph.turn(node.place), pull_of(node)


@mutation("createPullRequest")
def create_pull_request(graph: Graph, given: Json) -> Json:
    node = _repository(graph, given["repositoryId"])
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
    _own_or_triage(turn, node)
    pulls.set_state(turn, pull, "closed")
    return {"pullRequest": node}


@mutation("reopenPullRequest")
def reopen_pull_request(graph: Graph, given: Json) -> Json:
    node, turn, pull = _pull(graph, given, "read")
    _own_or_triage(turn, node)
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
    node = _request(graph, given, _logins(graph, given.get("userIds")))
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
    turn = _act(graph, node)
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

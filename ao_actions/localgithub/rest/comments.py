"""Conversation comments and reactions."""

from __future__ import annotations

from ao_actions.localgithub import issues
from ao_actions.localgithub.errors import Refusal, not_found
from ao_actions.localgithub.model import Comment, Issue, Reaction
from ao_actions.localgithub.rest.issues import read_time
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.reviews import find_comment as find_review_comment
from ao_actions.localgithub.wire import issues as wire
from ao_actions.localgithub.wire.core import Json


@route("GET /repos/{owner}/{repo}/issues/comments", "issues:read")
def repository_comments(call: Call) -> Reply:
    found = [(issue, said) for issue in call.repo.issues.values() for said in issue.comments]
    found = _since(call, found)
    by_update = call.query.get("sort") == "updated"
    found.sort(key=lambda item: item[1].updated_at if by_update else item[1].created_at)
    if call.query.get("direction") == "desc":
        found.reverse()
    return call.page(found, lambda item: wire.comment(call.wire, call.repo, *item))


def _since(call: Call, found: list[tuple[Issue, Comment]]) -> list[tuple[Issue, Comment]]:
    if not call.query.get("since"):
        return found
    since = read_time(call.query["since"])
    return [item for item in found if item[1].updated_at >= since]


@route("GET /repos/{owner}/{repo}/issues/{number}/comments", "issue:read")
def comments(call: Call) -> Reply:
    issue = issues.get(call.repo, call.number())
    found = _since(call, [(issue, said) for said in issue.comments])
    return call.page(found, lambda item: wire.comment(call.wire, call.repo, *item))


@route(
    "POST /repos/{owner}/{repo}/issues/{number}/comments", "issue:write", role="read", status=201
)
def create(call: Call) -> Json:
    issue = issues.get(call.repo, call.number())
    if issue.locked and not call.turn.can("issues"):
        raise Refusal(403, "Unable to create comment because issue is locked.")
    said = issues.comment(call.turn, issue, call.text("body") or "")
    return wire.comment(call.wire, call.repo, issue, said)


@route("GET /repos/{owner}/{repo}/issues/comments/{comment_id}", "issues:read")
def comment(call: Call) -> Json:
    return wire.comment(
        call.wire, call.repo, *issues.find_comment(call.repo, call.number("comment_id"))
    )


def _editable(call: Call) -> tuple[Issue, Comment]:
    issue, said = issues.find_comment(call.repo, call.number("comment_id"))
    if not issues.may_edit(call.turn, said.user) and not call.turn.can("issues"):
        raise Refusal(403, "Must have admin rights to Repository.")
    return issue, said


@route("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", "issues:write", role="read")
def update(call: Call) -> Json:
    issue, said = _editable(call)
    issues.edit_comment(call.turn, issue, said, str(call.required("body", "IssueComment")))
    return wire.comment(call.wire, call.repo, issue, said)


@route(
    "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "issues:write",
    role="read",
    status=204,
)
def delete(call: Call) -> Reply:
    issue, said = _editable(call)
    issues.delete_comment(call.turn, issue, said)
    return Reply(status=204)


# -- reactions, on issues and on both kinds of comments


def _given(call: Call) -> list[Reaction]:
    if "number" in call.params:
        return issues.get(call.repo, call.number()).reactions
    if "/pulls/" in call.path:
        return find_review_comment(call.turn, call.number("comment_id"))[1].reactions
    return issues.find_comment(call.repo, call.number("comment_id"))[1].reactions


def _reactions(call: Call) -> Reply:
    content = call.query.get("content")
    found = [each for each in _given(call) if content in {None, each.content}]
    return call.page(found, lambda each: wire.reaction(call.wire, each))


def _react(call: Call) -> Reply:
    content = str(call.required("content", "Reaction"))
    reaction, is_new = issues.react(call.turn, _given(call), content)
    return Reply(wire.reaction(call.wire, reaction), 201 if is_new else 200)


def _unreact(call: Call) -> Reply:
    given = _given(call)
    mine = [each for each in given if each.id == call.number("reaction_id")]
    if not mine or mine[0].user != call.viewer.login:
        raise not_found()
    given.remove(mine[0])
    return Reply(status=204)


for _place in ("issues/{number}", "issues/comments/{comment_id}", "pulls/comments/{comment_id}"):
    _scope = "pull_requests" if _place.startswith("pulls") else "issue"
    _path = f"/repos/{{owner}}/{{repo}}/{_place}/reactions"
    route(f"GET {_path}", f"{_scope}:read")(_reactions)
    route(f"POST {_path}", f"{_scope}:write", role="read")(_react)
    route(f"DELETE {_path}/{{reaction_id}}", f"{_scope}:write", role="read")(_unreact)

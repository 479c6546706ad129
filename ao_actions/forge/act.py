"""Performs effects on GitHub: each an upsert that says what it had to do.

An effect may be performed twice, late, or by two passes at once, and GitHub may answer 500
after it did the work; so each looks at the world where GitHub itself does not refuse a
second one (I7). Where it cannot be known what came of one, it is performed once more at once;
but what starts a run is left to a later pass, for a run may take a while to be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, assert_never
from urllib.parse import quote

from ao_actions.core import actions, feedback, projection
from ao_actions.core.model import Reply
from ao_actions.errors import AoError, AuthError, ForgeError, NotFoundError
from ao_actions.forge import nodes, observe
from ao_actions.forge.client import Client, Json
from ao_actions.forge.observe import REVIEW_WORKFLOW, WORK_WORKFLOW, missing_workflow

What = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Performed:
    """What an effect did, and where it can be seen."""

    what: What
    url: str = ""


UNCHANGED = Performed("unchanged")

_THREAD = """
query Thread($id: ID!) { node(id: $id) { ... on PullRequestReviewThread {
  isResolved
  comments(last: 50) {
    nodes { databaseId body url viewerDidAuthor author { login __typename } } } } } }
"""
_REPLY = """
mutation Reply($id: ID!, $body: String!) {
  addPullRequestReviewThreadReply(input: {pullRequestReviewThreadId: $id, body: $body}) {
    comment { url } } }
"""
_RESOLVE = """
mutation Resolve($id: ID!) {
  resolveReviewThread(input: {threadId: $id}) { thread { isResolved } } }
"""
_REACT = """
mutation React($id: ID!, $content: ReactionContent!) {
  addReaction(input: {subjectId: $id, content: $content}) { reaction { content } } }
"""
_CONTENTS = {"+1": "THUMBS_UP", "eyes": "EYES", "confused": "CONFUSED"}


def perform(client: Client, effect: actions.Effect, default_branch: str) -> Performed:
    """Carry out one effect.

    :raises RateLimitError: not now
    :raises ForgeError: GitHub refused, or did not answer
    """
    if isinstance(effect, actions.Dispatch | actions.Rerun):
        return _once(client, effect, default_branch)
    return surely(client, lambda: _once(client, effect, default_branch))


def surely(client: Client, upsert: Callable[[], Performed]) -> Performed:
    """Perform it; once more where nobody knows what came of it: then it looks first.

    :raises ForgeError: GitHub refused, or did not answer again
    """
    try:
        return upsert()
    except ForgeError as error:
        if not error.unknown or not client.patience.before_try(1):
            raise
    return upsert()


def _once(client: Client, effect: actions.Effect, default_branch: str) -> Performed:  # noqa: PLR0911 - one line per kind of effect
    match effect:
        case actions.Dispatch():
            return _dispatch(client, effect, default_branch)
        case actions.Rerun():
            return _rerun(client, effect)
        case actions.Cancel():
            return _run_call(client, effect.run_id, "cancel")
        case actions.OpenPull():
            return open_pull(client, effect)
        case actions.Answer():
            return answer(client, effect.number, effect.reply)
        case actions.React():
            return _react(client, effect)
        case actions.Label():
            return _label(client, effect)
        case actions.Assign():
            return _assign(client, effect)
        case actions.RequestReview():
            return _request_review(client, effect)
        case actions.Report():
            return _report(client, effect)
        case actions.Notice():
            return _notice(client, effect)
        case _:
            assert_never(effect)


def dispatch_workflow(client: Client, workflow: str, ref: str, inputs: dict[str, str]) -> None:
    """Start a workflow on a branch.

    :raises NotFoundError: the default branch has no such workflow
    """
    path = f"actions/workflows/{workflow}/dispatches"
    try:
        client.request("POST", path, body={"ref": ref, "inputs": inputs})
    except NotFoundError:
        raise missing_workflow(client, workflow) from None


def _dispatch(client: Client, effect: actions.Dispatch, default_branch: str) -> Performed:
    inputs = {"task": str(effect.issue), "epoch": str(effect.epoch), "reason": str(effect.reason)}
    dispatch_workflow(client, WORK_WORKFLOW, default_branch, inputs)
    return Performed("created")


def _rerun(client: Client, effect: actions.Rerun) -> Performed:
    done = _run_call(client, effect.run_id, "rerun-failed-jobs")
    if effect.head is not None:
        _wait_again(client, effect.head)
    return done


def _wait_again(client: Client, head: str) -> None:
    """No event tells that a re-run is over: so the job that waited for the head's checks waits
    once more. Its run is the first on the head; one that still goes on will see the re-run."""
    path = f"actions/workflows/{REVIEW_WORKFLOW}/runs"
    try:
        runs = client.pages(path, key="workflow_runs", head_sha=head, event="pull_request")
    except NotFoundError:
        return  # without that workflow the next scheduled pass sees it
    first = min(runs, key=lambda run: int(run["id"]), default=None)
    if first is not None and first["status"] == "completed":
        _run_call(client, int(first["id"]), "rerun")


def _run_call(client: Client, run_id: int, verb: str) -> Performed:
    """409: the run is over already, which is what was wanted; 403 with a word about the run: it
    runs already, or is too old to. What came of it, the next pass sees.

    :raises AuthError: 403 for want of a permission
    """
    path = f"actions/runs/{run_id}/{verb}"
    status, answer = client.request("POST", path, accept=(403, 409))
    message = str(answer.get("message", ""))
    if status == 403 and "workflow" not in message:
        raise AuthError(f"POST {path}: the token may not do that ({message})")
    return UNCHANGED if status in (403, 409) else Performed("updated")


def open_pull(
    client: Client, effect: actions.OpenPull, *, until: datetime | None = None
) -> Performed:
    """The one pull request of the branch: never a second, in whatever state the first is, nor one
    beside an open one of an earlier round (I4).

    :raises ForgeError: `until` is over, from when on it is somebody else's to open
    """
    title, body = split_message(client.get(f"git/commits/{effect.head}")["message"])
    found: list[Json] = []
    for name in effect.earlier:
        found = found or observe.pulls_of(client, name, "open")
    # the branch itself last: another program's may be opened, and closed by a human, meanwhile
    found = observe.pulls_of(client, effect.branch) or found
    if found:
        return Performed("unchanged", found[0]["html_url"])
    if until is not None and client.now() > until:
        raise ForgeError(f"{effect.branch}: GitHub took so long that a pass may be opening it")
    status, created = client.request(
        "POST",
        "pulls",
        body={
            "title": title,
            "body": body,
            "head": effect.branch,
            "base": effect.base,
            "maintainer_can_modify": True,
        },
        accept=(422,),
        looked=True,
    )
    if status == 422:
        again = observe.pulls_of(client, effect.branch)
        if not again:
            raise ForgeError(f"{effect.branch}: GitHub refuses the pull request: {created}")
        return Performed("unchanged", again[0]["html_url"])
    return Performed("created", created["html_url"])


def split_message(message: str) -> tuple[str, str]:
    """A commit's message as a pull request's title and body, without the trailers."""
    title, _, rest = message.partition("\n")
    paragraphs = rest.strip().split("\n\n")
    if paragraphs and paragraphs[-1].startswith("Co-authored-by: "):
        paragraphs.pop()
    return title, "\n\n".join(paragraphs)


def answer(client: Client, number: int, reply: Reply) -> Performed:
    """One reply per item, recognised by its mark and account (I7): on its review thread, or in
    the conversation of the issue or pull request `number`."""
    mark = feedback.REPLY_MARK.format(item=reply.item)
    body = f"{mark}\n{reply.body}"
    return _say(client, number, mark, body) if not reply.thread else _on_thread(client, reply, body)


def _on_thread(client: Client, reply: Reply, body: str) -> Performed:
    data, _ = client.graphql(_THREAD, {"id": reply.thread})
    thread = data["node"]
    if thread is None:
        return UNCHANGED  # the thread was deleted: there is nobody to answer
    mark = body.split("\n", 1)[0]
    others = [c for c in thread["comments"]["nodes"] if not c["body"].startswith(mark)]
    # whoever has said more since has not been answered yet
    last = str(others[-1]["databaseId"]) if others else ""
    # before the reply, for that is the sign by which later passes know that all is done
    if reply.resolve and not thread["isResolved"] and last == reply.item.split(":")[2]:
        _resolve(client, reply.thread)
    url = _there(thread["comments"]["nodes"], mark)
    if url is not None:
        return Performed("unchanged", url)
    made, _ = client.graphql(_REPLY, {"id": reply.thread, "body": body}, write=True)
    return Performed("created", made["addPullRequestReviewThreadReply"]["comment"]["url"])


def _there(comments: list[Json], mark: str) -> str | None:
    for comment in comments:
        if comment["body"].startswith(mark) and nodes.by_program(comment):
            return str(comment["url"])
    return None


def _resolve(client: Client, thread: str) -> None:
    """A courtesy: a token that may not do it leaves the thread to its people."""
    with suppress(AoError):
        client.graphql(_RESOLVE, {"id": thread}, write=True)


def _react(client: Client, effect: actions.React) -> Performed:
    """The same reaction by the same account exists once; a comment may be gone by now."""
    variables = {"id": effect.node, "content": _CONTENTS[effect.content]}
    data, _ = client.graphql(_REACT, variables, write=True)
    return Performed("created") if data["addReaction"] else UNCHANGED


def _label(client: Client, effect: actions.Label) -> Performed:
    path = f"issues/{effect.issue}/labels"
    if effect.add:
        client.request("POST", path, body={"labels": list(effect.add)})
    for name in effect.remove:
        label = f"{path}/{quote(name, safe='')}"
        status, answer = client.request("DELETE", label, accept=(404,))
        if status == 404 and "label" not in str(answer.get("message", "")).lower():
            raise NotFoundError(f"DELETE {label}: no such issue, or this token may not see it")
    return Performed("updated")


def _assign(client: Client, effect: actions.Assign) -> Performed:
    path = f"issues/{effect.number}/assignees"
    _, issue = client.request("POST", path, body={"assignees": [effect.login]})
    taken = any(user["login"] == effect.login for user in issue["assignees"])
    return Performed("updated", issue["html_url"]) if taken else UNCHANGED


def _request_review(client: Client, effect: actions.RequestReview) -> Performed:
    """422: this person cannot review it (its author, say): the assignment has to do."""
    path = f"pulls/{effect.pull}/requested_reviewers"
    body = {"reviewers": [effect.login]}
    status, _ = client.request("POST", path, body=body, accept=(422,))
    return UNCHANGED if status == 422 else Performed("updated")


def _report(client: Client, effect: actions.Report) -> Performed:
    """Where the comment that is known was deleted, another pass may have written it anew."""
    updated = _rewritten(client, effect.comment, effect.body)
    if updated is None:
        found = _find_comment(client, effect.issue, projection.STATUS_MARK)
        updated = _rewritten(client, str(found["id"]) if found else None, effect.body)
    if updated is not None:
        return Performed("updated", updated["html_url"])
    path = f"issues/{effect.issue}/comments"
    _, created = client.request("POST", path, body={"body": effect.body})
    return Performed("created", created["html_url"])


def _rewritten(client: Client, comment: str | None, body: str) -> Json | None:
    """The comment with new words; None if there is none (any more)."""
    if comment is None:
        return None
    path = f"issues/comments/{comment}"
    status, updated = client.request("PATCH", path, body={"body": body}, accept=(404,))
    return None if status == 404 else updated


def _notice(client: Client, effect: actions.Notice) -> Performed:
    return _say(client, effect.issue, effect.mark, effect.body)


def _say(client: Client, number: int, mark: str, body: str) -> Performed:
    """Said once: whoever finds the mark has nothing left to say."""
    found = _find_comment(client, number, mark)
    if found is not None:
        return Performed("unchanged", found["html_url"])
    _, created = client.request("POST", f"issues/{number}/comments", body={"body": body})
    return Performed("created", created["html_url"])


def _find_comment(client: Client, issue: int, mark: str) -> dict[str, Any] | None:
    """Our comment with this mark, which another pass may just have written."""
    comments: list[Json] = client.pages(f"issues/{issue}/comments")
    marked = [comment for comment in comments if (comment["body"] or "").startswith(mark)]
    ours = {nodes.WORKFLOWS, client.viewer()} if marked else set()
    return next((c for c in marked if c["user"] and c["user"]["login"] in ours), None)

"""Reviews of pull requests, their threads and comments."""

from __future__ import annotations

import re
from typing import Any

from ao_actions.localgithub import merging, pulls
from ao_actions.localgithub.errors import Refusal, invalid, not_found
from ao_actions.localgithub.model import PullRequest, Review, ReviewComment, ReviewThread
from ao_actions.localgithub.turn import Turn
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire import pulls as wire

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


def find_review(pull: PullRequest, identity: int) -> Review:
    found = next((each for each in pull.reviews if each.id == identity), None)
    if found is None:
        raise not_found()
    return found


def find_comment(turn: Turn, identity: int) -> tuple[PullRequest, ReviewComment]:
    for pull in turn.repo.pulls.values():
        for said in pull.review_comments:
            if said.id == identity:
                return pull, said
    raise not_found()


def find_thread(turn: Turn, identity: int) -> tuple[PullRequest, ReviewThread]:
    for pull in turn.repo.pulls.values():
        for thread in pull.threads:
            if thread.id == identity:
                return pull, thread
    raise not_found()


def submit(
    turn: Turn,
    pull: PullRequest,
    event: str | None,
    body: str = "",
    *,
    comments: list[dict[str, Any]],
    commit_id: str | None = None,
) -> Review:
    """A review with its inline comments. Without an event it stays pending."""
    _may_decide(turn, pull, event)
    if event in {"COMMENT", "REQUEST_CHANGES"} and not body and not comments:
        raise Refusal(422, "Unprocessable Entity", errors=["Review body can't be blank"])
    lines = [_place(turn, pull, each) for each in comments]
    review = Review(
        id=turn.world.next_id(),
        user=turn.login,
        body=body,
        state="PENDING",
        commit_id=commit_id or pull.head_sha,
        submitted_at=turn.now,
    )
    pull.reviews.append(review)
    for place, said in zip(lines, comments, strict=True):
        _start_thread(turn, pull, review, place, str(said.get("body", "")))
    if event is not None:
        finish(turn, pull, review, event)
    turn.world.save()
    return review


def _may_decide(turn: Turn, pull: PullRequest, event: str | None) -> None:
    if event is not None and event not in STATES:
        raise invalid("PullRequestReview", "event")
    own = pulls.issue_of(turn, pull).user == turn.login
    if own and event == "APPROVE":
        sentence = "Can not approve your own pull request"
        raise Refusal(422, "Unprocessable Entity", errors=[sentence])
    if own and event == "REQUEST_CHANGES":
        sentence = "Can not request changes on your own pull request"
        raise Refusal(422, "Unprocessable Entity", errors=[sentence])
    barred = turn.viewer.kind == "job" and not turn.repo.actions_may_create_pulls
    if barred and event == "APPROVE":
        raise Refusal(422, "Unprocessable Entity", errors=[pulls.NOT_PERMITTED])


def finish(turn: Turn, pull: PullRequest, review: Review, event: str) -> None:
    """Submits a pending review: now others see it."""
    _may_decide(turn, pull, event)
    review.state = STATES[event]  # type: ignore[assignment] # the values are the literals
    review.submitted_at = turn.now
    issue = pulls.issue_of(turn, pull)
    issue.updated_at = turn.now
    if turn.login in pull.requested_reviewers:
        pull.requested_reviewers.remove(turn.login)
    for said in [each for each in pull.review_comments if each.review_id == review.id]:
        _emit_comment(turn, pull, said)
    _emit_review(turn, pull, review, "submitted")


def edit(turn: Turn, pull: PullRequest, review: Review, body: str) -> None:
    changes = {"body": {"from": review.body}}
    review.body = body
    review.edited_at = turn.now
    _emit_review(turn, pull, review, "edited", changes=changes)


def dismiss(turn: Turn, pull: PullRequest, review: Review) -> None:
    if review.state not in {"APPROVED", "CHANGES_REQUESTED"}:
        raise Refusal(422, "Can not dismiss a commented pull request review")
    review.state = "DISMISSED"
    turn.note(pulls.issue_of(turn, pull), "review_dismissed")
    _emit_review(turn, pull, review, "dismissed")


def comment(turn: Turn, pull: PullRequest, said: dict[str, Any], commit_id: str) -> ReviewComment:
    """One inline comment by itself: GitHub wraps it in a review of its own."""
    if not str(said.get("body") or "").strip():
        raise invalid("PullRequestReviewComment", "body", "missing_field")
    place = _place(turn, pull, said)
    review = _silent_review(turn, pull, commit_id)
    made = _start_thread(turn, pull, review, place, str(said["body"]))
    _emit_comment(turn, pull, made)
    _emit_review(turn, pull, review, "submitted")
    return made


def reply(turn: Turn, pull: PullRequest, to: ReviewComment, body: str) -> ReviewComment:
    """Answers a thread. It comes with a COMMENTED review without a body, as on GitHub."""
    if not body.strip():
        raise invalid("PullRequestReviewComment", "body", "missing_field")
    review = _silent_review(turn, pull, pull.head_sha)
    made = ReviewComment(
        id=turn.world.next_id(),
        thread_id=to.thread_id,
        user=turn.login,
        body=body,
        path=to.path,
        line=to.line,
        side=to.side,
        commit_id=to.commit_id,
        created_at=turn.now,
        updated_at=turn.now,
        review_id=review.id,
        in_reply_to_id=to.in_reply_to_id or to.id,
        diff_hunk=to.diff_hunk,
    )
    pull.review_comments.append(made)
    _, thread = find_thread(turn, to.thread_id)
    thread.comment_ids.append(made.id)
    _emit_comment(turn, pull, made)
    _emit_review(turn, pull, review, "submitted")
    return made


def resolve(turn: Turn, pull: PullRequest, thread: ReviewThread, *, resolved: bool) -> None:
    if thread.is_resolved == resolved:
        return
    thread.is_resolved = resolved
    thread.resolved_by = turn.login if resolved else None
    shown = [
        wire.review_comment(turn.wire, turn.repo, pull, said)
        for said in pull.review_comments
        if said.thread_id == thread.id
    ]
    content = {
        "node_id": core.node_id("PullRequestReviewThread", thread.id),
        "comments": shown,
    }
    action = "resolved" if resolved else "unresolved"
    turn.emit_pull("pull_request_review_thread", action, pull.number, thread=content)


def _silent_review(turn: Turn, pull: PullRequest, commit_id: str) -> Review:
    identity = turn.world.next_id()
    review = Review(identity, turn.login, "", "COMMENTED", commit_id, turn.now)
    pull.reviews.append(review)
    pulls.issue_of(turn, pull).updated_at = turn.now
    return review


def _start_thread(
    turn: Turn, pull: PullRequest, review: Review, place: dict[str, Any], body: str
) -> ReviewComment:
    thread = ReviewThread(turn.world.next_id(), place["path"], place["line"])
    made = ReviewComment(
        id=turn.world.next_id(),
        thread_id=thread.id,
        user=turn.login,
        body=body,
        commit_id=review.commit_id,
        created_at=turn.now,
        updated_at=turn.now,
        review_id=review.id,
        **place,
    )
    thread.comment_ids.append(made.id)
    pull.threads.append(thread)
    pull.review_comments.append(made)
    return made


def _place(turn: Turn, pull: PullRequest, said: dict[str, Any]) -> dict[str, Any]:
    """Where an inline comment stands; it must be on a line that the diff shows."""
    base = merging.merge_base(turn.world, turn.repo, pull)
    files = {each.path: each for each in turn.bare.changes(base, pull.head_sha)}
    path = str(said.get("path") or "")
    if path not in files:
        raise invalid("PullRequestReviewComment", "pull_request_review_thread.path")
    patch = files[path].patch or ""
    side = str(said.get("side") or "RIGHT")
    line = said.get("line")
    if line is None and said.get("position") is not None:
        line = line_at(patch, int(said["position"]))
    if line is None and said.get("subject_type") != "file":
        raise invalid("PullRequestReviewComment", "pull_request_review_thread.line")
    hunk = hunk_at(patch, int(line), side) if line is not None else ""
    if hunk is None:
        message = "pull_request_review_thread.line must be part of the diff"
        raise invalid("PullRequestReviewComment", "line", "custom", message)
    return {
        "path": path,
        "line": int(line) if line is not None else None,
        "side": side,
        "start_line": said.get("start_line"),
        "diff_hunk": hunk,
    }


def hunk_at(patch: str, line: int, side: str) -> str | None:
    """The hunk down to a line of the new (RIGHT) or old (LEFT) file; None if it is not shown."""
    shown: list[str] = []
    old = new = 0
    for text in patch.split("\n"):
        start = _HUNK.match(text)
        if start:
            old, new = int(start[1]) - 1, int(start[2]) - 1
            shown = [text]
            continue
        shown.append(text)
        old += text[:1] in {" ", "-", ""}
        new += text[:1] in {" ", "+", ""}
        here = new if side == "RIGHT" else old
        if here == line and text[:1] != ("-" if side == "RIGHT" else "+"):
            return "\n".join(shown)
    return None


def line_at(patch: str, position: int) -> int | None:
    """The line of the new file at a position: lines below the first hunk header, from 1."""
    new = 0
    for count, text in enumerate(patch.split("\n")):
        start = _HUNK.match(text)
        if start:
            new = int(start[2]) - 1
        else:
            new += text[:1] in {" ", "+", ""}
        if count == position:
            return new
    return None


def _emit_comment(turn: Turn, pull: PullRequest, said: ReviewComment) -> None:
    shown = wire.review_comment(turn.wire, turn.repo, pull, said)
    turn.emit_pull("pull_request_review_comment", "created", pull.number, comment=shown)


def _emit_review(
    turn: Turn, pull: PullRequest, review: Review, action: str, **content: Any
) -> None:
    shown = wire.review(turn.wire, turn.repo, pull, review)
    shown["state"] = review.state.lower()  # webhooks write it so
    turn.emit_pull("pull_request_review", action, pull.number, review=shown, **content)

"""Reviews of pull requests and their inline comments."""

from __future__ import annotations

from ao_actions.localgithub import issues, pulls, reviews
from ao_actions.localgithub.errors import Refusal, not_found
from ao_actions.localgithub.model import PullRequest, Review, ReviewComment
from ao_actions.localgithub.rest.issues import read_time
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import pulls as wire
from ao_actions.localgithub.wire.core import Json

_BASE = "/repos/{owner}/{repo}/pulls/{number}"


def _pull(call: Call) -> PullRequest:
    return pulls.get(call.repo, call.number())


def _review(call: Call) -> tuple[PullRequest, Review]:
    pull = _pull(call)
    return pull, reviews.find_review(pull, call.number("review_id"))


def _shown(call: Call, pull: PullRequest, review: Review) -> Json:
    return wire.review(call.wire, call.repo, pull, review)


def _comment(call: Call, pull: PullRequest, said: ReviewComment) -> Json:
    return wire.review_comment(call.wire, call.repo, pull, said)


@route(f"GET {_BASE}/reviews", "pull_requests:read")
def list_reviews(call: Call) -> Reply:
    """A pending review is seen by its author only."""
    pull = _pull(call)
    mine = call.viewer.login
    found = [each for each in pull.reviews if each.state != "PENDING" or each.user == mine]
    return call.page(found, lambda review: _shown(call, pull, review))


@route(f"POST {_BASE}/reviews", "pull_requests:write", role="read")
def create(call: Call) -> Json:
    pull = _pull(call)
    review = reviews.submit(
        call.turn,
        pull,
        call.text("event"),
        call.text("body") or "",
        comments=list(call.body.get("comments") or []),
        commit_id=call.text("commit_id"),
    )
    return _shown(call, pull, review)


@route(f"GET {_BASE}/reviews/{{review_id}}", "pull_requests:read")
def review(call: Call) -> Json:
    return _shown(call, *_review(call))


@route(f"PUT {_BASE}/reviews/{{review_id}}", "pull_requests:write", role="read")
def update(call: Call) -> Json:
    pull, record = _review(call)
    if record.user != call.viewer.login:
        raise Refusal(403, "Must have admin rights to Repository.")
    reviews.edit(call.turn, pull, record, str(call.required("body", "PullRequestReview")))
    return _shown(call, pull, record)


@route(f"POST {_BASE}/reviews/{{review_id}}/events", "pull_requests:write", role="read")
def submit(call: Call) -> Json:
    pull, record = _review(call)
    if record.state != "PENDING" or record.user != call.viewer.login:
        raise Refusal(422, "Unprocessable Entity", errors=["Can only submit a pending review"])
    if (body := call.text("body")) is not None:
        record.body = body
    event = str(call.required("event", "PullRequestReview"))
    reviews.finish(call.turn, pull, record, event)
    return _shown(call, pull, record)


@route(f"PUT {_BASE}/reviews/{{review_id}}/dismissals", "pull_requests:write")
def dismiss(call: Call) -> Json:
    pull, record = _review(call)
    call.required("message", "PullRequestReview")
    reviews.dismiss(call.turn, pull, record)
    return _shown(call, pull, record)


@route(f"GET {_BASE}/reviews/{{review_id}}/comments", "pull_requests:read")
def review_comments(call: Call) -> Reply:
    pull, record = _review(call)
    found = [each for each in pull.review_comments if each.review_id == record.id]
    return call.page(found, lambda said: _comment(call, pull, said))


# -- inline comments


@route(f"GET {_BASE}/comments", "pull_requests:read")
def comments(call: Call) -> Reply:
    pull = _pull(call)
    return _comment_page(call, [(pull, said) for said in pull.review_comments])


@route("GET /repos/{owner}/{repo}/pulls/comments", "pull_requests:read")
def repository_comments(call: Call) -> Reply:
    return _comment_page(
        call, [(pull, said) for pull in call.repo.pulls.values() for said in pull.review_comments]
    )


def _comment_page(call: Call, found: list[tuple[PullRequest, ReviewComment]]) -> Reply:
    if call.query.get("since"):
        since = read_time(call.query["since"])
        found = [item for item in found if item[1].updated_at >= since]
    by_update = call.query.get("sort") == "updated"
    found.sort(key=lambda item: item[1].updated_at if by_update else item[1].created_at)
    if call.query.get("direction") == "desc":
        found.reverse()
    return call.page(found, lambda item: _comment(call, *item))


@route(f"POST {_BASE}/comments", "pull_requests:write", role="read", status=201)
def comment_on(call: Call) -> Json:
    """A new thread, or with `in_reply_to` an answer in one."""
    pull = _pull(call)
    if call.body.get("in_reply_to") is not None:
        _, first = reviews.find_comment(call.turn, int(call.body["in_reply_to"]))
        said = reviews.reply(call.turn, pull, first, call.text("body") or "")
        return _comment(call, pull, said)
    commit = str(call.required("commit_id", "PullRequestReviewComment"))
    return _comment(call, pull, reviews.comment(call.turn, pull, call.body, commit))


@route(
    f"POST {_BASE}/comments/{{comment_id}}/replies",
    "pull_requests:write",
    role="read",
    status=201,
)
def reply(call: Call) -> Json:
    pull = _pull(call)
    owner, said = reviews.find_comment(call.turn, call.number("comment_id"))
    if owner is not pull:
        raise not_found()
    return _comment(call, pull, reviews.reply(call.turn, pull, said, call.text("body") or ""))


@route("GET /repos/{owner}/{repo}/pulls/comments/{comment_id}", "pull_requests:read")
def comment(call: Call) -> Json:
    return _comment(call, *reviews.find_comment(call.turn, call.number("comment_id")))


def _editable(call: Call) -> tuple[PullRequest, ReviewComment]:
    pull, said = reviews.find_comment(call.turn, call.number("comment_id"))
    if not issues.may_edit(call.turn, said.user):
        raise Refusal(403, "Must have admin rights to Repository.")
    return pull, said


@route(
    "PATCH /repos/{owner}/{repo}/pulls/comments/{comment_id}", "pull_requests:write", role="read"
)
def update_comment(call: Call) -> Json:
    pull, said = _editable(call)
    said.body = str(call.required("body", "PullRequestReviewComment"))
    said.updated_at = said.edited_at = call.turn.now
    return _comment(call, pull, said)


@route(
    "DELETE /repos/{owner}/{repo}/pulls/comments/{comment_id}",
    "pull_requests:write",
    role="read",
    status=204,
)
def delete_comment(call: Call) -> Reply:
    """A thread goes with its last comment."""
    pull, said = _editable(call)
    pull.review_comments.remove(said)
    _, thread = reviews.find_thread(call.turn, said.thread_id)
    thread.comment_ids.remove(said.id)
    if not thread.comment_ids:
        pull.threads.remove(thread)
    return Reply(status=204)

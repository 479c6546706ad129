"""Issues: lists, the issue itself, its labels, assignees and timeline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from ao_actions.localgithub import issues
from ao_actions.localgithub.errors import Refusal, invalid
from ao_actions.localgithub.model import Issue
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire import issues as wire
from ao_actions.localgithub.wire import pulls as pull_wire
from ao_actions.localgithub.wire.core import Json


def _issue(call: Call) -> Issue:
    return issues.get(call.repo, call.number())


def _shown(call: Call, issue: Issue) -> Json:
    return wire.issue(call.wire, call.repo, issue)


@route("GET /repos/{owner}/{repo}/issues", "issues:read")
def list_issues(call: Call) -> Reply:
    """Pull requests are issues too. `labels=a,b` means both."""
    found = [issue for issue in call.repo.issues.values() if _wanted(call, issue)]
    found.sort(key=_order(call.query.get("sort", "created")))
    if call.query.get("direction", "desc") == "desc":
        found.reverse()
    return call.page(found, lambda issue: _shown(call, issue))


def _wanted(call: Call, issue: Issue) -> bool:
    query = call.query
    state = query.get("state", "open")
    labels = [name.lower() for name in query.get("labels", "").split(",") if name]
    have = {name.lower() for name in issue.labels}
    checks = [
        state in {"all", issue.state},
        all(name in have for name in labels),
        query.get("creator", issue.user) == issue.user,
        query.get("milestone", "none") in {"none", "*"},
    ]
    if since := query.get("since"):
        checks.append(issue.updated_at >= read_time(since))
    if assignee := query.get("assignee"):
        listed = assignee in issue.assignees
        checks.append(
            {"*": bool(issue.assignees), "none": not issue.assignees}.get(assignee, listed)
        )
    return all(checks)


def _order(sort: str) -> Callable[[Issue], tuple[float, int]]:
    def key(issue: Issue) -> tuple[float, int]:
        value = {
            "updated": issue.updated_at.timestamp(),
            "comments": float(len(issue.comments)),
        }.get(sort, issue.created_at.timestamp())
        return value, issue.number

    return key


def read_time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        raise invalid("Issue", "since") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


@route("POST /repos/{owner}/{repo}/issues", "issues:write", role="read", status=201)
def create(call: Call) -> Json:
    issue = issues.create(
        call.turn,
        str(call.required("title", "Issue")),
        call.text("body") or "",
        call.names("labels") if call.body.get("labels") else [],
        call.names("assignees") if call.body.get("assignees") else [],
    )
    return _shown(call, issue)


@route("GET /repos/{owner}/{repo}/issues/{number}", "issue:read")
def issue(call: Call) -> Json:
    return _shown(call, _issue(call))


@route("PATCH /repos/{owner}/{repo}/issues/{number}", "issue:write", role="read")
def update(call: Call) -> Json:
    record, turn, body = _issue(call), call.turn, call.body
    if not call.viewer.is_integration and turn.login != record.user and not turn.can("issues"):
        raise Refusal(403, "Must have admin rights to Repository.")
    issues.edit(turn, record, call.text("title"), call.text("body"))
    if "labels" in body:
        issues.set_labels(turn, record, call.names("labels"))
    if "assignees" in body:
        issues.set_assignees(turn, record, call.names("assignees"))
    state, reason = call.text("state"), call.text("state_reason")
    if state not in {None, "open", "closed"}:
        raise invalid("Issue", "state")
    if state == "closed":
        if record.state == "closed" and reason:
            record.state_reason = reason
        issues.close(turn, record, reason)
    elif state == "open":
        issues.reopen(turn, record)
    return _shown(call, record)


# -- labels of an issue


@route("GET /repos/{owner}/{repo}/issues/{number}/labels", "issue:read")
def labels(call: Call) -> Reply:
    return call.page(wire.labels(call.wire, call.repo, _issue(call).labels), lambda each: each)


def _labels_now(call: Call, issue: Issue) -> list[Json]:
    return wire.labels(call.wire, call.repo, issue.labels)


@route("POST /repos/{owner}/{repo}/issues/{number}/labels", "issue:write", role="triage")
def add_labels(call: Call) -> list[Json]:
    record = _issue(call)
    issues.add_labels(call.turn, record, call.names("labels"))
    return _labels_now(call, record)


@route("PUT /repos/{owner}/{repo}/issues/{number}/labels", "issue:write", role="triage")
def set_labels(call: Call) -> list[Json]:
    record = _issue(call)
    issues.set_labels(call.turn, record, call.names("labels"))
    return _labels_now(call, record)


@route("DELETE /repos/{owner}/{repo}/issues/{number}/labels", "issue:write", role="triage")
def remove_labels(call: Call) -> Reply:
    issues.set_labels(call.turn, _issue(call), [])
    return Reply(status=204)


@route("DELETE /repos/{owner}/{repo}/issues/{number}/labels/{name}", "issue:write", role="triage")
def remove_label(call: Call) -> list[Json]:
    record = _issue(call)
    issues.remove_label(call.turn, record, call.params["name"])
    return _labels_now(call, record)


# -- assignees


@route("GET /repos/{owner}/{repo}/assignees", "issues:read")
def assignees(call: Call) -> Reply:
    people = list(call.repo.collaborators)
    return call.page(people, lambda login: core.user(call.wire, login))


@route("GET /repos/{owner}/{repo}/assignees/{login}", "issues:read")
def is_assignable(call: Call) -> Reply:
    if not issues.assignable(call.repo, call.params["login"]):
        raise Refusal(404, "Not Found")
    return Reply(status=204)


@route(
    "POST /repos/{owner}/{repo}/issues/{number}/assignees",
    "issue:write",
    role="triage",
    status=201,
)
def assign(call: Call) -> Json:
    record = _issue(call)
    issues.assign(call.turn, record, call.names("assignees"))
    return _shown(call, record)


@route("DELETE /repos/{owner}/{repo}/issues/{number}/assignees", "issue:write", role="triage")
def unassign(call: Call) -> Json:
    record = _issue(call)
    issues.unassign(call.turn, record, call.names("assignees"))
    return _shown(call, record)


@route("PUT /repos/{owner}/{repo}/issues/{number}/lock", "issue:write", role="triage", status=204)
def lock(call: Call) -> Reply:
    _issue(call).locked = True
    return Reply(status=204)


@route(
    "DELETE /repos/{owner}/{repo}/issues/{number}/lock", "issue:write", role="triage", status=204
)
def unlock(call: Call) -> Reply:
    _issue(call).locked = False
    return Reply(status=204)


# -- history


def _not_in_events(event: str) -> bool:
    # docs "Timeline events": these are in the timeline only
    return event in {"cross-referenced", "commented", "committed", "reviewed"}


@route("GET /repos/{owner}/{repo}/issues/events", "issues:read")
def repository_events(call: Call) -> Reply:
    found = [
        (record, entry)
        for record in call.repo.issues.values()
        for entry in record.timeline
        if not _not_in_events(entry.event)
    ]
    found.sort(key=lambda item: -item[1].id)

    def render(item: tuple[Issue, object]) -> Json:
        entry = next(each for each in item[0].timeline if each is item[1])
        return wire.event(call.wire, call.repo, entry) | {"issue": _shown(call, item[0])}

    return call.page(found, render)


@route("GET /repos/{owner}/{repo}/issues/{number}/events", "issue:read")
def events(call: Call) -> Reply:
    found = [each for each in _issue(call).timeline if not _not_in_events(each.event)]
    return call.page(found, lambda entry: wire.event(call.wire, call.repo, entry))


@route("GET /repos/{owner}/{repo}/issues/{number}/timeline", "issue:read")
def timeline(call: Call) -> Reply:
    """Events, comments, commits and reviews in the order of their time."""
    record = _issue(call)
    entries = [
        (entry.created_at, wire.event(call.wire, call.repo, entry)) for entry in record.timeline
    ]
    for said in record.comments:
        shown = wire.comment(call.wire, call.repo, record, said)
        entries.append((said.created_at, shown | {"event": "commented", "actor": shown["user"]}))
    if record.is_pull:
        pull = call.repo.pulls[record.number]
        for review in pull.reviews:
            shown = pull_wire.review(call.wire, call.repo, pull, review)
            entries.append((review.submitted_at, shown | {"event": "reviewed"}))
    entries.sort(key=lambda item: item[0])
    return call.page(entries, lambda item: item[1])

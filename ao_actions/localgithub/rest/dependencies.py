"""Sub-issues and dependencies between issues (docs "Sub-issues", "Issue dependencies").

They are linked by database id, not by number.
"""

from __future__ import annotations

from ao_actions.localgithub import issues
from ao_actions.localgithub.errors import Refusal, not_found, unprocessable
from ao_actions.localgithub.model import Issue
from ao_actions.localgithub.relations import add_blocker, add_sub_issue, parent_of
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import issues as wire
from ao_actions.localgithub.wire.core import Json

_BASE = "/repos/{owner}/{repo}/issues/{number}"


def _issue(call: Call) -> Issue:
    return issues.get(call.repo, call.number())


def _by_id(call: Call, identity: object) -> Issue:
    for issue in call.repo.issues.values():
        if issue.id == identity:
            return issue
    raise not_found()


def _shown(call: Call, issue: Issue) -> Json:
    return wire.issue(call.wire, call.repo, issue)


def _page(call: Call, numbers: list[int]) -> Reply:
    found = [call.repo.issues[number] for number in numbers if number in call.repo.issues]
    return call.page(found, lambda issue: _shown(call, issue))


@route(f"GET {_BASE}/sub_issues", "issues:read")
def sub_issues(call: Call) -> Reply:
    return _page(call, _issue(call).sub_issues)


@route(f"POST {_BASE}/sub_issues", "issues:write", role="triage", status=201)
def add_sub(call: Call) -> Json:
    parent = _issue(call)
    child = _by_id(call, call.required("sub_issue_id", "Issue"))
    add_sub_issue(call.turn, parent, child, replace=bool(call.body.get("replace_parent")))
    return _shown(call, parent)


@route(f"DELETE {_BASE}/sub_issue", "issues:write", role="triage")
def remove_sub(call: Call) -> Json:
    parent = _issue(call)
    child = _by_id(call, call.required("sub_issue_id", "Issue"))
    if child.number not in parent.sub_issues:
        raise not_found()
    parent.sub_issues.remove(child.number)
    return _shown(call, parent)


@route(f"PATCH {_BASE}/sub_issues/priority", "issues:write", role="triage")
def prioritize(call: Call) -> Json:
    parent = _issue(call)
    child = _by_id(call, call.required("sub_issue_id", "Issue"))
    after, before = call.body.get("after_id"), call.body.get("before_id")
    if (after is None) == (before is None) or child.number not in parent.sub_issues:
        raise unprocessable("Specify exactly one of after_id and before_id")
    anchor = _by_id(call, after if before is None else before)
    parent.sub_issues.remove(child.number)
    if anchor.number not in parent.sub_issues:
        raise Refusal(404, "Not Found")
    place = parent.sub_issues.index(anchor.number) + (before is None)
    parent.sub_issues.insert(place, child.number)
    return _shown(call, parent)


@route(f"GET {_BASE}/parent", "issues:read")
def parent(call: Call) -> Json:
    found = parent_of(call.repo, _issue(call))
    if found is None:
        raise not_found()
    return _shown(call, found)


@route(f"GET {_BASE}/dependencies/blocked_by", "issues:read")
def blocked_by(call: Call) -> Reply:
    return _page(call, _issue(call).blocked_by)


@route(f"GET {_BASE}/dependencies/blocking", "issues:read")
def blocking(call: Call) -> Reply:
    number = _issue(call).number
    return _page(call, [n for n, each in call.repo.issues.items() if number in each.blocked_by])


@route(f"POST {_BASE}/dependencies/blocked_by", "issues:write", role="triage", status=201)
def block(call: Call) -> Json:
    issue = _issue(call)
    blocker = _by_id(call, call.required("issue_id", "Issue"))
    add_blocker(call.turn, issue, blocker)
    return _shown(call, blocker)


@route(f"DELETE {_BASE}/dependencies/blocked_by/{{issue_id}}", "issues:write", role="triage")
def unblock(call: Call) -> Json:
    issue = _issue(call)
    blocker = _by_id(call, call.number("issue_id"))
    if blocker.number not in issue.blocked_by:
        raise not_found()
    issue.blocked_by.remove(blocker.number)
    return _shown(call, blocker)

"""Commit statuses, check runs and check suites."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ao_actions.localgithub import checks
from ao_actions.localgithub.errors import Refusal, invalid, not_found, unprocessable
from ao_actions.localgithub.model import Annotation, CheckRun, CheckSuite, Status
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import checks as wire
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire import git as git_wire
from ao_actions.localgithub.wire.core import Json

_RUN = "/repos/{owner}/{repo}/check-runs/{check_run_id}"


def _oid(call: Call, name: str = "ref") -> str:
    oid = call.turn.bare.resolve(call.params[name])
    if oid is None:
        raise unprocessable(f"No commit found for SHA: {call.params[name]}")
    return oid


# -- statuses


@route("POST /repos/{owner}/{repo}/statuses/{sha}", "statuses:write", status=201)
def create_status(call: Call) -> Json:
    oid = call.params["sha"]
    found = call.turn.bare.commit(oid)
    if found is None:
        raise unprocessable(f"No commit found for SHA: {oid}")
    state = str(call.required("state", "Status"))
    if state not in {"error", "failure", "pending", "success"}:
        raise invalid("Status", "state")
    record = Status(
        id=call.world.next_id(),
        sha=oid,
        context=call.text("context") or "default",
        state=state,
        description=call.text("description"),
        target_url=call.text("target_url"),
        creator=call.viewer.login,
        created_at=call.turn.now,
    )
    call.repo.statuses.append(record)
    shown = wire.status(call.wire, call.repo, record)
    commit = git_wire.commit(call.wire, call.repo, found)
    at = {"sha": oid, "url": commit["url"]}
    heads = [ref for ref in call.turn.bare.refs("refs/heads/") if ref[1] == oid]
    names = [ref[0].removeprefix("refs/heads/") for ref in heads]
    branches = [{"name": n, "commit": at, "protected": n in call.repo.protection} for n in names]
    content = {"sha": oid, "name": call.repo.full_name, "commit": commit, "branches": branches}
    fields = ("id", "state", "description", "target_url", "context", "created_at", "updated_at")
    call.turn.emit("status", None, content | {key: shown[key] for key in fields})
    return shown


@route("GET /repos/{owner}/{repo}/commits/{ref+}/statuses", "statuses:read")
def statuses(call: Call) -> Reply:
    oid = _oid(call)
    found = [each for each in reversed(call.repo.statuses) if each.sha == oid]
    return call.page(found, lambda record: wire.status(call.wire, call.repo, record))


@route("GET /repos/{owner}/{repo}/commits/{ref+}/status", "statuses:read")
def combined_status(call: Call) -> Json:
    oid = _oid(call)
    found = checks.latest_statuses(call.repo, oid)
    url = call.wire.repo(call.repo)
    page = call.page(found, lambda record: wire.simple_status(call.wire, call.repo, record))
    return {
        "state": checks.combined_state(found),
        "statuses": page.body,
        "sha": oid,
        "total_count": len(found),
        "repository": core.minimal_repository(call.wire, call.repo),
        "commit_url": f"{url}/commits/{oid}",
        "url": f"{url}/commits/{oid}/status",
    }


# -- check runs


def _run(call: Call) -> CheckRun:
    wanted = call.number("check_run_id")
    found = next((run for run in call.repo.check_runs if run.id == wanted), None)
    if found is None:
        raise not_found()
    return found


def _suite(call: Call, suite_id: int) -> CheckSuite:
    found = next((each for each in call.repo.check_suites if each.id == suite_id), None)
    if found is None:
        raise not_found()
    return found


@route("POST /repos/{owner}/{repo}/check-runs", "checks:write", status=201)
def create_run(call: Call) -> Json:
    """Only apps write checks (docs "Create a check run")."""
    app = call.viewer.app_slug
    if app is None:
        raise Refusal(403, "You must authenticate via a GitHub App.")
    oid = str(call.required("head_sha", "CheckRun"))
    if call.turn.bare.commit(oid) is None:
        raise unprocessable(f"No commit found for SHA: {oid}")
    run = CheckRun(
        id=call.world.next_id(),
        name=str(call.required("name", "CheckRun")),
        head_sha=oid,
        suite_id=_suite_for(call, oid, app).id,
        status="queued",
        conclusion=None,
        started_at=call.turn.now,
        app=app,
    )
    call.repo.check_runs.append(run)
    _change(call, run)
    return _announce(call, run, "created")


@route(f"PATCH {_RUN}", "checks:write")
def update_run(call: Call) -> Json:
    run = _run(call)
    if run.app != call.viewer.app_slug:
        message = "check run can only be modified by the GitHub App that created it."
        raise Refusal(403, f"Invalid app_id `0` - {message}")
    was_completed = run.status == "completed"
    if name := call.text("name"):
        run.name = name
    _change(call, run)
    now_completed = run.status == "completed" and not was_completed
    return _announce(call, run, "completed" if now_completed else "created")


def _change(call: Call, run: CheckRun) -> None:
    """A conclusion completes the run."""
    run.external_id = call.text("external_id") or run.external_id
    run.details_url = call.text("details_url") or run.details_url
    run.status = call.text("status") or run.status
    if conclusion := call.text("conclusion"):
        run.status, run.conclusion = "completed", conclusion
    if run.status == "completed":
        if run.conclusion is None:
            raise unprocessable("Invalid request.\n\nNo conclusion for a completed check run.")
        run.completed_at = _time(call, "completed_at") or call.turn.now
    run.started_at = _time(call, "started_at") or run.started_at
    output = call.body.get("output")
    if isinstance(output, dict):
        run.output_title = output.get("title", run.output_title)
        run.output_summary = output.get("summary", run.output_summary)
        run.output_text = output.get("text", run.output_text)
        run.annotations += [_annotation(each) for each in output.get("annotations") or []]
    _settle_suite(call, run.suite_id)


def _time(call: Call, name: str) -> datetime | None:
    text = call.text(name)
    return datetime.fromisoformat(text) if text else None


def _annotation(given: dict[str, Any]) -> Annotation:
    try:
        return Annotation(
            str(given["path"]),
            int(given["start_line"]),
            int(given["end_line"]),
            str(given["annotation_level"]),
            str(given["message"]),
            str(given.get("title") or ""),
        )
    except KeyError as missing:
        raise invalid("Annotation", str(missing.args[0]), "missing_field") from None


def _suite_for(call: Call, oid: str, app: str) -> CheckSuite:
    """An app has one suite per commit."""
    for suite in call.repo.check_suites:
        if (suite.head_sha, suite.app) == (oid, app):
            return suite
    heads = [name for name, tip, _ in call.turn.bare.refs("refs/heads/") if tip == oid]
    branch = heads[0].removeprefix("refs/heads/") if heads else ""
    now = call.turn.now
    suite = CheckSuite(call.world.next_id(), oid, branch, "queued", None, now, now, app)
    call.repo.check_suites.append(suite)
    return suite


def _settle_suite(call: Call, suite_id: int) -> None:
    """A suite has the worst conclusion of its runs, once all are completed."""
    suite = _suite(call, suite_id)
    runs = [
        run for run in checks.latest_runs(call.repo, suite.head_sha) if run.suite_id == suite_id
    ]
    suite.updated_at = call.turn.now
    if any(run.status != "completed" for run in runs):
        suite.status, suite.conclusion = "in_progress", None
        return
    bad = [run.conclusion for run in runs if run.conclusion not in checks.GREEN]
    suite.status, suite.conclusion = "completed", (bad[0] if bad else "success")


def _announce(call: Call, run: CheckRun, action: str) -> Json:
    """GitHub sends no events for the suites of Actions, to prevent recursion."""
    shown = wire.check_run(call.wire, call.repo, run)
    if run.app == "github-actions":
        return shown
    call.turn.emit("check_run", action, {"check_run": shown})
    suite = _suite(call, run.suite_id)
    if suite.status == "completed":
        content = {"check_suite": wire.check_suite(call.wire, call.repo, suite)}
        call.turn.emit("check_suite", "completed", content)
    return shown


@route(f"GET {_RUN}", "checks:read")
def run(call: Call) -> Json:
    return wire.check_run(call.wire, call.repo, _run(call))


@route(f"GET {_RUN}/annotations", "checks:read")
def run_annotations(call: Call) -> Reply:
    record = _run(call)
    return call.page(
        record.annotations, lambda note: wire.annotation(call.wire, call.repo, record, note)
    )


@route("GET /repos/{owner}/{repo}/commits/{ref+}/check-runs", "checks:read")
def runs_of_ref(call: Call) -> Reply:
    """The latest of each name by default; newest first."""
    return _run_page(call, _oid(call), None)


@route("GET /repos/{owner}/{repo}/check-suites/{suite_id}/check-runs", "checks:read")
def runs_of_suite(call: Call) -> Reply:
    suite = _suite(call, call.number("suite_id"))
    return _run_page(call, suite.head_sha, suite.id)


def _run_page(call: Call, oid: str, suite_id: int | None) -> Reply:
    query = call.query
    if query.get("filter") == "all":
        found = [run for run in call.repo.check_runs if run.head_sha == oid]
    else:
        found = checks.latest_runs(call.repo, oid)
    shown = [
        run
        for run in sorted(found, key=lambda run: -run.id)
        if suite_id in {None, run.suite_id}
        and query.get("check_name") in {None, run.name}
        and query.get("status") in {None, run.status}
    ]
    return call.page(shown, lambda run: wire.check_run(call.wire, call.repo, run), "check_runs")


@route("GET /repos/{owner}/{repo}/commits/{ref+}/check-suites", "checks:read")
def suites_of_ref(call: Call) -> Reply:
    oid = _oid(call)
    found = [suite for suite in call.repo.check_suites if suite.head_sha == oid]
    return call.page(
        found, lambda suite: wire.check_suite(call.wire, call.repo, suite), "check_suites"
    )


@route("GET /repos/{owner}/{repo}/check-suites/{suite_id}", "checks:read")
def suite(call: Call) -> Json:
    return wire.check_suite(call.wire, call.repo, _suite(call, call.number("suite_id")))

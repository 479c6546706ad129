"""Workflows, runs and jobs (REST docs: "Actions")."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ao_actions.localgithub.actions import archive, wire
from ao_actions.localgithub.actions.service import ActionsService
from ao_actions.localgithub.errors import Refusal, not_found, unprocessable
from ao_actions.localgithub.model import Job, Workflow, WorkflowRun
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire.core import Json, Wire

_REPO = "/repos/{owner}/{repo}/actions"
_RUN = _REPO + "/runs/{run_id}"
_SIGNING_KEY = secrets.token_bytes(32)


def service(call: Call) -> ActionsService:
    found = call.world.actions
    if not isinstance(found, ActionsService):
        raise Refusal(501, "localgithub was started without its Actions service")
    return found


def shape(call: Call) -> Wire:
    return Wire(call.world, call.api, call.html)


def find_run(call: Call) -> WorkflowRun:
    number = call.number("run_id")
    for run in reversed(call.repo.runs):
        if run.id == number:
            return run
    raise not_found()


# -- downloads: a redirect to an address that needs no credential for a minute


def redirect(call: Call, path: str) -> Reply:
    """GitHub answers 302 to a signed URL; the client must not need its token there."""
    location = f"{call.api}/actions-results/signed/{_signature(path)}{path}"
    return Reply(b"", status=302, headers={"Location": location}, content=b"")


def _signature(path: str) -> str:
    return hmac.new(_SIGNING_KEY, path.encode(), hashlib.sha256).hexdigest()[:32]


@route("GET /actions-results/signed/{signature}/{path+}", locked=False)
def signed_download(call: Call) -> Reply:
    path = f"/{call.params['path']}"
    if not hmac.compare_digest(_signature(path), call.params["signature"]):
        raise Refusal(403, "Signature did not match")
    kind, owner, name, number, attempt = path.strip("/").split("/")
    repo = call.world.repositories[f"{owner}/{name}"]
    if kind == "job":
        content = archive.job_log(call.world, repo, int(number))
        return Reply(content=content, media="text/plain; charset=utf-8")
    if kind == "run":
        run = next(run for run in repo.runs if run.id == int(number))
        content = archive.run_zip(call.world, run, int(attempt))
    else:
        _, artifact = service(call).artifacts.find(repo, int(number))
        content = service(call).artifacts.file(artifact).read_bytes()
    return Reply(content=content, media="application/zip")


# -- workflows


def _find_workflow(call: Call) -> Workflow:
    found = _known_workflow(call)
    actions = call.world.actions
    if found is None and isinstance(actions, ActionsService):
        actions.catalog.refresh(call.repo)  # a push is answered before its events are told
        found = _known_workflow(call)
    if found is None:
        raise not_found()
    return found


def _known_workflow(call: Call) -> Workflow | None:
    wanted = call.params["workflow"]
    for record in call.repo.workflows:
        if wanted in {str(record.id), record.path.rsplit("/", 1)[-1], record.path}:
            return record
    return None


@route(f"GET {_REPO}/workflows", "actions:read")
def list_workflows(call: Call) -> Reply:
    records = [record for record in call.repo.workflows if record.state != "deleted"]
    return call.page(records, lambda r: wire.workflow(shape(call), call.repo, r), "workflows")


@route(f"GET {_REPO}/workflows/{{workflow}}", "actions:read")
def get_workflow(call: Call) -> Json:
    return wire.workflow(shape(call), call.repo, _find_workflow(call))


@route(f"PUT {_REPO}/workflows/{{workflow}}/{{switch}}", "actions:write", status=204)
def switch_workflow(call: Call) -> None:
    states = {"enable": "active", "disable": "disabled_manually"}
    if call.params["switch"] not in states:
        raise not_found()
    _find_workflow(call).state = states[call.params["switch"]]
    call.world.save()


@route(f"POST {_REPO}/workflows/{{workflow}}/dispatches", "actions:write", locked=False)
def dispatch_workflow(call: Call) -> Reply:
    workflow = _find_workflow(call)
    ref = call.body.get("ref")
    if not isinstance(ref, str) or not ref:
        raise unprocessable('Invalid request.\n\n"ref" wasn\'t supplied.')
    inputs = call.body.get("inputs") or {}
    run = service(call).dispatch(call.repo, workflow, ref, inputs, call.viewer.login)
    if not call.body.get("return_run_details"):
        return Reply(status=204)
    return Reply(
        {
            "workflow_run_id": run.id,
            "run_url": f"{call.api}/repos/{call.repo.full_name}/actions/runs/{run.id}",
            "html_url": f"{call.html}/{call.repo.full_name}/actions/runs/{run.id}",
        }
    )


@route(f"GET {_REPO}/workflows/{{workflow}}/runs", "actions:read")
def list_workflow_runs(call: Call) -> Reply:
    workflow = _find_workflow(call)
    return _page_runs(call, lambda run: run.workflow_id == workflow.id)


# -- runs


@route(f"GET {_REPO}/runs", "actions:read")
def list_runs(call: Call) -> Reply:
    return _page_runs(call, lambda _run: True)


def _page_runs(call: Call, chosen: Callable[[WorkflowRun], bool]) -> Reply:
    runs = [run for run in reversed(call.repo.runs) if chosen(run) and _passes(call, run)]
    return call.page(runs, lambda run: wire.run(shape(call), call.repo, run), "workflow_runs")


def _passes(call: Call, run: WorkflowRun) -> bool:
    exact = {
        "event": run.event,
        "branch": run.head_branch,
        "actor": run.actor,
        "head_sha": run.head_sha,
        "check_suite_id": str(run.suite_id),
    }
    for name, value in exact.items():
        if call.query.get(name) and call.query[name] != value:
            return False
    status = call.query.get("status")
    if status and status not in {run.status, run.conclusion}:
        return False
    return _created(call.query.get("created") or "", run.created_at)


def _created(wanted: str, when: datetime) -> bool:
    """`>=x`, `<=x`, `>x`, `<x`, `x..y`, or a day, compared as ISO text of the same length."""
    if not wanted:
        return True
    wanted = wanted.replace("+00:00", "Z").replace(" 00:00", "Z")

    def text(bound: str) -> str:
        return core.stamp(when)[: len(bound)]

    if ".." in wanted:
        low, high = wanted.split("..", 1)
        return (low == "*" or text(low) >= low) and (high == "*" or text(high) <= high)
    for operator in (">=", "<=", ">", "<"):
        if wanted.startswith(operator):
            bound = wanted.removeprefix(operator)
            return {
                ">=": text(bound) >= bound,
                "<=": text(bound) <= bound,
                ">": text(bound) > bound,
                "<": text(bound) < bound,
            }[operator]
    return text(wanted) == wanted


@route(f"GET {_RUN}", "actions:read")
def get_run(call: Call) -> Json:
    return wire.run(shape(call), call.repo, find_run(call))


@route(f"DELETE {_RUN}", "actions:write", status=204)
def delete_run(call: Call) -> None:
    run = find_run(call)
    if run.status != "completed":
        raise Refusal(403, "Could not delete a run that is not completed")
    call.repo.runs.remove(run)
    call.world.save()


def _attempt(call: Call, run: WorkflowRun) -> int:
    attempt = int(call.params["attempt_id"])
    if not 1 <= attempt <= run.run_attempt:
        raise not_found()
    return attempt


@route(f"GET {_RUN}/attempts/{{attempt_id}}", "actions:read")
def get_attempt(call: Call) -> Json:
    run = find_run(call)
    return wire.run(shape(call), call.repo, run, _attempt(call, run))


@route(f"GET {_RUN}/attempts/{{attempt_id}}/jobs", "actions:read")
def list_attempt_jobs(call: Call) -> Reply:
    run = find_run(call)
    attempt = _attempt(call, run)
    return _page_jobs(call, run, [job for job in run.jobs if job.run_attempt == attempt])


@route(f"GET {_RUN}/jobs", "actions:read")
def list_jobs(call: Call) -> Reply:
    run = find_run(call)
    every = call.query.get("filter") == "all"
    jobs = [job for job in run.jobs if every or job.run_attempt == run.run_attempt]
    return _page_jobs(call, run, jobs)


def _page_jobs(call: Call, run: WorkflowRun, jobs: list[Job]) -> Reply:
    return call.page(jobs, lambda job: wire.job(shape(call), call.repo, run, job), "jobs")


@route(f"GET {_RUN}/logs", "actions:read")
def run_logs(call: Call) -> Reply:
    run = find_run(call)
    return redirect(call, f"/run/{call.repo.full_name}/{run.id}/{run.run_attempt}")


@route(f"GET {_RUN}/attempts/{{attempt_id}}/logs", "actions:read")
def attempt_logs(call: Call) -> Reply:
    run = find_run(call)
    return redirect(call, f"/run/{call.repo.full_name}/{run.id}/{_attempt(call, run)}")


@route(f"POST {_RUN}/rerun", "actions:write", locked=False)
def rerun(call: Call) -> Reply:
    service(call).rerun(call.repo, find_run(call), False, call.viewer.login)  # noqa: FBT003
    return Reply({}, status=201)


@route(f"POST {_RUN}/rerun-failed-jobs", "actions:write", locked=False)
def rerun_failed_jobs(call: Call) -> Reply:
    service(call).rerun(call.repo, find_run(call), True, call.viewer.login)  # noqa: FBT003
    return Reply({}, status=201)


@route(f"POST {_RUN}/cancel", "actions:write", locked=False)
def cancel(call: Call) -> Reply:
    service(call).cancel(call.repo, find_run(call))
    return Reply({}, status=202)


@route(f"POST {_RUN}/force-cancel", "actions:write", locked=False)
def force_cancel(call: Call) -> Reply:
    service(call).force_cancel(find_run(call))
    return Reply({}, status=202)


@route(f"POST {_RUN}/approve", "actions:write", locked=False)
def approve(call: Call) -> Reply:
    """A job's own token may not approve: nobody would have looked."""
    if call.viewer.is_integration:
        raise Refusal(403, "Resource not accessible by integration")
    service(call).approve(call.repo, find_run(call), call.viewer.login)
    return Reply({}, status=201)


@route(f"GET {_RUN}/approvals", "actions:read")
def approvals(call: Call) -> list[Json]:
    find_run(call)
    return []  # reviews of deployments to environments, which are not modelled


@route(f"GET {_RUN}/timing", "actions:read")
def timing(call: Call) -> Json:
    run = find_run(call)
    spans = [
        job.completed_at - job.started_at
        for job in run.jobs
        if job.runner_name and job.started_at and job.completed_at
    ]
    spent = sum(int(span.total_seconds() * 1000) for span in spans)
    ubuntu = {"total_ms": spent, "jobs": len(spans)}
    return {"billable": {"UBUNTU": ubuntu}, "run_duration_ms": spent}


# -- jobs


def _find_job(call: Call) -> tuple[WorkflowRun, Job]:
    number = call.number("job_id")
    for run in reversed(call.repo.runs):
        for job in run.jobs:
            if job.id == number:
                return run, job
    raise not_found()


@route(f"GET {_REPO}/jobs/{{job_id}}", "actions:read")
def get_job(call: Call) -> Json:
    run, job = _find_job(call)
    return wire.job(shape(call), call.repo, run, job)


@route(f"GET {_REPO}/jobs/{{job_id}}/logs", "actions:read")
def job_logs(call: Call) -> Reply:
    _, job = _find_job(call)
    archive.job_log(call.world, call.repo, job.id)  # 404 before the redirect
    return redirect(call, f"/job/{call.repo.full_name}/{job.id}/0")


def body_flag(body: dict[str, Any], name: str) -> bool | None:
    value = body.get(name)
    return value if isinstance(value, bool) else None

"""Artifacts (REST docs: "Artifacts"), and what the stand-ins of their actions call."""

from __future__ import annotations

from ao_actions.localgithub.actions import wire
from ao_actions.localgithub.errors import Refusal
from ao_actions.localgithub.rest.actions import find_run, redirect, service, shape
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire.core import Json

_REPO = "/repos/{owner}/{repo}/actions"


@route(f"GET {_REPO}/artifacts", "actions:read")
def list_artifacts(call: Call) -> Reply:
    name = call.query.get("name")
    found = [
        (run, artifact)
        for run in reversed(call.repo.runs)
        for artifact in reversed(run.artifacts)
        if name in {None, artifact.name}
    ]
    return call.page(found, lambda pair: wire.artifact(shape(call), call.repo, *pair), "artifacts")


@route(f"GET {_REPO}/runs/{{run_id}}/artifacts", "actions:read")
def list_run_artifacts(call: Call) -> Reply:
    run, name = find_run(call), call.query.get("name")
    found = [artifact for artifact in run.artifacts if name in {None, artifact.name}]
    return call.page(
        found, lambda item: wire.artifact(shape(call), call.repo, run, item), "artifacts"
    )


@route(f"GET {_REPO}/artifacts/{{artifact_id}}", "actions:read")
def get_artifact(call: Call) -> Json:
    found = service(call).artifacts.find(call.repo, call.number("artifact_id"))
    return wire.artifact(shape(call), call.repo, *found)


@route(f"DELETE {_REPO}/artifacts/{{artifact_id}}", "actions:write", status=204)
def delete_artifact(call: Call) -> None:
    artifacts = service(call).artifacts
    artifacts.delete(*artifacts.find(call.repo, call.number("artifact_id")))


@route(f"GET {_REPO}/artifacts/{{artifact_id}}/zip", "actions:read")
def download_artifact(call: Call) -> Reply:
    """Needs a credential even for a public repository."""
    if call.viewer.is_anonymous:
        raise Refusal(401, "Requires authentication")
    artifacts = service(call).artifacts
    _, artifact = artifacts.find(call.repo, call.number("artifact_id"))
    if artifacts.has_expired(artifact):
        raise Refusal(410, "Artifact has expired")
    return redirect(call, f"/artifact/{call.repo.full_name}/{artifact.id}/0")


@route("POST /actions-results/artifacts", locked=False)
def upload(call: Call) -> Reply:
    return Reply(service(call).artifacts.upload(call.body), status=201)


@route("POST /actions-results/list", locked=False)
def list_own(call: Call) -> Reply:
    return Reply(service(call).artifacts.list_own(call.body))

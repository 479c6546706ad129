"""The contexts that expressions see (docs, "Contexts")."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ao_actions.localgithub.actions.expressions import Scope
from ao_actions.localgithub.model import Repository, WorkflowRun
from ao_actions.localgithub.world import World


def github(world: World, repo: Repository, run: WorkflowRun) -> dict[str, Any]:
    """The `github` context of a run, without what belongs to a job."""
    pull = run.payload.get("pull_request") if run.event.startswith("pull_request") else None
    head = (pull or {}).get("head", {}).get("ref", "")
    base = (pull or {}).get("base", {}).get("ref", "")
    return {
        "event": run.payload,
        "event_name": run.event,
        "ref": run.ref,
        "ref_name": ref_name(run.ref),
        "ref_type": "tag" if run.ref.startswith("refs/tags/") else "branch",
        "ref_protected": False,
        "sha": run.sha,
        "head_ref": head,
        "base_ref": base,
        "repository": repo.full_name,
        "repository_owner": repo.owner,
        "repository_id": str(repo.id),
        "repository_owner_id": str(world.user(repo.owner).id),
        "repository_visibility": "private" if repo.private else "public",
        "repositoryurl": f"git://{repo.full_name}.git",
        "run_id": str(run.id),
        "run_number": str(run.run_number),
        "run_attempt": str(run.run_attempt),
        "retention_days": "90",
        "actor": run.actor,
        "actor_id": str(world.user(run.actor).id),
        "triggering_actor": run.triggering_actor,
        "workflow": run.name,
        "workflow_ref": f"{repo.full_name}/{run.path}@{run.ref}",
        "workflow_sha": run.sha,
        "server_url": world.base_url,
        "api_url": f"{world.base_url}/api/v3",
        "graphql_url": f"{world.base_url}/api/graphql",
        "secret_source": "Actions",
    }


def ref_name(ref: str) -> str:
    """refs/heads/a/b -> a/b, refs/pull/3/merge -> 3/merge."""
    return ref.split("/", 2)[2] if ref.count("/") >= 2 else ref


def scope(
    github_context: Mapping[str, Any],
    *,
    inputs: Mapping[str, Any],
    variables: Mapping[str, str],
    more: Mapping[str, Any] | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Scope:
    contexts = {"github": github_context, "inputs": inputs, "vars": variables}
    return Scope(contexts | dict(more or {}), functions or {})


def status_functions(
    results: Iterable[str], *, run_cancelled: bool
) -> dict[str, Callable[..., Any]]:
    """The status functions of a job's `if:`, over the results of all its ancestors.

    A skipped ancestor counts against success(), even behind one that ran with always().
    """
    seen = list(results)
    return {
        "success": lambda: not run_cancelled and all(result == "success" for result in seen),
        "failure": lambda: not run_cancelled and "failure" in seen,
        "cancelled": lambda: run_cancelled,
        "always": lambda: True,
    }

"""Runs, jobs, workflows and artifacts as GitHub's REST API and webhooks show them."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub.model import Artifact, Job, Repository, Workflow, WorkflowRun
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire.core import Json, Wire, stamp, stamp_or_none


def workflow(wire: Wire, repo: Repository, record: Workflow) -> Json:
    url = wire.repo(repo)
    return {
        "id": record.id,
        "node_id": core.node_id("Workflow", record.id),
        "name": record.name,
        "path": record.path,
        "state": record.state,
        "created_at": stamp(record.created_at),
        "updated_at": stamp(record.updated_at),
        "url": f"{url}/actions/workflows/{record.id}",
        "html_url": f"{wire.page(repo)}/blob/{repo.default_branch}/{record.path}",
        "badge_url": f"{wire.page(repo)}/workflows/{record.name}/badge.svg",
    }


def _pull_requests(wire: Wire, repo: Repository, run: WorkflowRun) -> list[Json]:
    found: list[Json] = []
    for number in run.pull_numbers:
        pull, issue = repo.pulls.get(number), repo.issues.get(number)
        if pull is None or issue is None:
            continue
        origin = {"id": repo.id, "url": wire.repo(repo), "name": repo.name}
        found.append(
            {
                "id": issue.id,
                "number": number,
                "url": f"{wire.repo(repo)}/pulls/{number}",
                "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": origin},
                "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": origin},
            }
        )
    return found


def _head_commit(wire: Wire, repo: Repository, run: WorkflowRun) -> Json | None:
    commit = wire.world.bare(repo).commit(run.head_sha)
    if commit is None:
        return None
    return {
        "id": commit.oid,
        "tree_id": commit.tree,
        "message": commit.message,
        "timestamp": stamp(commit.committer.when),
        "author": {"name": commit.author.name, "email": commit.author.email},
        "committer": {"name": commit.committer.name, "email": commit.committer.email},
    }


def run(wire: Wire, repo: Repository, record: WorkflowRun, attempt: int | None = None) -> Json:
    """A workflow run; `attempt` shows an earlier one as it ended."""
    url = f"{wire.repo(repo)}/actions/runs/{record.id}"
    number = attempt or record.run_attempt
    earlier = number != record.run_attempt
    workflow_url = f"{wire.repo(repo)}/actions/workflows/{record.workflow_id}"
    return {
        "id": record.id,
        "name": record.name,
        "node_id": core.node_id("WorkflowRun", record.id),
        "head_branch": record.head_branch,
        "head_sha": record.head_sha,
        "path": record.path,
        "display_title": record.display_title,
        "run_number": record.run_number,
        "event": record.event,
        "status": "completed" if earlier else record.status,
        "conclusion": attempt_conclusion(record, number) if earlier else record.conclusion,
        "workflow_id": record.workflow_id,
        "check_suite_id": record.suite_id,
        "check_suite_node_id": core.node_id("CheckSuite", record.suite_id or 0),
        "url": url,
        "html_url": f"{wire.page(repo)}/actions/runs/{record.id}",
        "pull_requests": _pull_requests(wire, repo, record),
        "created_at": stamp(record.created_at),
        "updated_at": stamp(record.updated_at),
        "actor": core.user(wire, record.actor),
        "run_attempt": number,
        "referenced_workflows": [],
        "run_started_at": stamp(record.run_started_at),
        "triggering_actor": core.user(wire, record.triggering_actor),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{wire.repo(repo)}/check-suites/{record.suite_id}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": f"{url}/attempts/{number - 1}" if number > 1 else None,
        "workflow_url": workflow_url,
        "head_commit": _head_commit(wire, repo, record),
        "repository": core.minimal_repository(wire, repo),
        "head_repository": core.minimal_repository(wire, repo),
    }


def attempt_conclusion(record: WorkflowRun, attempt: int) -> str:
    """The conclusion that the jobs of an attempt make."""
    return conclusion(job for job in record.jobs if job.run_attempt == attempt)


def conclusion(jobs: Any) -> str:
    """How a run ends: a failure outweighs a job out of time, a cancellation and success."""
    results = [job.result or job.conclusion for job in jobs]
    for worst in ("failure", "timed_out", "cancelled"):
        if worst in results:
            return worst
    return "skipped" if results and set(results) == {"skipped"} else "success"


def job(wire: Wire, repo: Repository, owner: WorkflowRun, record: Job) -> Json:
    url = wire.repo(repo)
    page = f"{wire.page(repo)}/actions/runs/{owner.id}"
    ran = record.runner_name is not None
    return {
        "id": record.id,
        "run_id": owner.id,
        "workflow_name": owner.name,
        "head_branch": owner.head_branch,
        "run_url": f"{url}/actions/runs/{owner.id}",
        "run_attempt": record.run_attempt,
        "node_id": core.node_id("CheckRun", record.check_run_id or record.id),
        "head_sha": record.head_sha,
        "url": f"{url}/actions/jobs/{record.id}",
        "html_url": f"{page}/job/{record.id}",
        "status": record.status,
        "conclusion": record.conclusion,
        "created_at": stamp_or_none(record.created_at),
        "started_at": stamp_or_none(record.started_at or record.created_at),
        "completed_at": stamp_or_none(record.completed_at),
        "name": record.name,
        "steps": [
            {
                "name": step.name,
                "status": step.status,
                "conclusion": step.conclusion,
                "number": step.number,
                "started_at": stamp_or_none(step.started_at),
                "completed_at": stamp_or_none(step.completed_at),
            }
            for step in record.steps
        ],
        "check_run_url": f"{url}/check-runs/{record.check_run_id}",
        "labels": record.labels,
        "runner_id": 1 if ran else None,
        "runner_name": record.runner_name,
        "runner_group_id": 0 if ran else None,
        "runner_group_name": "GitHub Actions" if ran else None,
    }


def artifact(wire: Wire, repo: Repository, owner: WorkflowRun, record: Artifact) -> Json:
    url = f"{wire.repo(repo)}/actions/artifacts/{record.id}"
    return {
        "id": record.id,
        "node_id": core.node_id("Artifact", record.id),
        "name": record.name,
        "size_in_bytes": record.size_in_bytes,
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": record.expired,
        "created_at": stamp(record.created_at),
        "updated_at": stamp(record.created_at),
        "expires_at": stamp(record.expires_at),
        "digest": record.digest,
        "workflow_run": {
            "id": owner.id,
            "repository_id": repo.id,
            "head_repository_id": repo.id,
            "head_branch": owner.head_branch,
            "head_sha": owner.head_sha,
        },
    }

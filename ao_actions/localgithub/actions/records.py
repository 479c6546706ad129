"""Writes what happens to runs and jobs: records, checks, and the events that follow.

Every method expects the world's lock to be held.
"""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub.actions import wire
from ao_actions.localgithub.actions.workflow import WorkflowFile
from ao_actions.localgithub.model import (
    CheckRun,
    CheckSuite,
    Event,
    Job,
    Repository,
    Workflow,
    WorkflowRun,
)
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.world import World


class Recorder:
    def __init__(self, world: World) -> None:
        self.world = world

    # -- runs

    def add_run(
        self,
        repo: Repository,
        workflow: Workflow,
        *,
        event: Event,
        ref: str,
        sha: str,
        head_branch: str | None,
        head_sha: str,
        title: str,
        inputs: dict[str, Any] | None = None,
        pulls: list[int] | None = None,
        chain: int = 0,
    ) -> WorkflowRun:
        now = self.world.clock.now()
        number = repo.next_run_number.get(workflow.path, 0) + 1
        repo.next_run_number[workflow.path] = number
        run = WorkflowRun(
            id=self.world.next_id(),
            run_number=number,
            run_attempt=1,
            workflow_id=workflow.id,
            name=workflow.name,
            display_title=title,
            path=workflow.path,
            event=event.name,
            action=event.action,
            head_branch=head_branch,
            head_sha=head_sha,
            actor=event.actor,
            triggering_actor=event.actor,
            created_at=now,
            updated_at=now,
            run_started_at=now,
            payload=event.payload,
            inputs=inputs or {},
            pull_numbers=pulls or [],
            ref=ref,
            sha=sha,
            chain=chain,
        )
        suite = CheckSuite(
            id=self.world.next_id(),
            head_sha=head_sha,
            head_branch=head_branch or "",
            status="queued",
            conclusion=None,
            created_at=now,
            updated_at=now,
            run_id=run.id,
        )
        run.suite_id = suite.id
        repo.check_suites.append(suite)
        repo.runs.append(run)
        return run

    def set_run(self, repo: Repository, run: WorkflowRun, status: str) -> None:
        """queued, pending or in_progress; the suite goes along."""
        if run.status != status or run.conclusion is not None:
            run.status, run.conclusion = status, None
            self._touch(repo, run)

    def finish_run(self, repo: Repository, run: WorkflowRun, conclusion: str) -> None:
        run.status, run.conclusion = "completed", conclusion
        self._touch(repo, run)
        self.emit_run(repo, run, "completed")

    def _touch(self, repo: Repository, run: WorkflowRun) -> None:
        run.updated_at = self.world.clock.now()
        for suite in reversed(repo.check_suites):
            if suite.id == run.suite_id:
                suite.status = "queued" if run.status == "pending" else run.status
                suite.conclusion = run.conclusion
                suite.updated_at = run.updated_at
                break
        self.world.save()

    def emit_run(self, repo: Repository, run: WorkflowRun, action: str) -> None:
        shape = core.of(self.world)
        workflow = next(w for w in repo.workflows if w.id == run.workflow_id)
        self._emit(
            repo,
            Event(
                name="workflow_run",
                action=action,
                repository=repo.full_name,
                actor=run.triggering_actor,
                payload={
                    "action": action,
                    "workflow_run": wire.run(shape, repo, run),
                    "workflow": wire.workflow(shape, repo, workflow),
                },
                caused_by="app",  # the Actions service itself, whatever token began the run
            ),
        )

    def _emit(self, repo: Repository, event: Event) -> None:
        shape = core.of(self.world)
        event.payload["repository"] = core.repository(shape, repo)
        event.payload["sender"] = core.user(shape, event.actor)
        self.world.emit(event)

    # -- jobs

    def add_job(self, repo: Repository, run: WorkflowRun, key: str, name: str) -> Job:
        now = self.world.clock.now()
        job = Job(
            id=self.world.next_id(),
            run_id=run.id,
            run_attempt=run.run_attempt,
            key=key,
            name=name,
            head_sha=run.head_sha,
            status="queued",
            created_at=now,
        )
        check = CheckRun(
            id=job.id,  # GitHub's job and check run share their id
            name=name,
            head_sha=run.head_sha,
            suite_id=run.suite_id or 0,
            status="queued",
            conclusion=None,
            started_at=now,
            external_id=str(job.id),
            job_id=job.id,
            details_url=f"{self.world.base_url}/{repo.full_name}/actions/runs/{run.id}/job/{job.id}",
        )
        job.check_run_id = check.id
        run.jobs.append(job)
        repo.check_runs.append(check)
        self.emit_job(repo, run, job, "queued")
        self.world.save()
        return job

    def set_job(self, repo: Repository, job: Job, status: str) -> None:
        job.status = status
        check = self.check(repo, job)
        check.status = "queued" if status == "pending" else status
        self.world.save()

    def start_job(self, repo: Repository, run: WorkflowRun, job: Job) -> None:
        job.started_at = self.world.clock.now()
        job.runner_name, job.labels = f"GitHub Actions {job.id}", job.labels or ["ubuntu-latest"]
        self.set_job(repo, job, "in_progress")
        self.check(repo, job).started_at = job.started_at
        self.emit_job(repo, run, job, "in_progress")
        if run.status != "in_progress":
            self.set_run(repo, run, "in_progress")
            self.emit_run(repo, run, "in_progress")

    def finish_job(
        self, repo: Repository, run: WorkflowRun, job: Job, conclusion: str, *, result: str = ""
    ) -> None:
        """`result` is what `needs` sees: success for a failure with continue-on-error."""
        job.status, job.conclusion, job.result = "completed", conclusion, result or conclusion
        job.completed_at = self.world.clock.now()
        job.started_at = job.started_at or job.completed_at
        check = self.check(repo, job)
        check.status, check.conclusion = "completed", conclusion
        check.completed_at = job.completed_at
        self.emit_job(repo, run, job, "completed")
        self.world.save()

    def check(self, repo: Repository, job: Job) -> CheckRun:
        return next(c for c in reversed(repo.check_runs) if c.id == job.check_run_id)

    def emit_job(self, repo: Repository, run: WorkflowRun, job: Job, action: str) -> None:
        shape = core.of(self.world)
        self._emit(
            repo,
            Event(
                name="workflow_job",
                action=action,
                repository=repo.full_name,
                actor=run.triggering_actor,
                payload={"action": action, "workflow_job": wire.job(shape, repo, run, job)},
                caused_by="app",
            ),
        )


def default_title(file: WorkflowFile, event: Event, headline: str | None) -> str:
    """A run without `run-name:` is called after what started it (docs, "run-name")."""
    payload = event.payload
    if event.name.startswith("pull_request"):
        return str((payload.get("pull_request") or {}).get("title") or file.name)
    if event.name in {"issues", "issue_comment"}:
        return str((payload.get("issue") or {}).get("title") or file.name)
    if event.name == "push":
        return headline or file.name
    return file.name

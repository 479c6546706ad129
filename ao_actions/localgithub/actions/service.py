"""The Actions service: hears the world's events, starts runs, answers the API."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ao_actions.localgithub.actions import act, archive, contexts, expressions, triggers
from ao_actions.localgithub.actions.active import Outcome
from ao_actions.localgithub.actions.artifacts import Artifacts
from ao_actions.localgithub.actions.catalog import Catalog
from ao_actions.localgithub.actions.engine import Engine
from ao_actions.localgithub.actions.expressions import ExpressionError
from ao_actions.localgithub.actions.records import Recorder, default_title
from ao_actions.localgithub.actions.runner import Runner
from ao_actions.localgithub.actions.schedule import Schedule
from ao_actions.localgithub.actions.sources import Sources
from ao_actions.localgithub.actions.target import Target, find_target
from ao_actions.localgithub.actions.triggers import Occasion
from ao_actions.localgithub.actions.values import to_string
from ao_actions.localgithub.actions.workflow import WorkflowFile, descendants
from ao_actions.localgithub.errors import Refusal, unprocessable
from ao_actions.localgithub.model import Event, Job, Repository, Workflow, WorkflowRun
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.world import World


class ActionsService:
    """Implements world.ActionsPort.

    `actions` maps "owner/repo" to a directory that serves every ref of that action; GitHub's
    own few are there already, and other actions are found in the world's repositories.
    `environment` is the runner's own, which every job inherits.
    """

    def __init__(
        self,
        world: World,
        *,
        act_path: str | None = None,
        path_entries: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        max_parallel_jobs: int = 2,
        actions: Mapping[str, Path] | None = None,
        keep: bool = False,
    ) -> None:
        self._world = world
        self.catalog = Catalog.of(world)
        self.recorder = Recorder(world)
        self.sources = Sources(world, actions or {})
        self.runner = Runner(
            world,
            self.sources,
            act=act.find(act_path),
            path_entries=path_entries,
            environment=environment or {},
            keep=keep,
        )
        self.engine = Engine(world, self.recorder, self.runner.execute, max_parallel_jobs)
        self.runner.progress = self.engine.notify
        self.artifacts = Artifacts(world, self.runner)
        self._close_abandoned_runs()
        world.subscribe(self._hear)
        self._schedule = Schedule(world, self.catalog)

    def _close_abandoned_runs(self) -> None:
        """What ran when an earlier process ended has lost its runner."""
        with self._world.lock:
            for repo in self._world.repositories.values():
                for run in repo.runs:
                    if run.status != "completed":
                        for job in run.jobs:
                            if job.status != "completed":
                                self.recorder.finish_job(repo, run, job, "failure")
                        self.recorder.finish_run(repo, run, "failure")

    # -- events

    def _hear(self, event: Event) -> None:
        if event.name in {"workflow_job", "workflow_dispatch"}:
            return
        repo = self._world.repositories.get(event.repository)
        if repo is None:
            return
        if event.name == "push" and event.ref == f"refs/heads/{repo.default_branch}":
            self.catalog.refresh(repo)
        if event.name not in triggers.EVENTS:
            return
        waits = False
        if event.caused_by == "job" and event.name != "repository_dispatch":
            # docs, "GITHUB_TOKEN": its events start nothing, but its pull requests' runs wait
            default = triggers.DEFAULT_TYPES["pull_request"]
            waits = repo.approve_job_token_pulls and event.action in default
            if event.name != "pull_request" or not waits:
                return
        chain = self._chain(repo, event)
        target = find_target(self._world, repo, event) if chain <= triggers.MAX_CHAIN else None
        if target is None:
            return
        occasion = Occasion(
            event.name, event.action, event.payload, target.branch, target.tag, target.changed
        )
        for file in self.catalog.files(repo, target.sha):
            if triggers.matches(file, occasion) or (file.error and event.name == "push"):
                self._start(repo, file, event, target, chain=chain, waits=waits)

    def _chain(self, repo: Repository, event: Event) -> int:
        if event.name != "workflow_run":
            return 0
        number = (event.payload.get("workflow_run") or {}).get("id")
        with self._world.lock:
            return 1 + next((run.chain for run in reversed(repo.runs) if run.id == number), 0)

    def _start(
        self,
        repo: Repository,
        file: WorkflowFile,
        event: Event,
        target: Target,
        *,
        inputs: dict[str, Any] | None = None,
        chain: int = 0,
        waits: bool = False,
    ) -> WorkflowRun | None:
        with self._world.lock:
            workflow = self.catalog.record(repo, file)
            if workflow.state.startswith("disabled"):
                return None
            commit = self._world.bare(repo).commit(target.sha)
            run = self.recorder.add_run(
                repo,
                workflow,
                event=event,
                ref=target.ref,
                sha=target.sha,
                head_branch=target.head_branch,
                head_sha=target.head_sha,
                title=default_title(file, event, commit.headline if commit else None),
                inputs=inputs,
                pulls=target.pulls or self._pulls_of(repo, target),
                chain=chain,
            )
            self._name_run(repo, run, file)
            if waits:
                self.recorder.finish_run(repo, run, "action_required")
            else:
                self.engine.submit(repo, run, file)
            return run

    def _pulls_of(self, repo: Repository, target: Target) -> list[int]:
        return [
            pull.number
            for pull in repo.pulls.values()
            if repo.issues[pull.number].state == "open"
            and pull.head_ref == target.head_branch
            and pull.head_sha == target.head_sha
        ]

    def _name_run(self, repo: Repository, run: WorkflowRun, file: WorkflowFile) -> None:
        if not file.run_name:
            return
        scope = contexts.scope(
            contexts.github(self._world, repo, run), inputs=run.inputs, variables=repo.variables
        )
        try:
            title = to_string(expressions.interpolate(file.run_name, scope)).strip()
        except ExpressionError as error:
            file.error = file.error or f"Invalid workflow file: {file.path}: run-name: {error}"
            return
        run.display_title = title or run.display_title

    # -- what the API asks for

    def dispatch(
        self,
        repo: Repository,
        workflow: Workflow,
        ref: str,
        inputs: dict[str, Any],
        actor: str,
    ) -> WorkflowRun:
        """Starts a run at `ref`, whose own version of the file counts. Raises Refusal."""
        if workflow.state.startswith("disabled"):
            raise unprocessable("Cannot trigger a 'workflow_dispatch' on a disabled workflow")
        full, sha = self._dispatch_ref(repo, ref)
        file = self.catalog.file(repo, sha, workflow.path)
        if file is None:
            raise unprocessable(f"Workflow {workflow.path} does not exist at {ref}")
        typed = triggers.dispatch_inputs(file, inputs)
        shape = core.of(self._world)
        payload = {
            "inputs": {name: to_string(value) for name, value in typed.items()},
            "ref": full,
            "repository": core.repository(shape, repo),
            "sender": core.user(shape, actor),
            "workflow": workflow.path,
        }
        event = Event("workflow_dispatch", None, repo.full_name, actor, payload, ref=full, sha=sha)
        name = contexts.ref_name(full)
        target = Target(full, sha, head_branch=name, head_sha=sha, branch=name)
        run = self._start(repo, file, event, target, inputs=typed)
        if run is None:
            raise RuntimeError("the workflow was disabled meanwhile")
        self._world.emit(event)
        return run

    def _dispatch_ref(self, repo: Repository, ref: str) -> tuple[str, str]:
        candidates = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        for full in candidates:
            oid = self._world.ref_oid(repo.full_name, full)
            if oid is not None:
                return full, self._world.bare(repo).peel(oid) or oid
        raise unprocessable(f"No ref found for: {ref}")

    def rerun(
        self,
        repo: Repository,
        run: WorkflowRun,
        failed_only: bool,  # noqa: FBT001 - the interface's shape
        actor: str,
    ) -> None:
        """A new attempt; with `failed_only` the jobs that were good keep their results."""
        with self._world.lock:
            if run.status != "completed" or run.conclusion == "action_required":
                raise Refusal(403, "This workflow is already running")
            file = self.catalog.file(repo, run.sha, run.path)
            if file is None:
                raise Refusal(403, "Unable to re-run this workflow run: its file is gone")
            last = [job for job in run.jobs if job.run_attempt == run.run_attempt]
            kept = self._kept_jobs(file, last) if failed_only else []
            if failed_only and len(kept) == len(last) and run.conclusion == "success":
                raise Refusal(403, "This workflow run cannot be retried: no job failed")
            run.run_attempt += 1
            run.triggering_actor = actor
            run.run_started_at = self._world.clock.now()
            for job in kept:
                self._carry(run, job)
            carried = {job.key: Outcome(job.result or "success", job.outputs) for job in kept}
            self.engine.submit(repo, run, file, carried)

    def _kept_jobs(self, file: WorkflowFile, jobs: list[Job]) -> list[Job]:
        """All but the failed and cancelled ones and what needs them."""
        ended: dict[str, set[str]] = {}
        for job in jobs:
            ended.setdefault(job.key, set()).add(job.conclusion or "")
        bad = {key for key in file.jobs if ended.get(key, {""}) - {"success", "skipped", "neutral"}}
        again = bad | descendants(file.jobs, bad)
        return [job for job in jobs if job.key not in again and job.key in file.jobs]

    def _carry(self, run: WorkflowRun, job: Job) -> None:
        """A kept job stands in the new attempt too, under a new id and with its old check."""
        run.jobs.append(replace(job, id=self._world.next_id(), run_attempt=run.run_attempt))

    def cancel(self, repo: Repository, run: WorkflowRun) -> None:  # noqa: ARG002 - the port's shape
        self._stop(run, force=False)

    def force_cancel(self, run: WorkflowRun) -> None:
        """Without waiting for always() steps."""
        self._stop(run, force=True)

    def _stop(self, run: WorkflowRun, *, force: bool) -> None:
        with self._world.lock:
            active = self.engine.active.get(run.id)
            if active is None:
                raise Refusal(409, "Cannot cancel a workflow run that is completed.")
            run.updated_at = self._world.clock.now()
            self.engine.cancel(active, force=force)

    def kill_run(self, repo: Repository, run: WorkflowRun) -> None:  # noqa: ARG002 - like cancel
        """The machine under the run dies: no always() step, no further job; it ends failed."""
        with self._world.lock:
            active = self.engine.active.get(run.id)
            if active is not None:
                self.engine.kill(active)

    def approve(self, repo: Repository, run: WorkflowRun, actor: str) -> None:
        """Lets a run start that waited for a click ("Approve workflows to run")."""
        with self._world.lock:
            if run.conclusion != "action_required":
                raise Refusal(403, "This run is not waiting for approval")
            file = self.catalog.file(repo, run.sha, run.path)
            if file is None:
                raise Refusal(403, "Unable to run this workflow: its file is gone")
            run.approved_by = actor
            self.engine.submit(repo, run, file)

    def job_log(self, repo: Repository, job_id: int) -> str:
        return archive.job_log(self._world, repo, job_id).decode(errors="replace")

    # -- the end

    def wait_idle(self, timeout: float) -> bool:
        """True once no run is active and every event was heard (runs may follow from them)."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if not self.engine.wait_empty(left):
                return False
            self._world.drain()
            with self._world.lock:
                if not self.engine.active:
                    return True
        return False

    def close(self) -> None:
        self._schedule.close()
        self.engine.close()

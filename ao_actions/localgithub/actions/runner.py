"""Runs one job: its token, its secrets, its copy of the workflow, act, and what comes out."""

from __future__ import annotations

import secrets as randomness
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ao_actions.localgithub.actions import contexts, expressions, globs, isolate, permissions
from ao_actions.localgithub.actions.act import WRAPPER, Invocation, Process
from ao_actions.localgithub.actions.active import ActiveRun, Leg, Outcome
from ao_actions.localgithub.actions.expressions import ExpressionError
from ao_actions.localgithub.actions.joblog import JobLog
from ao_actions.localgithub.actions.sources import Sources, UnknownAction, reader
from ao_actions.localgithub.actions.values import to_number, to_string
from ao_actions.localgithub.model import Environment, Token
from ao_actions.localgithub.world import ACTIONS_BOT, World

DEFAULT_TIMEOUT_MINUTES = 360.0  # docs, "Actions limits": six hours a hosted job
# act leaves these empty or gets them wrong; the copy says them literally
_JOB_LITERALS = ("name", "environment")


class JobRefused(Exception):  # noqa: N818 - the name says what it is
    """The job fails before its first step."""


@dataclass(slots=True)
class _Plan:
    """What is settled before act starts."""

    token: Token
    runtime_token: str
    secrets: dict[str, str]
    scope: expressions.Scope
    timeout: float
    removed: list[str] = field(default_factory=list)


class Runner:
    def __init__(
        self,
        world: World,
        sources: Sources,
        *,
        act: str,
        path_entries: Sequence[Path],
        environment: Mapping[str, str],
        keep: bool,
    ) -> None:
        self._world = world
        self._sources = sources
        self._act = act
        self._path_entries = tuple(path_entries)
        self._own = dict(environment)
        self._keep = keep
        self.progress: Callable[[], None] = lambda: None  # told of every step's begin and end
        self.runtime_tokens: dict[str, tuple[ActiveRun, Leg]] = {}

    def log_file(self, active: ActiveRun, leg: Leg) -> Path:
        run = active.run
        return self._world.root / "logs" / str(run.id) / str(run.run_attempt) / f"{leg.job.id}.txt"

    def execute(self, active: ActiveRun, leg: Leg) -> Outcome:
        """Runs the leg to its end. Called without the world's lock, on the job's own thread."""
        with self._world.lock:
            plan = self._plan(active, leg)
        log = JobLog(
            self.log_file(active, leg),
            leg.spec.steps,
            self._world.clock.now,
            [plan.token.value, *plan.secrets.values()],
        )
        leg.job.steps = log.steps
        folder = self._world.root / "jobs" / str(leg.job.id)
        try:
            try:
                self._run(active, leg, plan, log, folder)
            except (JobRefused, UnknownAction, ExpressionError) as error:
                log.fail(str(error))
            return self._finish(active, leg, plan, log)
        finally:
            self._clean_up(plan, log, folder)

    # -- before

    def _plan(self, active: ActiveRun, leg: Leg) -> _Plan:
        granted = permissions.resolve(
            active.file.raw.get("permissions"),
            leg.spec.raw.get("permissions"),
            active.repo.default_workflow_permissions,
        )
        leg.job.permissions = granted
        leg.job.labels = self._labels(active, leg)
        token = self._world.add_token(
            ACTIONS_BOT,
            kind="job",
            repository=active.repo.full_name,
            permissions=granted,
            run_id=active.run.id,
            job_id=leg.job.id,
        )
        runtime_token = randomness.token_hex(16)
        self.runtime_tokens[runtime_token] = (active, leg)
        scope = active.scope(self._world, leg.spec, matrix=leg.matrix, more=self._fixed(leg))
        return _Plan(
            token=token,
            runtime_token=runtime_token,
            secrets={
                **active.repo.secrets,
                **self._world.passing_secrets.get(active.repo.full_name, {}),
            },
            scope=scope,
            timeout=DEFAULT_TIMEOUT_MINUTES,
        )

    def _labels(self, active: ActiveRun, leg: Leg) -> list[str]:
        try:
            scope = active.scope(self._world, leg.spec, matrix=leg.matrix)
            value = expressions.interpolate_tree(leg.spec.raw["runs-on"], scope)
        except ExpressionError:
            return []
        if isinstance(value, dict):
            value = value.get("labels") or []
        return [str(item) for item in value] if isinstance(value, list) else [str(value)]

    def _fixed(self, leg: Leg) -> dict[str, Any]:
        strategy = leg.spec.raw.get("strategy") or {}
        return {
            "strategy": {
                "fail-fast": strategy.get("fail-fast", True),
                "job-index": leg.index,
                "job-total": leg.total,
                "max-parallel": strategy.get("max-parallel", leg.total),
            },
            "runner": {"name": leg.job.runner_name, "environment": "github-hosted", "os": "Linux"},
        }

    def _environment(self, active: ActiveRun, leg: Leg, plan: _Plan) -> Environment | None:
        """The job's environment, made on the fly as GitHub does. Refuses a wrong branch."""
        value = leg.spec.raw.get("environment")
        if isinstance(value, dict):
            value = value.get("name")
        name = to_string(expressions.interpolate(value, plan.scope))
        if not name:
            return None
        with self._world.lock:
            for known in active.repo.environments:
                if known.name.lower() == name.lower():
                    break
            else:
                known = Environment(self._world.next_id(), name)
                active.repo.environments.append(known)
                self._world.save()
        branch = contexts.ref_name(active.run.ref)
        limited = known.custom_policies or known.branch_policies
        if limited and not globs.matches(known.branch_policies, branch):
            raise JobRefused(
                f'Branch "{branch}" is not allowed to deploy to {known.name} '
                "due to environment protection rules."
            )
        return known

    def _invocation(self, active: ActiveRun, leg: Leg, plan: _Plan, folder: Path) -> Invocation:
        run, repo = active.run, active.repo
        environment = self._environment(active, leg, plan)
        if environment is not None:
            plan.secrets |= environment.secrets
        github = contexts.github(self._world, repo, run)
        literal = {("github", k): v for k, v in github.items() if k != "event"}
        fixed = plan.scope.contexts
        literal |= {("runner", key): fixed["runner"][key] for key in _JOB_LITERALS}
        copy = isolate.isolate(
            active.file,
            leg.spec,
            event=run.event,
            wrapper=str(folder / WRAPPER),
            literals={key: fixed[key] for key in ("needs", "matrix", "inputs", "strategy")},
            properties=literal,
        )
        plan.removed = copy.removed
        actions = self._sources.resolve(
            leg.spec.steps, reader(self._world, repo.full_name, run.sha)
        )
        return Invocation(
            folder=folder,
            event=run.event,
            payload=run.payload,
            workflow=copy.text,
            actor=run.actor,
            mark=f"{leg.job.id}-{randomness.token_hex(8)}",
            environment=self._variables(github, leg),
            variables=repo.variables,
            secrets=plan.secrets | {"GITHUB_TOKEN": plan.token.value},
            unlisted={"ACTIONS_RUNTIME_TOKEN": plan.runtime_token},
            actions=actions,
            path_entries=self._path_entries,
        )

    def _variables(self, github: Mapping[str, Any], leg: Leg) -> dict[str, str]:
        """GITHUB_* of the job (docs, "Default environment variables")."""
        names = [
            "actor",
            "actor_id",
            "api_url",
            "base_ref",
            "event_name",
            "graphql_url",
            "head_ref",
            "ref",
            "ref_name",
            "ref_protected",
            "ref_type",
            "repository",
            "repository_id",
            "repository_owner",
            "repository_owner_id",
            "retention_days",
            "run_attempt",
            "run_id",
            "run_number",
            "server_url",
            "sha",
            "triggering_actor",
            "workflow",
            "workflow_ref",
            "workflow_sha",
        ]
        variables = {f"GITHUB_{name.upper()}": to_string(github[name]) for name in names}
        return (
            self._own
            | variables
            | {
                "SHA_REF": str(github["sha"]),  # act's name for GITHUB_SHA
                "RUNNER_NAME": leg.job.runner_name or "",
                "RUNNER_ENVIRONMENT": "self-hosted",  # it is: this machine stays
                "ACTIONS_RESULTS_URL": f"{github['api_url']}/actions-results",
            }
        )

    # -- during

    def _run(self, active: ActiveRun, leg: Leg, plan: _Plan, log: JobLog, folder: Path) -> None:
        plan.timeout = self._timeout(leg, plan)
        invocation = self._invocation(active, leg, plan, folder)
        log.hide(plan.secrets.values())
        self._write_head(active, leg, plan, log)
        process = Process(self._act, invocation)
        with self._world.lock:
            leg.process = process
            stop = leg.stop
        if stop == "kill":
            process.kill()
        elif stop:
            process.interrupt()
        timer = threading.Timer(plan.timeout, self._time_out, (leg,))
        timer.daemon = True
        timer.start()
        check = self._check(active, leg)
        check.annotations = log.annotations
        try:
            for record in process.lines():
                if log.read(record):
                    self.progress()
            process.wait()
        finally:
            timer.cancel()
            process.end_orphans()
        if log.job_result is None and not leg.stop:
            log.fail("The runner ended without a result.")

    def _check(self, active: ActiveRun, leg: Leg) -> Any:
        check_id = leg.job.check_run_id
        with self._world.lock:
            return next(c for c in reversed(active.repo.check_runs) if c.id == check_id)

    def _timeout(self, leg: Leg, plan: _Plan) -> float:
        value = leg.spec.raw.get("timeout-minutes", DEFAULT_TIMEOUT_MINUTES)
        minutes = to_number(expressions.interpolate(value, plan.scope))
        return 60.0 * (minutes if minutes > 0 else DEFAULT_TIMEOUT_MINUTES)

    def _time_out(self, leg: Leg) -> None:
        """GitHub interrupts a job that is over its time as if it were cancelled."""
        with self._world.lock:
            leg.stop = leg.stop or "timeout"
            if leg.process is not None:
                leg.process.interrupt()

    def _write_head(self, active: ActiveRun, leg: Leg, plan: _Plan, log: JobLog) -> None:
        log.write(f"Current runner: act in host mode ({leg.job.runner_name})")
        log.write("##[group]GITHUB_TOKEN Permissions")
        for scope, level in sorted(leg.job.permissions.items()):
            log.write(f"{scope}: {level}")
        log.write("##[endgroup]")
        if plan.removed:
            log.write(f"Keys left out here: {', '.join(sorted(set(plan.removed)))}")
        log.write(f"Job name: {leg.job.name} (attempt {active.run.run_attempt})")

    # -- after

    def _finish(self, active: ActiveRun, leg: Leg, plan: _Plan, log: JobLog) -> Outcome:
        killed = leg.stop == "kill"
        if leg.stop == "timeout":
            minutes = plan.timeout / 60
            log.fail(
                f"The job running on runner {leg.job.runner_name} has exceeded the maximum "
                f"execution time of {minutes:g} minutes."
            )
        elif killed:
            log.fail("The runner has received a shutdown signal or lost its connection.")
        log.finish(lost=killed)
        conclusion = log.job_result or "failure"
        if leg.stop in {"cancel", "timeout"}:
            conclusion = "cancelled"
        elif killed:
            conclusion = "cancelled" if active.cancelled else "failure"
        outputs = self._outputs(leg, plan, log, conclusion)
        with self._world.lock:
            leg.job.summary = log.summary
            check = self._check(active, leg)
            check.annotations = log.annotations
            if log.summary:
                check.output_title, check.output_summary = leg.job.name, log.summary
        return Outcome(conclusion, outputs)

    def _outputs(self, leg: Leg, plan: _Plan, log: JobLog, conclusion: str) -> dict[str, str]:
        """The job's `outputs:`. One that holds a secret is dropped, as on GitHub."""
        declared = leg.spec.raw.get("outputs") or {}
        scope = expressions.Scope(
            {
                **plan.scope.contexts,
                "steps": log.step_context(),
                "job": {"status": conclusion},
                "env": leg.spec.raw.get("env") or {},
            },
            plan.scope.functions,
        )
        outputs: dict[str, str] = {}
        for name, source in declared.items():
            try:
                text = to_string(expressions.interpolate(source, scope))
            except ExpressionError as error:
                log.fail(f"output {name}: {error}")
                continue
            if log.holds_secret(text):
                log.write(f"##[warning]Skip output '{name}' since it may contain secret.")
            else:
                outputs[str(name)] = text
        return outputs

    def _clean_up(self, plan: _Plan, log: JobLog, folder: Path) -> None:
        log.close()
        self._world.remove_token(plan.token.value)
        self.runtime_tokens.pop(plan.runtime_token, None)
        if not self._keep:
            shutil.rmtree(folder, ignore_errors=True)

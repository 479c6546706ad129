"""The state of a run that is not over: what has ended, what waits, what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from ao_actions.localgithub.actions import contexts, expressions, workflow
from ao_actions.localgithub.actions.act import Process
from ao_actions.localgithub.actions.expressions import Scope
from ao_actions.localgithub.actions.workflow import JobSpec, WorkflowFile
from ao_actions.localgithub.model import Job, Repository, WorkflowRun
from ao_actions.localgithub.world import World


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `needs.<key>` shows of a job that ended."""

    result: str
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Leg:
    """One job as it runs: of a matrix, one leg."""

    job: Job
    spec: JobSpec
    matrix: dict[str, Any]
    index: int = 0
    total: int = 1
    state: Literal["pending", "queued", "running", "done"] = "pending"
    process: Process | None = None
    stop: Literal["", "cancel", "timeout", "kill"] = ""

    def ended_at(self) -> datetime:
        return self.job.completed_at or datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class ActiveRun:
    repo: Repository
    run: WorkflowRun
    file: WorkflowFile
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    legs: dict[str, list[Leg]] = field(default_factory=dict)
    admitted: bool = False  # has its concurrency group, if it asks for one
    cancelled: bool = False
    killed: bool = False
    group: tuple[str, str] | None = None
    notes: list[str] = field(default_factory=list)  # shown in the job logs' heads

    def all_legs(self) -> list[Leg]:
        return [leg for legs in self.legs.values() for leg in legs]

    def ready(self) -> list[JobSpec]:
        """The jobs whose needs have all ended and which were not looked at yet."""
        return [
            spec
            for key, spec in self.file.jobs.items()
            if key not in self.outcomes
            and key not in self.legs
            and all(needed in self.outcomes for needed in spec.needs)
        ]

    def needs(self, spec: JobSpec) -> dict[str, Any]:
        return {
            key: {"result": self.outcomes[key].result, "outputs": dict(self.outcomes[key].outputs)}
            for key in spec.needs
        }

    def scope(
        self,
        world: World,
        spec: JobSpec | None = None,
        *,
        matrix: Mapping[str, Any] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Scope:
        """What the run's expressions see outside of a step; with `spec`, those of a job."""
        extra: dict[str, Any] = dict(more or {})
        functions = None
        if spec is not None:
            extra |= {"needs": self.needs(spec), "matrix": matrix or {}}
            ended = workflow.ancestors(self.file.jobs, spec.key)
            functions = contexts.status_functions(
                (self.outcomes[key].result for key in ended), run_cancelled=self.cancelled
            )
        return contexts.scope(
            contexts.github(world, self.repo, self.run),
            inputs=self.run.inputs,
            variables=self.repo.variables,
            more=extra,
            functions=functions,
        )

    def wants(self, world: World, spec: JobSpec) -> bool:
        """The job's `if:`."""
        return expressions.condition(spec.condition, self.scope(world, spec))

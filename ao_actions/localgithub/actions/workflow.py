"""A workflow file, read and checked as far as the service needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml

from ao_actions.localgithub.actions import cron, yamlio

_JOB_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class InvalidWorkflow(ValueError):  # noqa: N818 - the name says what it is
    """GitHub would show "Invalid workflow file" and a run that failed at startup."""


@dataclass(slots=True)
class Concurrency:
    """`concurrency:`; the group may be an expression, as may `cancel-in-progress`."""

    group: str
    cancel_in_progress: Any = False
    queue_max: bool = False


@dataclass(slots=True)
class JobSpec:
    key: str
    raw: dict[str, Any]
    needs: list[str]
    concurrency: Concurrency | None

    @property
    def condition(self) -> Any:
        return self.raw.get("if")

    @property
    def steps(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = self.raw["steps"]
        return steps


@dataclass(slots=True)
class WorkflowFile:
    path: str
    name: str
    triggers: dict[str, Any]  # by event name; None where the event has no settings
    jobs: dict[str, JobSpec]
    raw: dict[str, Any] = field(default_factory=dict)
    concurrency: Concurrency | None = None
    error: str | None = None  # why GitHub would not start it

    @property
    def run_name(self) -> str | None:
        value = self.raw.get("run-name")
        return None if value is None else str(value)

    @property
    def crons(self) -> list[str]:
        entries = self.triggers.get("schedule") or []
        return [str(entry["cron"]) for entry in entries if isinstance(entry, dict)]


def parse(path: str, text: str) -> WorkflowFile:
    """Never raises: an invalid file comes back with `error`, and what could be read of it."""
    result = WorkflowFile(path=path, name=path, triggers={}, jobs={})
    try:
        _fill(result, yamlio.load(text))
    except (InvalidWorkflow, yaml.YAMLError, ValueError) as error:
        result.error = f"Invalid workflow file: {path}: {error}"
    return result


def _fill(result: WorkflowFile, raw: Any) -> None:
    if not isinstance(raw, dict):
        raise InvalidWorkflow("the file holds no mapping")
    result.raw = raw
    result.name = str(raw.get("name") or result.path)
    result.triggers = _triggers(raw.get("on"))
    result.concurrency = _concurrency(raw.get("concurrency"))
    result.jobs = _jobs(raw.get("jobs"))
    for line in result.crons:
        cron.parse(line)


def is_workflow(path: str) -> bool:
    pure = PurePosixPath(path)
    return str(pure.parent) == ".github/workflows" and pure.suffix in {".yml", ".yaml"}


def _triggers(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {value: None}
    if isinstance(value, list):
        return {str(name): None for name in value}
    if isinstance(value, dict):
        return {str(name): settings for name, settings in value.items()}
    raise InvalidWorkflow("`on` is missing")


def _concurrency(value: Any) -> Concurrency | None:
    if value is None:
        return None
    if isinstance(value, str):
        return Concurrency(value)
    if not isinstance(value, dict) or "group" not in value:
        raise InvalidWorkflow("`concurrency` needs a group")
    queue = value.get("queue", "single")
    if queue not in {"single", "max"}:
        raise InvalidWorkflow(f"`concurrency.queue` is single or max, not {queue!r}")
    cancel = value.get("cancel-in-progress", False)
    if queue == "max" and cancel is True:
        # docs, "concurrency": `queue: max` cannot be combined with cancel-in-progress
        raise InvalidWorkflow("`concurrency.queue: max` and `cancel-in-progress: true` exclude")
    return Concurrency(str(value["group"]), cancel, queue_max=queue == "max")


def _jobs(value: Any) -> dict[str, JobSpec]:
    if not isinstance(value, dict) or not value:
        raise InvalidWorkflow("`jobs` is missing or empty")
    jobs = {str(key): _job(str(key), raw) for key, raw in value.items()}
    for job in jobs.values():
        for needed in job.needs:
            if needed not in jobs:
                raise InvalidWorkflow(f"job {job.key!r} needs {needed!r}, which does not exist")
    _refuse_cycles(jobs)
    return jobs


def _job(key: str, raw: Any) -> JobSpec:
    if not _JOB_ID.fullmatch(key):
        raise InvalidWorkflow(f"{key!r} is no job id")
    if not isinstance(raw, dict):
        raise InvalidWorkflow(f"job {key!r} is no mapping")
    if "uses" in raw:
        raise InvalidWorkflow(f"job {key!r} calls a reusable workflow: not supported here")
    if "runs-on" not in raw:
        raise InvalidWorkflow(f"job {key!r} has no `runs-on`")
    steps = raw.get("steps")
    if not isinstance(steps, list) or not steps:
        raise InvalidWorkflow(f"job {key!r} has no steps")
    for step in steps:
        if not isinstance(step, dict) or ("run" in step) == ("uses" in step):
            raise InvalidWorkflow(f"job {key!r}: a step has either `run` or `uses`")
    for unsupported in ("services", "container"):
        if unsupported in raw:
            raise InvalidWorkflow(f"job {key!r}: `{unsupported}` is not supported here")
    needs = raw.get("needs") or []
    needs = [needs] if isinstance(needs, str) else [str(item) for item in needs]
    return JobSpec(key, raw, needs, _concurrency(raw.get("concurrency")))


def _refuse_cycles(jobs: dict[str, JobSpec]) -> None:
    done: set[str] = set()
    while len(done) < len(jobs):
        ready = [k for k, job in jobs.items() if k not in done and done.issuperset(job.needs)]
        if not ready:
            raise InvalidWorkflow("the jobs' `needs` form a circle")
        done.update(ready)


def ancestors(jobs: dict[str, JobSpec], key: str) -> set[str]:
    """Every job that must end before this one."""
    found: set[str] = set()
    waiting = list(jobs[key].needs)
    while waiting:
        needed = waiting.pop()
        if needed not in found:
            found.add(needed)
            waiting.extend(jobs[needed].needs)
    return found


def descendants(jobs: dict[str, JobSpec], keys: set[str]) -> set[str]:
    """The jobs that need one of `keys`, directly or not."""
    return {key for key in jobs if ancestors(jobs, key) & keys}

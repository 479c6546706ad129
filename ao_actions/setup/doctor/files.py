"""A repository's workflow files, read with patience: what does not fit is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ao_actions.setup import exposure
from ao_actions.setup.workflows import FOLDER, MARK, NAMES

OURS = tuple(f"{FOLDER}/{name}" for name in NAMES)
_VERSION = re.compile(rf"{re.escape(MARK)}v?(\d[\w.+-]*)")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
# Events that start a workflow for a task's branch or its pull request.
ON_PULLS = frozenset({"pull_request", "pull_request_target", "push"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFile:
    """One file of the default branch. `readable`: it is YAML with jobs."""

    path: str
    text: str
    name: str
    triggers: Mapping[str, Any] = field(default_factory=dict)
    jobs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    readable: bool = True

    @property
    def ours(self) -> bool:
        return self.path in OURS

    @property
    def version(self) -> str | None:
        """The version of ao-actions that wrote it."""
        found = _VERSION.match(self.text)
        return found[1] if found else None

    def uses(self) -> Iterator[str]:
        """What its steps and jobs use: `owner/name@ref`."""
        for job in self.jobs.values():
            steps = job.get("steps")
            for step in [job, *(steps if isinstance(steps, list) else [])]:
                if isinstance(step, dict) and isinstance(step.get("uses"), str):
                    yield step["uses"]

    def check_names(self) -> Iterator[re.Pattern[str]]:
        """The names under which its jobs report on a commit; `.*` for what only a run knows."""
        for key, job in self.jobs.items():
            yield _check_name(key, job)


def parse(path: str, text: str) -> WorkflowFile:
    document = exposure.parse(text)
    if not isinstance(document, dict):
        return WorkflowFile(path=path, text=text, name=path, readable=False)
    jobs = document.get("jobs")
    jobs = jobs if isinstance(jobs, dict) else {}
    return WorkflowFile(
        path=path,
        text=text,
        name=exposure.name_of(document, path),
        triggers=exposure.events(document),
        jobs={str(key): job for key, job in jobs.items() if isinstance(job, dict)},
        readable=bool(jobs),
    )


def _check_name(key: str, job: Mapping[str, Any]) -> re.Pattern[str]:
    name = str(job.get("name") or key)
    parts = [re.escape(part) for part in _EXPRESSION.split(name)]
    pattern = ".*".join(parts)
    strategy = job.get("strategy")
    if isinstance(strategy, dict) and "matrix" in strategy and len(parts) == 1:
        pattern += r" \(.*\)"
    if isinstance(job.get("uses"), str):
        pattern += " / .*"
    return re.compile(pattern)


def environment_of(job: Mapping[str, Any]) -> str | None:
    """The name of the environment that a job uses; None: none, or only a run knows it."""
    value = job.get("environment")
    if isinstance(value, dict):
        value = value.get("name")
    return value if isinstance(value, str) and "${{" not in value else None


def runner_of(job: Mapping[str, Any]) -> list[str]:
    """The labels of `runs-on`; a group counts as a label."""
    value = job.get("runs-on")
    if isinstance(value, dict):
        labels = value.get("labels") or value.get("group")
        value = labels
    if isinstance(value, list):
        return [str(label) for label in value]
    return [] if value is None else [str(value)]

"""The table of red checks (triage_cases/*.yml), shared by its test and bench/triage.py.

A case has `run` and `output` (its log is made as a runner writes one), or a `log`, or none; what
it leaves out is that of a failed job on its first attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ao_actions.core import joblog, triage

STAMP = "2026-11-22T12:00:00.1234567Z "
LOG = """\
Current runner version: '2.330.0'
##[group]Run actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
with:
  repository: octo/calc
##[endgroup]
Syncing repository: octo/calc
##[group]Run {run}
\x1b[36;1m{run}\x1b[0m
shell: /usr/bin/bash -e {{0}}
env:
  CI: true
##[endgroup]
{output}
##[error]Process completed with exit code {exit}.
Post job cleanup.
[command]/usr/bin/git version
Cleaning up orphan processes
"""
RAN = [["Set up job", "SUCCESS"], ["Run it", "FAILURE"], ["Complete job", "SUCCESS"]]


@dataclass(frozen=True)
class Case:
    name: str
    check: triage.FailedCheck
    raw: str
    base: dict[str, str | None]
    reruns: tuple[str, ...]
    expected: tuple[str, str]
    failures: list[str] | None
    shows: list[str]
    hides: list[str]

    def verdict(self) -> triage.Verdict:
        return triage.judge(self.check, base=self.base, reruns=self.reruns)


def a_log(output: str, run: str = "pytest", code: int = 1) -> str:
    """A job's log, as GitHub stores it."""
    return stamped(LOG.format(run=run, output=output.rstrip("\n"), exit=code))


def stamped(log: str) -> str:
    return "".join(f"{STAMP}{line}\n" for line in log.splitlines())


def cases() -> list[Case]:
    files = sorted((Path(__file__).parent / "triage_cases").glob("*.yml"))
    return [_case(row) for file in files for row in yaml.safe_load(file.read_text("utf-8"))]


def _case(row: dict[str, Any]) -> Case:
    raw = stamped(row.get("log", ""))
    if "run" in row:
        raw = a_log(row["output"], row["run"], row.get("exit", 1))
    source = triage.Source(row.get("source", "job"))
    job = source is triage.Source.JOB
    steps = row.get("steps", RAN if job else None)
    check = triage.FailedCheck(
        name=row.get("name_", "test"),
        source=source,
        conclusion=row.get("conclusion", "FAILURE"),
        required=row.get("required"),
        steps=None if steps is None else tuple(triage.Step(name=n, conclusion=c) for n, c in steps),
        annotations=tuple(
            triage.Annotation(level="failure", message=said) for said in row.get("annotations", ())
        ),
        log=joblog.read(raw) if raw else None,
        text=row.get("text", ""),
        run_id=1 if job else None,
        run_open=row.get("run_open", False),
        attempt=row.get("attempt", 1),
    )
    return Case(
        name=row["name"],
        check=check,
        raw=raw,
        base=row.get("base", {}),
        reruns=tuple(row.get("reruns", ())),
        expected=(row["kind"], row["do"]),
        failures=row.get("failures"),
        shows=row.get("shows", []),
        hides=row.get("hides", []),
    )

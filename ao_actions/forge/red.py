"""What is to be known of red checks: asked for only where a head is red and nobody works on it.

One GraphQL query for each such head; by REST, for each run with a red job, the run and its jobs,
and for each red job its log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from ao_actions.core import checks, joblog
from ao_actions.core.checks import RedHead
from ao_actions.core.observed import Check, Pull
from ao_actions.core.triage import PASSED, Annotation, FailedCheck, Source, Step
from ao_actions.errors import ForgeError, NotFoundError
from ao_actions.forge.client import Client

LOGS = 12  # jobs of a head whose logs are read
LARGEST = 5 * 1024 * 1024  # bytes of a log; of a longer one its two ends
_TEXTS = ("title", "summary", "description")
_BEGAN = frozenset({"FAILURE", "TIMED_OUT"})  # conclusions of jobs that may have a log

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Run:
    """A run's newest attempt; its jobs by the id of their check."""

    attempt: int
    is_open: bool
    jobs: Mapping[int, Node]


@dataclass(frozen=True, slots=True)
class _Said:
    """What GitHub's answer has of a head: nodes by a check's id or a status's context."""

    runs: Mapping[int, Node] = field(default_factory=dict)
    statuses: Mapping[str, Node] = field(default_factory=dict)
    base: Mapping[str, str | None] = field(default_factory=dict)

    def of(self, check: Check) -> Node:
        found = self.runs.get(check.job_id or 0) or self.statuses.get(check.name)
        return found if found is not None else {}

    @property
    def any_required(self) -> bool:
        return any(node["isRequired"] for node in (*self.runs.values(), *self.statuses.values()))


@dataclass(frozen=True, slots=True)
class Look:
    """What `triage` wants to know of a head's red checks; and the logs, by their jobs' ids."""

    head: RedHead
    logs: Mapping[int, str]


def look(client: Client, pull: Pull) -> Look:
    """At the red checks of this head; `Look.head` has them in the order of `checks.red`.

    :raises ForgeError: GitHub did not answer
    """
    red = checks.red(pull)
    said = _said(client, pull.number)
    runs = {number: _run(client, number) for number in {c.run_id for c in red} if number}
    jobs = [check.job_id for check in red if check.job_id and _has_log(check, runs)]
    logs = {job: text for job in jobs[:LOGS] if (text := _log(client, job)) is not None}
    failed = (
        _failed(check, said, runs.get(check.run_id or 0), logs.get(check.job_id or 0))
        for check in red
    )
    return Look(RedHead(checks=tuple(failed), base=said.base), logs)


def _log(client: Client, job: int) -> str | None:
    """A job's log as text, of a very long one its ends; None where GitHub has none any more."""
    try:
        raw = client.ends(f"actions/jobs/{job}/logs", limit=LARGEST)
    except NotFoundError:
        return None
    except ForgeError as error:
        if error.status == 410:  # its time is over
            return None
        raise
    return joblog.decode(raw)


def _has_log(check: Check, runs: Mapping[int, _Run]) -> bool:
    run = runs.get(check.run_id or 0)
    job = run.jobs.get(check.job_id or 0) if run else None
    return job is not None and bool(job["steps"]) and check.result in _BEGAN


def _failed(check: Check, said: _Said, run: _Run | None, text: str | None) -> FailedCheck:
    node = said.of(check)
    job = run.jobs.get(check.job_id or 0) if run else None
    return FailedCheck(
        name=check.name,
        source=_source(check),
        conclusion=check.result or "",
        # of what could not start nobody knows what it would have reported
        required=bool(node["isRequired"]) if node and said.any_required else None,
        steps=None if job is None else tuple(map(_step, job["steps"])),
        annotations=tuple(map(_annotation, (node.get("annotations") or {"nodes": ()})["nodes"])),
        log=None if text is None else joblog.read(text),
        text="\n".join(node[key] for key in _TEXTS if node.get(key)),
        run_id=check.run_id,
        run_open=run is not None and run.is_open,
        attempt=run.attempt if run else 1,
    )


def _source(check: Check) -> Source:
    if check.run_id is not None:
        return Source.JOB
    return Source.STATUS if check.job_id is None else Source.APP


def _step(node: Node) -> Step:
    conclusion = node["conclusion"]
    return Step(name=node["name"], conclusion=conclusion.upper() if conclusion else None)


def _annotation(node: Node) -> Annotation:
    return Annotation(
        level=(node["annotationLevel"] or "notice").lower(),
        message=node["message"],
        path=node["path"],
        line=node["location"]["start"]["line"],
    )


def _said(client: Client, number: int) -> _Said:
    owner, name = client.repository.split("/", 1)
    query = files("ao_actions.forge").joinpath("red.graphql").read_text()
    data, _ = client.graphql(query, {"owner": owner, "name": name, "number": number})
    pull = data["repository"]["pullRequest"]
    if pull is None or not pull["commits"]["nodes"]:
        return _Said()
    nodes = _contexts(pull["commits"]["nodes"][0]["commit"])
    return _Said(
        runs={n["databaseId"]: n for n in nodes if n["__typename"] == "CheckRun"},
        statuses={n["context"]: n for n in nodes if n["__typename"] == "StatusContext"},
        base=_conclusions(_contexts((pull["baseRef"] or {}).get("target") or {})),
    )


def _contexts(commit: Node) -> list[Node]:
    rollup = commit.get("statusCheckRollup") or {"contexts": {"nodes": []}}
    nodes: list[Node] = rollup["contexts"]["nodes"]
    return nodes


def _conclusions(nodes: list[Node]) -> dict[str, str | None]:
    """By name; where two checks have one name, a pass counts: the base is not proven red."""
    found: dict[str, str | None] = {}
    for node in nodes:
        name, result = node.get("name") or node.get("context") or "", node.get("conclusion")
        if found.get(name) not in PASSED:
            found[name] = result or node.get("state")
    return found


def _run(client: Client, number: int) -> _Run:
    run = client.get(f"actions/runs/{number}")
    jobs = client.pages(f"actions/runs/{number}/jobs", key="jobs", filter="latest")
    return _Run(
        attempt=run["run_attempt"],
        is_open=run["status"] != "completed",
        jobs={int(job["check_run_url"].rpartition("/")[2]): job for job in jobs},
    )

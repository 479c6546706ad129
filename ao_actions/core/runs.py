"""A claim's run: which it is, and whether it works, waits for a runner, or is over."""

from __future__ import annotations

from datetime import datetime

from ao_actions.core.model import Phase, TaskRecord
from ao_actions.core.observed import Run, Task
from ao_actions.core.policy import Policy


def run_of(runs: tuple[Run, ...], record: TaskRecord) -> Run | None:
    """The claim's run, found by name; of two with one name the lower id works (design 3)."""
    if record.claim is None:
        return None
    title = run_title(record.issue, record.epoch, record.claim.reason)
    named = [run for run in runs if run.title == title]
    return min(named, key=lambda run: run.id, default=None)


def run_title(issue: int, epoch: int, reason: Phase) -> str:
    """`ao #42.17 ci_failed`: the run-name in templates/workflows/ao-work.yml.j2."""
    return f"ao #{issue}.{epoch} {reason}"


def alive(task: Task, policy: Policy) -> str | None:
    """A run works on it, or was dispatched so lately that GitHub need not list it yet."""
    claim = task.record.claim if task.record else None
    if task.record is None or claim is None or waits_too_long(task, policy) is not None:
        return None
    if task.run is not None and task.run.status == "completed":
        return None
    if task.run is None and task.runs_known and task.now >= claim.expires_at:
        return None
    return run_title(task.issue.number, task.record.epoch, claim.reason)


def waits_too_long(task: Task, policy: Policy) -> str | None:
    run = task.run
    if task.record is None or task.record.claim is None or run is None:
        return None
    idle = run.status in ("queued", "waiting", "pending", "requested")
    if idle and task.now - run.created_at > policy.queue_limit:
        return f"{run.id} has been {run.status} since {run.created_at:%Y-%m-%d %H:%M} UTC"
    return None


def listed_at(task: Task, policy: Policy) -> datetime | None:
    """When the list of what the run kept will be believed that lacks a hand-off, if it is not yet:
    GitHub's lists may be some seconds old, and a claim that is released is paid for again."""
    run = task.run
    if run is None or run.ended_at is None or run.handoff is not False:
        return None
    due = run.ended_at + policy.listing_grace
    return due if due > task.now else None


def just_ended(task: Task, policy: Policy) -> str | None:
    due = listed_at(task, policy)
    return f"{due:%H:%M:%S} UTC" if due else None


def dead(task: Task, policy: Policy) -> str | None:
    """The claim's run is over, or never appeared: only after a look-up that was answered."""
    record = task.record
    if record is None or record.claim is None or waits_too_long(task, policy) is not None:
        return None
    if task.run is not None:
        return f"run {task.run.id} ended ({task.run.conclusion}) without publishing"
    return "its run never appeared"

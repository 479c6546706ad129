"""From a snapshot to its tasks and their phases."""

from __future__ import annotations

from datetime import datetime

from ao_actions.core.model import Issue, Policy, Snapshot, Task
from ao_actions.core.phase import Verdict, phase_of, run_of


def tasks(snapshot: Snapshot, policy: Policy, *, live: bool = False) -> tuple[Task, ...]:
    """Every issue with the label or a record, by number; with `live` those with a record."""
    paused = snapshot.book.fleet.paused
    until = None
    if next_agent(snapshot, policy) is None:
        until = min(paused[name] for name in policy.agents)
    numbers = snapshot.book.tasks if live else snapshot.issues
    issues = (snapshot.issues[number] for number in sorted(numbers) if number in snapshot.issues)
    return tuple(_task(snapshot, issue, until) for issue in issues)


def _task(snapshot: Snapshot, issue: Issue, agents_paused_until: datetime | None) -> Task:
    record = snapshot.book.tasks.get(issue.number)
    claim = record.claim if record else None
    return Task(
        now=snapshot.now,
        issue=issue,
        record=record,
        pull=snapshot.pulls.get(issue.number) if record else None,
        branch_head=snapshot.branches.get(record.branch) if record else None,
        run=run_of(snapshot.runs or (), record) if record and claim else None,
        runs_known=snapshot.runs is not None,
        trusted=snapshot.trusted,
        agents_paused_until=agents_paused_until,
    )


def verdicts(
    snapshot: Snapshot, policy: Policy, *, live: bool = False
) -> tuple[tuple[Task, Verdict], ...]:
    return tuple((task, phase_of(task, policy)) for task in tasks(snapshot, policy, live=live))


def next_agent(snapshot: Snapshot, policy: Policy) -> str | None:
    """The first agent of the list that is not paused."""
    paused = snapshot.book.fleet.paused
    for name in policy.agents:
        if name not in paused or paused[name] <= snapshot.now:
            return name
    return None

"""From a snapshot to its tasks and their phases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from ao_actions.core import budget, pauses, selection
from ao_actions.core.observed import Issue, Snapshot, Task
from ao_actions.core.phase import Verdict, phase_of, waits_for_agent
from ao_actions.core.policy import Policy
from ao_actions.core.runs import run_of


def tasks(snapshot: Snapshot, policy: Policy, *, live: bool = False) -> tuple[Task, ...]:
    """Every issue with the label or a record, by number; with `live` those with a record."""
    numbers = snapshot.book.tasks if live else snapshot.issues
    issues = (snapshot.issues[number] for number in sorted(numbers) if number in snapshot.issues)
    opens = budget.day_opens(snapshot.book.fleet, policy, snapshot.now)
    trusted = {**snapshot.trusted, **dict.fromkeys(policy.bots, True)}
    found = [_task(snapshot, issue, policy, opens, trusted) for issue in issues]
    return tuple(_in_line(found, snapshot, policy))


def _in_line(found: list[Task], snapshot: Snapshot, policy: Policy) -> list[Task]:
    """The tasks; those that wait for an agent know their place. Those with a record stand in
    front, so it is the same whether or not the new ones are looked at too."""
    waiting = [task for task in found if waits_for_agent(task, policy)]
    if not waiting:
        return found
    waiting.sort(key=lambda task: selection.order(task, policy))
    records = [task.record for task in waiting]
    line = pauses.line(records, snapshot.book.fleet, policy, snapshot.now)
    turns = {task.issue.number: turn for task, turn in zip(waiting, line, strict=True)}
    return [replace(task, turn=turns.get(task.issue.number, task.turn)) for task in found]


def _task(
    snapshot: Snapshot,
    issue: Issue,
    policy: Policy,
    opens: datetime | None,
    trusted: Mapping[str, bool],
) -> Task:
    record = snapshot.book.tasks.get(issue.number)
    claim = record.claim if record else None
    fleet = snapshot.book.fleet
    limited = fleet.paused or pauses.has_met_limit(record)
    turn = pauses.turn(record, fleet, policy, snapshot.now) if limited else None
    return Task(
        now=snapshot.now,
        issue=issue,
        record=record,
        pull=snapshot.pulls.get(issue.number) if record else None,
        branch_head=snapshot.branches.get(record.branch) if record else None,
        earlier_pull=snapshot.earlier_pulls.get(issue.number) if record else None,
        run=run_of(snapshot.runs or (), record) if record and claim else None,
        runs_known=snapshot.runs is not None,
        comments=snapshot.comments.get(issue.number, ()) if record else (),
        trusted=trusted,
        day_opens=opens,
        turn=turn if turn and turn.at > snapshot.now else None,
    )


def verdicts(
    snapshot: Snapshot, policy: Policy, *, live: bool = False
) -> tuple[tuple[Task, Verdict], ...]:
    return tuple((task, phase_of(task, policy)) for task in tasks(snapshot, policy, live=live))

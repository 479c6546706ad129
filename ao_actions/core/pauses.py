"""Model limits: which agent may take a task, and when (design 7).

A proven limit pauses its agent for the whole fleet; one that was read from text alone keeps
the agent from that one task. When a pause is over its tasks go on one by one, until one of
them shows that the model answers again. All of it follows from the ledger and the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile

from ao_actions.core.model import Attempt, Fleet, Limit, Outcome, Pause, TaskRecord
from ao_actions.core.observed import Turn
from ao_actions.core.policy import Policy

STAGGER = timedelta(minutes=5)  # between the claims with an agent after its pause
PATIENCE = timedelta(hours=1)  # a task with a session waits so long rather than change agents
BACKOFF = timedelta(minutes=15)  # for a limit that names no reset time, doubling ...
LONGEST_BACKOFF = timedelta(hours=6)  # ... up to this
LONGEST = timedelta(days=8)  # no pause without a fresh probe
FORGOTTEN = timedelta(days=1)  # after its end nothing is to be learnt from a pause
# Ends of an attempt that do not show that its model answers.
SILENT = frozenset({Outcome.LIMITED, Outcome.LOST, Outcome.SUPERSEDED, Outcome.WITHDRAWN})


# ---- what a limit does to the ledger -------------------------------------------------------


def limit(until: datetime | None, *, proven: bool, now: datetime) -> Limit:
    """A limit as it was met: a reset time in the past is none, one too far away is cut."""
    known = min(until, now + LONGEST) if until is not None and until > now else None
    return Limit(until=known, proven=proven)


def ended(fleet: Fleet, attempt: Attempt, issue: int) -> Fleet:
    """The fleet after this attempt: a proven limit pauses its agent, an answer ends a pause."""
    paused = _remembered(fleet, attempt.ended_at)
    pause = paused.get(attempt.agent)
    if attempt.limit is not None and attempt.limit.proven:
        paused[attempt.agent] = _met(pause, attempt.limit, issue, attempt.ended_at)
    elif pause and attempt.outcome not in SILENT and attempt.started_at >= pause.until:
        del paused[attempt.agent]
    return replace(fleet, paused=paused)


def claimed(fleet: Fleet, agent: str, now: datetime) -> Fleet:
    """The fleet after a claim with this agent: what is left of its pause lets the next one
    through a little later."""
    paused = _remembered(fleet, now)
    if agent in paused:
        paused[agent] = replace(paused[agent], resumed=paused[agent].resumed + 1)
    return replace(fleet, paused=paused)


def opens(pause: Pause) -> datetime:
    """When the next claim with the agent may be made: so that of those after the pause there
    are never more than 1, and 1 for each `STAGGER` since its end."""
    return pause.until + pause.resumed * STAGGER


def is_open(fleet: Fleet, agent: str, now: datetime) -> bool:
    return agent not in fleet.paused or opens(fleet.paused[agent]) <= now


def _met(pause: Pause | None, limit: Limit, issue: int, now: datetime) -> Pause:
    if pause is None:
        return Pause(since=now, until=limit.until or now + _backoff(1), issue=issue)
    if now < pause.until:  # the same limit, met by an attempt that was under way
        return replace(pause, until=max(pause.until, limit.until or pause.until))
    in_a_row = pause.in_a_row + 1
    until = limit.until or now + _backoff(in_a_row)
    return replace(pause, until=until, in_a_row=in_a_row, resumed=0)


def _remembered(fleet: Fleet, now: datetime) -> dict[str, Pause]:
    return {name: p for name, p in fleet.paused.items() if now < p.until + FORGOTTEN}


def _backoff(in_a_row: int) -> timedelta:
    return min(BACKOFF * (1 << min(in_a_row - 1, 8)), LONGEST_BACKOFF)


# ---- whose turn it is ----------------------------------------------------------------------


def turn(record: TaskRecord | None, fleet: Fleet, policy: Policy, now: datetime) -> Turn:
    """Which agent takes the task next, and from when on.

    The first of the list that is free; a task under way prefers the agent that it had (or that
    `/ao agent` names), and with
    a session of that agent to go on with it waits for a reset that was named and is near.
    """
    names, last = policy.agents, record.attempts[-1] if record and record.attempts else None
    wanted = record.agent if record and record.agent in names else last.agent if last else None
    if wanted in names:
        names = (wanted, *(name for name in names if name != wanted))
    turns = [_turn(name, record, fleet, now) for name in names]
    if last is not None and last.agent == names[0] and _waits_for(turns[0], last, now):
        return turns[0]
    return min(turns, key=lambda turn: turn.at)  # the first of equals


def line(
    records: Iterable[TaskRecord | None], fleet: Fleet, policy: Policy, now: datetime
) -> list[Turn]:
    """The turns of tasks that wait, best task first, if each goes as soon as it may."""
    turns: list[Turn] = []
    places: Counter[str] = Counter()
    for record in records:
        its = turn(record, fleet, policy, now)
        if its.until is not None:
            places[its.agent] += 1
            its = replace(its, place=places[its.agent])
            fleet = claimed(fleet, its.agent, now)
        turns.append(its)
    return turns


def sentence(turn: Turn) -> str:
    """What a task waits for, and until when."""
    at = f"{turn.at:%Y-%m-%d %H:%M} UTC"
    if turn.until is None:
        return f"{turn.agent} may try this task again at {at}"
    place = "first" if turn.place <= 1 else f"as number {turn.place}"
    until = f"{turn.until:%Y-%m-%d %H:%M} UTC"
    return f"{turn.agent} is paused until {until}; this task goes on {place}, at {at}"


def _turn(name: str, record: TaskRecord | None, fleet: Fleet, now: datetime) -> Turn:
    own = _own_wait(record, name) if record else None
    pause = fleet.paused.get(name)
    if pause is not None and opens(pause) > max(own or now, now):
        return Turn(agent=name, at=opens(pause), until=pause.until)
    return Turn(agent=name, at=max(own or now, now))


def has_met_limit(record: TaskRecord | None) -> bool:
    return record is not None and any(attempt.limit for attempt in record.attempts)


def _own_wait(record: TaskRecord, agent: str) -> datetime | None:
    """How long a limit that was read from text alone keeps the agent from this task."""
    with_agent = [attempt for attempt in record.attempts if attempt.agent == agent]
    limits = [a.limit for a in takewhile(lambda a: a.limit is not None, reversed(with_agent))]
    if not limits or limits[0] is None or limits[0].proven:
        return None
    return limits[0].until or with_agent[-1].ended_at + _backoff(len(limits))


def _waits_for(turn: Turn, last: Attempt, now: datetime) -> bool:
    """Its place in the line does not count: that would send the last of it away too late."""
    named = last.limit is not None and last.limit.until is not None
    return named and last.session is not None and (turn.until or turn.at) - now <= PATIENCE

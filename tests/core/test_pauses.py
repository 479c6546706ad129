"""Model limits: what they do to the fleet, and whose turn it is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ao_actions.core import pauses
from ao_actions.core.model import Fleet, Limit, Outcome
from ao_actions.core.policy import Policy
from tests.builders import (
    NOW,
    POLICY,
    a_pause,
    a_record,
    a_turn,
    ago,
    an_attempt,
    minutes,
)

BOTH = Policy(agents=("claude-code", "codex"))
SOON = NOW + minutes(30)
LATER = NOW + minutes(200)
PROVEN = Limit(proven=True)


def limited(**given):
    return an_attempt(**{"outcome": Outcome.LIMITED, "limit": Limit(), "ended_at": NOW, **given})


def fleet(**paused):
    return Fleet(epoch=9, paused={name.replace("_", "-"): p for name, p in paused.items()})


# ---- what a limit does ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "known"),
    [
        pytest.param(None, None, id="no time was named"),
        pytest.param(SOON, SOON, id="a time"),
        pytest.param(NOW, None, id="a time in the past is none"),
        pytest.param(NOW + timedelta(days=9), NOW + timedelta(days=8), id="8 days at the most"),
    ],
)
def test_a_limit(until, known) -> None:
    assert pauses.limit(until, proven=True, now=NOW) == Limit(until=known, proven=True)


@pytest.mark.parametrize(
    ("before", "attempt", "after"),
    [
        pytest.param(
            None,
            limited(limit=Limit(until=SOON, proven=True)),
            a_pause(since=NOW, until=SOON, issue=7),
            id="proven, with a time",
        ),
        pytest.param(
            None,
            limited(limit=PROVEN),
            a_pause(since=NOW, until=NOW + minutes(15), issue=7),
            id="proven, without a time: 15 minutes",
        ),
        pytest.param(None, limited(limit=Limit(until=SOON)), None, id="from text alone"),
        pytest.param(None, limited(outcome=Outcome.CHANGES, limit=None), None, id="no limit"),
        pytest.param(
            None,
            limited(outcome=Outcome.WITHDRAWN, limit=PROVEN),
            a_pause(since=NOW, until=NOW + minutes(15), issue=7),
            id="its task was withdrawn, the limit is none the less",
        ),
        pytest.param(
            a_pause(until=SOON),
            limited(limit=Limit(until=LATER, proven=True)),
            a_pause(until=LATER),
            id="one more that was under way knows a later time",
        ),
        pytest.param(
            a_pause(until=LATER),
            limited(limit=Limit(until=SOON, proven=True)),
            a_pause(until=LATER),
            id="one more that was under way knows an earlier time",
        ),
        pytest.param(
            a_pause(until=SOON),
            limited(limit=PROVEN),
            a_pause(until=SOON),
            id="one more that was under way knows no time",
        ),
        pytest.param(
            a_pause(until=ago(5), in_a_row=2, resumed=3, notice="n"),
            limited(limit=PROVEN),
            a_pause(until=NOW + minutes(60), in_a_row=3, notice="n"),
            id="a probe meets it again: the third in a row, an hour",
        ),
        pytest.param(
            a_pause(until=ago(5), in_a_row=9),
            limited(limit=PROVEN),
            a_pause(until=NOW + minutes(360), in_a_row=10),
            id="6 hours at the most",
        ),
        pytest.param(
            a_pause(until=NOW),
            limited(limit=Limit(until=LATER, proven=True)),
            a_pause(until=LATER, in_a_row=2),
            id="again, with a time",
        ),
        pytest.param(
            a_pause(until=NOW - timedelta(days=1), in_a_row=5),
            limited(limit=PROVEN),
            a_pause(since=NOW, until=NOW + minutes(15), issue=7),
            id="a pause of yesterday is forgotten",
        ),
        pytest.param(
            a_pause(until=ago(5)),
            an_attempt(started_at=ago(5), ended_at=NOW),
            None,
            id="the model answers again",
        ),
        pytest.param(
            a_pause(until=ago(5)),
            an_attempt(started_at=ago(5), ended_at=NOW, outcome=Outcome.AGENT_ERROR),
            None,
            id="it answers, though the attempt failed",
        ),
        pytest.param(
            a_pause(until=ago(5)),
            an_attempt(started_at=ago(6), ended_at=NOW),
            a_pause(until=ago(5)),
            id="an attempt of before the reset shows nothing",
        ),
        pytest.param(
            a_pause(until=ago(5)),
            an_attempt(started_at=ago(5), ended_at=NOW, agent="codex"),
            a_pause(until=ago(5)),
            id="another agent's answer shows nothing",
        ),
        *(
            pytest.param(
                a_pause(until=ago(5)),
                an_attempt(started_at=ago(5), ended_at=NOW, outcome=outcome),
                a_pause(until=ago(5)),
                id=f"{outcome} shows nothing",
            )
            for outcome in sorted(pauses.SILENT)
        ),
    ],
)
def test_the_fleet_after_an_attempt(before, attempt, after) -> None:
    given = fleet(claude_code=before) if before else fleet()
    expected = fleet(claude_code=after) if after else fleet()
    assert pauses.ended(given, attempt, 7) == expected


def test_each_claim_after_the_reset_holds_the_next_one_back() -> None:
    one = fleet(claude_code=a_pause(until=NOW))
    assert not pauses.is_open(one, "claude-code", ago(1))
    assert pauses.is_open(one, "claude-code", NOW)
    assert pauses.is_open(one, "codex", ago(1))
    two = pauses.claimed(one, "claude-code", NOW)
    assert not pauses.is_open(two, "claude-code", NOW + minutes(4))
    assert pauses.is_open(two, "claude-code", NOW + minutes(5))
    assert pauses.claimed(two, "codex", NOW) == two
    assert pauses.claimed(two, "codex", NOW + timedelta(days=1)) == fleet()


# ---- whose turn it is ----------------------------------------------------------------------

WITH_SESSION = limited(limit=Limit(until=SOON, proven=True), session="s1")
TEXT = limited(ended_at=ago(5))


@pytest.mark.parametrize(
    ("record", "paused", "agent", "at"),
    [
        pytest.param(None, fleet(), "claude-code", NOW, id="new: the first of the list"),
        pytest.param(
            None, fleet(claude_code=a_pause()), "codex", NOW, id="new: the first that is free"
        ),
        pytest.param(
            None,
            fleet(claude_code=a_pause(until=SOON), codex=a_pause(until=LATER)),
            "claude-code",
            SOON,
            id="all are paused: the earliest",
        ),
        pytest.param(
            None,
            fleet(claude_code=a_pause(until=ago(1), resumed=2), codex=a_pause(until=LATER)),
            "claude-code",
            NOW + minutes(9),
            id="two have gone on since the reset",
        ),
        pytest.param(
            a_record(attempts=(an_attempt(agent="codex"),)),
            fleet(),
            "codex",
            NOW,
            id="under way: the agent that it had",
        ),
        pytest.param(
            a_record(attempts=(an_attempt(agent="aider"),)),
            fleet(),
            "claude-code",
            NOW,
            id="its agent is not in the list any more",
        ),
        pytest.param(
            a_record(attempts=(an_attempt(agent="codex"),)),
            fleet(codex=a_pause()),
            "claude-code",
            NOW,
            id="its agent is paused",
        ),
        pytest.param(
            a_record(attempts=(WITH_SESSION,)),
            fleet(claude_code=a_pause(until=SOON)),
            "claude-code",
            SOON,
            id="a session, and the reset is near: it waits",
        ),
        pytest.param(
            a_record(attempts=(WITH_SESSION,)),
            fleet(claude_code=a_pause(until=NOW + minutes(60), resumed=3)),
            "claude-code",
            NOW + minutes(75),
            id="near is the reset, not its place in the line",
        ),
        pytest.param(
            a_record(attempts=(WITH_SESSION,)),
            fleet(claude_code=a_pause(until=NOW + minutes(61))),
            "codex",
            NOW,
            id="a session, but the reset is far away",
        ),
        pytest.param(
            a_record(attempts=(replace(WITH_SESSION, limit=PROVEN),)),
            fleet(claude_code=a_pause(until=SOON)),
            "codex",
            NOW,
            id="a session, but no reset was named",
        ),
        pytest.param(
            a_record(attempts=(replace(WITH_SESSION, session=None),)),
            fleet(claude_code=a_pause(until=SOON)),
            "codex",
            NOW,
            id="no session",
        ),
        pytest.param(
            a_record(attempts=(WITH_SESSION,)),
            fleet(),
            "claude-code",
            NOW,
            id="the limit was shown to be over",
        ),
        pytest.param(
            a_record(attempts=(TEXT,)), fleet(), "codex", NOW, id="text alone: another at once"
        ),
        pytest.param(
            a_record(attempts=(TEXT,)),
            fleet(codex=a_pause()),
            "claude-code",
            NOW + minutes(10),
            id="text alone: 15 minutes after its end",
        ),
        pytest.param(
            a_record(attempts=(TEXT,)),
            fleet(claude_code=a_pause(until=NOW + minutes(9)), codex=a_pause()),
            "claude-code",
            NOW + minutes(10),
            id="its own wait is longer than the pause",
        ),
        pytest.param(
            a_record(attempts=(replace(TEXT, limit=Limit(until=SOON), session="s1"),)),
            fleet(),
            "claude-code",
            SOON,
            id="text alone, with a time and a session",
        ),
        pytest.param(
            a_record(attempts=(TEXT, limited(agent="codex"))),
            fleet(),
            "claude-code",
            NOW + minutes(10),
            id="both by text: no going to and fro between them",
        ),
        pytest.param(
            a_record(attempts=(TEXT, limited(agent="codex"), TEXT)),
            fleet(codex=a_pause()),
            "claude-code",
            NOW + minutes(25),
            id="the second in a row of this agent: 30 minutes",
        ),
        pytest.param(
            a_record(attempts=(TEXT, an_attempt(ended_at=ago(20)), TEXT)),
            fleet(codex=a_pause()),
            "claude-code",
            NOW + minutes(10),
            id="not in a row",
        ),
    ],
)
def test_turn(record, paused, agent, at) -> None:
    turn = pauses.turn(record, paused, BOTH, NOW)
    assert (turn.agent, turn.at) == (agent, at)


def test_the_line_counts_those_in_front() -> None:
    waits = a_record(issue=7, attempts=(limited(limit=Limit(until=LATER)),))
    paused = fleet(claude_code=a_pause(until=SOON))
    assert pauses.line([None, waits, a_record(), None], paused, POLICY, NOW) == [
        a_turn(),
        a_turn(at=LATER, until=None, place=0),
        a_turn(at=SOON + minutes(5), place=2),
        a_turn(at=SOON + minutes(10), place=3),
    ]


def test_the_line_spreads_over_the_agents() -> None:
    paused = fleet(claude_code=a_pause(until=SOON), codex=a_pause(until=SOON + minutes(2)))
    line = pauses.line([None] * 4, paused, BOTH, NOW)
    assert [(turn.agent, turn.place, turn.at - SOON) for turn in line] == [
        ("claude-code", 1, minutes(0)),
        ("codex", 1, minutes(2)),
        ("claude-code", 2, minutes(5)),
        ("codex", 2, minutes(7)),
    ]

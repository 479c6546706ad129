"""How a run of Claude Code is judged, by excerpts of what 2.1.330 really printed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents import AGENTS, Assignment, Exit, Outcome, Result, Usage
from tests.agents.assignment import MakeAssignment

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
IN_AN_HOUR = NOW + timedelta(hours=1)
CLAUDE = AGENTS["claude-code"]
SESSION = "cb1fbeba-55d8-486c-8b85-1d69caad004d"

Read = Callable[..., Result]


def result(**changes: Any) -> dict[str, Any]:
    """The last record of a good run."""
    model = {"inputTokens": 2000, "outputTokens": 100, "costUSD": 0.01}
    return {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "api_error_status": None,
        "num_turns": 2,
        "stop_reason": "end_turn",
        "terminal_reason": "completed",
        "session_id": SESSION,
        "total_cost_usd": 0.01,
        "result": "DONE",
        "permission_denials": [],
        "usage": {
            "input_tokens": 1600,
            "cache_creation_input_tokens": 300,
            "cache_read_input_tokens": 100,
            "output_tokens": 100,
        },
        "modelUsage": {"claude-opus-5-5": model},
        "model_usage_since_last_result": {"claude-opus-5-5": model},
        **changes,
    }


def failed(status: int | None, text: str, **changes: Any) -> dict[str, Any]:
    """The last record after an error of the API; its subtype is `success` all the same."""
    empty = {"total_cost_usd": 0, "terminal_reason": "api_error"}
    return result(is_error=True, api_error_status=status, result=text, **empty, **changes)


def limit_event(resets: object, status: str = "rejected") -> dict[str, Any]:
    info = {"status": status, "resetsAt": resets, "rateLimitType": "five_hour"}
    return {"type": "rate_limit_event", "rate_limit_info": info, "session_id": SESSION}


INIT = {"type": "system", "subtype": "init", "session_id": SESSION}
ASSISTANT = {"type": "assistant", "message": {"content": []}, "session_id": SESSION}
MAX_TURNS = "Reached maximum number of turns (1)"
EPOCH = int(IN_AN_HOUR.timestamp())


@pytest.fixture
def read(assign: MakeAssignment) -> Read:
    """Judge records (or raw bytes) as a run's output."""

    def read(*records: dict[str, Any] | bytes, code: int = 0, **changes: Any) -> Result:
        lines = (r if isinstance(r, bytes) else json.dumps(r).encode() for r in records)
        values: dict[str, Any] = {"timed_out": False, "stderr": b"", "files": {}}
        values |= {"started": NOW, "ended": NOW}
        session = changes.pop("session", None)
        stdout = b"\n".join(lines) + b"\n"
        end = Exit(code=code, stdout=stdout, **{**values, **changes})
        return CLAUDE.read(assign(session=session, seconds=600), end)

    return read


def test_a_good_run(read: Read) -> None:
    assert read(INIT, ASSISTANT, result()) == Result(
        outcome=Outcome.DONE,
        detail="claude-code finished",
        message="DONE",
        usage=Usage(input_tokens=2000, output_tokens=100, usd=0.01, turns=2),
        session=SESSION,
    )


@pytest.mark.parametrize(
    ("records", "run", "outcome", "detail"),
    [
        pytest.param(
            [result()], {"code": 1}, Outcome.DONE, "finished", id="exit 1 after success: the record"
        ),
        pytest.param(
            [failed(401, "Invalid API key · Fix external API key")],
            {"code": 0},
            Outcome.ERROR,
            "claude-code: Invalid API key",
            id="exit 0 with an error inside",
        ),
        pytest.param(
            [result(is_error=None)], {}, Outcome.ERROR, "claude-code: DONE", id="no word of success"
        ),
        pytest.param(
            [failed(429, "API Error: Request rejected (429) · slow down")],
            {"code": 1},
            Outcome.LIMITED,
            "Request rejected (429) · slow down",
            id="429",
        ),
        pytest.param(
            [failed(529, "API Error: Repeated 529 Overloaded errors.")],
            {"code": 1},
            Outcome.LIMITED,
            "529 Overloaded",
            id="529",
        ),
        pytest.param(
            [failed(500, "API Error: 500 boom.")],
            {"code": 1},
            Outcome.ERROR,
            "500 boom",
            id="500",
        ),
        pytest.param(
            [failed(None, "API Error: Connection lost", api_error="connection_failed")],
            {"code": 1},
            Outcome.ERROR,
            "Connection lost",
            id="no connection",
        ),
        pytest.param(
            [failed(400, "Credit balance is too low")],
            {"code": 1},
            Outcome.ERROR,
            "Credit balance is too low",
            id="no credit: a human's matter, time does not mend it",
        ),
        pytest.param(
            [result(is_error=True, subtype="error_max_turns", result=None, errors=[MAX_TURNS])],
            {"code": 1},
            Outcome.TIMEOUT,
            f"claude-code: {MAX_TURNS}",
            id="turns",
        ),
        pytest.param(
            [result(is_error=True, subtype="error_max_budget_usd", result=None, errors=["($1)"])],
            {"code": 1},
            Outcome.OUT_OF_BUDGET,
            "claude-code: ($1)",
            id="budget",
        ),
        pytest.param(
            [failed(403, "API Error: 403 ao-actions: the budget of this attempt ($2.00) is spent")],
            {"code": 1},
            Outcome.OUT_OF_BUDGET,
            "ao-actions: the budget of this attempt",
            id="the meter's budget",
        ),
        pytest.param(
            [result(is_error=True, subtype="error_during_execution", result=None, errors=[])],
            {"code": 1},
            Outcome.ERROR,
            "claude-code: error_during_execution",
            id="an error with nothing to say",
        ),
        pytest.param(
            [INIT, ASSISTANT],
            {"code": -15, "timed_out": True},
            Outcome.TIMEOUT,
            "stopped at the limit of 600 s",
            id="stopped",
        ),
        pytest.param(
            [INIT, result()],
            {"code": -9, "timed_out": True},
            Outcome.DONE,
            "finished and was then stopped",
            id="stopped after the end",
        ),
        pytest.param(
            [INIT, result(), INIT, ASSISTANT],
            {"code": -9, "timed_out": True},
            Outcome.TIMEOUT,
            "stopped at the limit",
            id="stopped after it went on",
        ),
        pytest.param(
            [INIT, ASSISTANT],
            {"code": 143},
            Outcome.ERROR,
            "ended without a result (exit code 143): it said nothing",
            id="no result",
        ),
        pytest.param(
            [],
            {"code": 1, "stderr": b"--verbose\nError: no\x1b[0m such flag\n"},
            Outcome.ERROR,
            "without a result (exit code 1): Error: no such flag",
            id="only errors",
        ),
        pytest.param(
            [json.dumps(result()).encode()[:-30]],
            {"code": 0},
            Outcome.ERROR,
            "ended without a result (exit code 0)",
            id="a record that is cut",
        ),
        pytest.param(
            [b"Segfault", b'{"a"', b"[1]", b"{" * 5000, b"\xff\xfe", result()],
            {},
            Outcome.DONE,
            "finished",
            id="garbage around a good record",
        ),
        pytest.param(
            [b'{"type":"result","is_error":false,"subtype":"success","total_cost_usd":NaN}'],
            {},
            Outcome.ERROR,
            "ended without a result",
            id="not quite JSON",
        ),
        pytest.param(
            [result(permission_denials=[{"tool_name": "WebFetch"}, {"tool_name": "Write"}])],
            {},
            Outcome.DONE,
            "2 tool calls were not allowed (WebFetch, Write)",
            id="denials",
        ),
    ],
)
def test_verdicts(
    read: Read,
    records: list[dict[str, Any]],
    run: dict[str, Any],
    outcome: Outcome,
    detail: str,
) -> None:
    judged = read(*records, **run)
    assert judged.outcome is outcome
    assert detail in judged.detail


@pytest.mark.parametrize(
    ("records", "until", "proven"),
    [
        pytest.param(
            [limit_event(EPOCH), failed(429, "You've hit your 5-hour limit · resets 7am (UTC)")],
            IN_AN_HOUR,
            True,
            id="the event's epoch before the text's time",
        ),
        pytest.param(
            [limit_event(EPOCH)], IN_AN_HOUR, True, id="the event alone: it was ended as it waited"
        ),
        pytest.param([limit_event(10**14), failed(429, "x")], None, True, id="an epoch of no year"),
        pytest.param([limit_event("soon"), failed(429, "x")], None, True, id="no epoch"),
        pytest.param([limit_event(EPOCH - 7200), failed(429, "x")], None, True, id="a stale epoch"),
        pytest.param(
            [failed(429, "You've hit your weekly limit · resets Nov 24, 3:03pm (UTC)")],
            datetime(2026, 11, 24, 15, 3, tzinfo=UTC),
            True,
            id="a date in the text",
        ),
        pytest.param(
            [failed(429, "You've hit your Opus limit · resets 11:59am (UTC)")],
            datetime(2026, 11, 23, 11, 59, tzinfo=UTC),
            True,
            id="a time of tomorrow",
        ),
        pytest.param(
            [failed(429, "You\u2019ve hit your limit · resets 12pm (UTC)")],
            datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
            True,
            id="noon, now",
        ),
        pytest.param(
            [failed(429, "You've hit your limit · resets Jan 2, 12am (UTC)")],
            None,
            True,
            id="a date beyond any window",
        ),
        pytest.param(
            [failed(429, "You've hit your limit · resets Feb 30, 1am (UTC)")],
            None,
            True,
            id="a date that is none",
        ),
        pytest.param(
            [failed(429, "You're out of extra usage · resets 5pm (America/Los_Angeles)")],
            datetime(2026, 11, 23, 1, 0, tzinfo=UTC),
            True,
            id="another zone",
        ),
        pytest.param(
            [result(result=f"Claude AI usage limit reached|{EPOCH}")],
            IN_AN_HOUR,
            False,
            id="the old sentence as a good answer: only a text",
        ),
        pytest.param(
            [result(result="You've hit your session limit · resets 1pm (UTC)")],
            IN_AN_HOUR,
            False,
            id="the new sentence as a good answer",
        ),
    ],
)
def test_limits(
    read: Read, records: list[dict[str, Any]], until: datetime | None, *, proven: bool
) -> None:
    judged = read(*records, code=1)
    assert (judged.outcome, judged.until, judged.proven) == (Outcome.LIMITED, until, proven)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(
            [result(result="The issue says: You've hit your limit · resets 1pm (UTC)")],
            id="a limit that is only mentioned",
        ),
        pytest.param([limit_event(EPOCH), result()], id="a limit that was got over"),
        pytest.param([limit_event(EPOCH, "allowed_warning"), result()], id="a warning"),
    ],
)
def test_no_limits(read: Read, records: list[dict[str, Any]]) -> None:
    judged = read(*records)
    assert (judged.outcome, judged.until) == (Outcome.DONE, None)


def test_a_resumed_session_costs_what_it_added(read: Read) -> None:
    last = result(total_cost_usd=5.0)
    assert read(last).usage.usd == 5.0
    assert read(last, session=SESSION).usage.usd == 0.01


def test_several_results_add_up(read: Read) -> None:
    judged = read(result(), INIT, result(total_cost_usd=0.02))
    assert judged.usage == Usage(input_tokens=4000, output_tokens=200, usd=0.02, turns=4)


def test_a_record_of_other_types_is_no_use(read: Read) -> None:
    odd = result(
        usage=[1],
        num_turns=True,
        total_cost_usd="1",
        session_id="../../etc",
        result={"a": 1},
        permission_denials={"a": 1},
        model_usage_since_last_result={"m": 3},
    )
    judged = read(odd, session=SESSION)
    assert (judged.usage, judged.session, judged.message) == (Usage(), None, "")


def test_a_report_goes_with_it(read: Read) -> None:
    report = b'{"message": "For the PR", "replies": [{"thread": "T", "body": "B"}]}'
    judged = read(result(), files={"report": report})
    assert (judged.message, judged.replies) == ("For the PR", (("T", "B"),))
    judged = read(result(), files={"report": b"?"})
    assert (judged.message, judged.replies) == ("DONE", ())
    assert judged.detail == "claude-code finished; the report was ignored: it is not JSON"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


UNREAD = Assignment(
    checkout=Path("c"),
    brief=Path("b"),
    scratch=Path("s"),
    model=None,
    command=None,
    seconds=1,
    turns=None,
    max_usd=None,
    environment={},
)


@given(
    changes=st.dictionaries(st.sampled_from(sorted(result())), ANY_JSON),
    timed_out=st.booleans(),
)
def test_any_record_is_judged(changes: dict[str, Any], *, timed_out: bool) -> None:
    raw = json.dumps({**result(), **changes, "type": "result"}).encode()
    end = Exit(code=0, timed_out=timed_out, stdout=raw, stderr=b"", started=NOW, ended=NOW)
    assert isinstance(CLAUDE.read(UNREAD, end), Result)


def test_its_command_line(assign: MakeAssignment) -> None:
    assignment = assign(model="opus", turns=30, max_usd=2.5, session=SESSION)
    argv = CLAUDE.argv(assignment, ("/cache/claude",))
    assert argv[:2] == ["/cache/claude", "-p"]
    assert argv[-4:] == [
        "--model=opus",
        "--max-turns=30",
        "--max-budget-usd=2.5",
        f"--resume={SESSION}",
    ]
    assert not [word for word in CLAUDE.argv(assign(), ("c",)) if "=" in word]

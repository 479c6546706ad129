"""Records survive the ledger; what does not fit is refused by name."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.core import codec
from ao_actions.core.model import (
    Attempt,
    Claim,
    Fleet,
    Limit,
    Outcome,
    Pause,
    Phase,
    Reply,
    Spent,
    Stop,
    TaskRecord,
)
from tests.builders import NOW, a_claim, a_record

TIMES = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WORDS = st.lists(TEXT, max_size=3).map(tuple)
SPENT = st.builds(
    Spent,
    usd=st.floats(0, 1e6, allow_nan=False),
    tokens=st.integers(0, 10**12),
    seconds=st.integers(0, 10**9),
)
CLAIMS = st.builds(
    Claim,
    run_id=st.none() | st.integers(1),
    reason=st.sampled_from(Phase),
    agent=TEXT,
    claimed_at=TIMES,
    expires_at=TIMES,
    head=TEXT,
    base=TEXT,
    items=WORDS,
    reserved=SPENT,
    reruns=st.integers(0, 2),
)
ATTEMPTS = st.builds(
    Attempt,
    epoch=st.integers(1),
    round=st.integers(1),
    reason=st.sampled_from(Phase),
    agent=TEXT,
    outcome=st.sampled_from(Outcome),
    detail=TEXT,
    head=st.none() | TEXT,
    run_id=st.none() | st.integers(1),
    started_at=TIMES,
    ended_at=TIMES,
    spent=SPENT,
    limit=st.none() | st.builds(Limit, until=st.none() | TIMES, proven=st.booleans()),
    session=st.none() | TEXT,
)
PAUSES = st.builds(
    Pause,
    since=TIMES,
    until=TIMES,
    issue=st.none() | st.integers(1),
    in_a_row=st.integers(1),
    resumed=st.integers(0),
    notice=st.none() | TEXT,
)
RECORDS = st.builds(
    TaskRecord,
    issue=st.integers(1),
    epoch=st.integers(0),
    claim=st.none() | CLAIMS,
    branch=TEXT,
    pull=st.none() | st.integers(1),
    attempts=st.lists(ATTEMPTS, max_size=3).map(tuple),
    handled=WORDS,
    spent=SPENT,
    owner=TEXT,
    round=st.integers(1),
    published=WORDS,
    wip=WORDS,
    owed=st.lists(st.builds(Reply, thread=TEXT, item=TEXT, body=TEXT), max_size=2).map(tuple),
    stop=st.none() | st.builds(Stop, reason=TEXT, ask=TEXT, at=TIMES, url=TEXT),
    status_comment=st.none() | TEXT,
    created_at=TIMES,
    finished=st.none() | st.sampled_from(Phase),
    finished_at=st.none() | TIMES,
)


@given(RECORDS)
def test_records_survive(record: TaskRecord) -> None:
    written = json.dumps(codec.encode(record))
    assert codec.decode(TaskRecord, json.loads(written)) == record


@given(st.builds(Fleet, epoch=st.integers(0), paused=st.dictionaries(TEXT, PAUSES, max_size=3)))
def test_the_fleet_survives(fleet: Fleet) -> None:
    written = json.dumps(codec.encode(fleet))
    assert codec.decode(Fleet, json.loads(written)) == fleet


def test_json_is_what_a_reader_expects() -> None:
    record = a_record(claim=a_claim(items=("review:9",)), finished_at=NOW)
    value = codec.encode(record)
    assert value["finished_at"] == "2026-01-05T12:00:00Z"
    assert value["claim"]["reason"] == "queued"
    assert value["claim"]["items"] == ["review:9"]
    assert value["stop"] is None


def test_a_record_of_an_older_version_takes_the_defaults() -> None:
    old = {"issue": 42, "branch": "ao/42", "owner": "ann", "created_at": "2026-01-05T12:00:00Z"}
    assert codec.decode(TaskRecord, old).round == 1


def changed(**values: Any) -> dict[str, Any]:
    return {**codec.encode(a_record(claim=a_claim())), **values}


def with_claim(**values: Any) -> dict[str, Any]:
    return changed(claim={**codec.encode(a_claim()), **values})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param([], "TaskRecord: an object is wanted", id="not an object"),
        pytest.param(changed(colour="red"), "TaskRecord.colour: unknown key", id="unknown key"),
        pytest.param({"issue": 1}, "TaskRecord.branch: missing", id="missing key"),
        pytest.param(changed(issue="42"), "TaskRecord.issue: int is wanted, not str", id="type"),
        pytest.param(changed(issue=True), "TaskRecord.issue: int is wanted, not bool", id="bool"),
        pytest.param(changed(issue=4.0), "TaskRecord.issue: int is wanted, not float", id="float"),
        pytest.param(
            changed(branch=None), "TaskRecord.branch: str is wanted, not NoneType", id="null"
        ),
        pytest.param(
            changed(branch="\ud800"), "TaskRecord.branch: the text is not Unicode", id="half"
        ),
        pytest.param(changed(handled="x"), "TaskRecord.handled: a list is wanted", id="no list"),
        pytest.param(
            changed(handled=["x", 1]), "TaskRecord.handled[1]: str is wanted, not int", id="item"
        ),
        pytest.param(with_claim(colour=1), "TaskRecord.claim.colour: unknown key", id="deep"),
        pytest.param(
            with_claim(reason="bored"),
            "TaskRecord.claim.reason: 'bored' is none of its values",
            id="enum",
        ),
        pytest.param(
            with_claim(reason=[]),
            "TaskRecord.claim.reason: [] is none of its values",
            id="enum type",
        ),
        pytest.param(
            changed(created_at="soon"), "TaskRecord.created_at: a time is wanted", id="no time"
        ),
        pytest.param(
            changed(created_at=5), "TaskRecord.created_at: a time is wanted", id="time as a number"
        ),
        pytest.param(
            changed(created_at="2026-01-05T12:00:00"),
            "TaskRecord.created_at: the time has no zone",
            id="zone",
        ),
        pytest.param(
            changed(created_at="0001-01-01T00:00:00+23:00"),
            "TaskRecord.created_at: the time is out of range",
            id="range",
        ),
        pytest.param(
            changed(spent={"usd": float("nan")}),
            "TaskRecord.spent.usd: a finite number is wanted",
            id="NaN",
        ),
        pytest.param(
            changed(spent={"usd": float("inf")}),
            "TaskRecord.spent.usd: a finite number is wanted",
            id="inf",
        ),
        pytest.param(
            changed(spent={"usd": 10**400}),
            "TaskRecord.spent.usd: a finite number is wanted",
            id="huge",
        ),
        pytest.param(
            changed(spent={"usd": "1"}),
            "TaskRecord.spent.usd: float is wanted, not str",
            id="money as text",
        ),
        pytest.param(
            changed(spent={"usd": True}),
            "TaskRecord.spent.usd: float is wanted, not bool",
            id="money as bool",
        ),
    ],
)
def test_what_does_not_fit_is_named(value: Any, message: str) -> None:
    with pytest.raises(codec.DecodeError) as error:
        codec.decode(TaskRecord, value)
    assert str(error.value) == message


def test_a_map_that_is_none() -> None:
    with pytest.raises(codec.DecodeError, match=r"Fleet\.paused: an object is wanted"):
        codec.decode(Fleet, {"paused": ["claude-code"]})


def test_whole_dollars_are_money() -> None:
    assert codec.decode(Spent, {"usd": 3}) == Spent(usd=3.0)

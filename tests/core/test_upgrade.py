"""Files of an older schema, read as this version would have written them."""

from typing import Any

import pytest

from ao_actions.core import codec
from ao_actions.core.model import SCHEMA, Fleet, Limit, Outcome, Pause, TaskRecord
from ao_actions.core.upgrade import upgraded
from tests.builders import NOW, a_record, an_attempt

THEN = "2026-01-05T12:00:00Z"
TRIED = (an_attempt(), an_attempt(outcome=Outcome.LIMITED))


def old(**changes: Any) -> dict[str, Any]:
    """A record of schema 1."""
    value = codec.encode(a_record(attempts=TRIED)) | {"schema": 1, "not_before": None}
    del value["wip"]
    for attempt in value["attempts"]:
        del attempt["limit"], attempt["session"]
    return value | changes


def test_an_old_fleet() -> None:
    value = {"schema": 1, "epoch": 7, "paused": {"codex": THEN}}
    paused = {"codex": Pause(since=NOW, until=NOW)}
    assert codec.decode(Fleet, upgraded(value)) == Fleet(epoch=7, paused=paused)


@pytest.mark.parametrize(
    ("not_before", "limit"),
    [
        pytest.param(None, None, id="nothing to wait for"),
        pytest.param(THEN, Limit(until=NOW), id="not before a time"),
    ],
)
def test_an_old_record(not_before, limit) -> None:
    record = codec.decode(TaskRecord, upgraded(old(not_before=not_before)))
    assert record.schema == SCHEMA
    assert [attempt.limit for attempt in record.attempts] == [None, limit]


@pytest.mark.parametrize("value", [{"schema": SCHEMA, "epoch": 1}, {"epoch": 1}])
def test_a_file_of_this_schema_is_left_alone(value) -> None:
    assert upgraded(value) is value


@pytest.mark.parametrize("attempts", ["x", [], ["x"]])
def test_damage_is_left_for_the_decoder(attempts) -> None:
    assert upgraded(old(not_before=THEN, attempts=attempts))["attempts"] == attempts
    assert upgraded({"schema": 1, "paused": []})["paused"] == []

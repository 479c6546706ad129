"""`outcome.json` is read strictly: an agent may have written it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ao_actions.core.model import Outcome, Spent
from ao_actions.work import handoff
from ao_actions.work.handoff import Handoff, TaintedError, ThreadReply, Verification


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = Handoff(
        outcome=Outcome.CHANGES,
        message="Done \u2192 ünïcode",
        spent=Spent(usd=0.5, tokens=10, seconds=3),
        replies=(ThreadReply(thread="T1", body="Yes."),),
        verified=(Verification(command="make", passed=True),),
    )
    handoff.write(tmp_path / "h", made)
    assert handoff.read(tmp_path / "h") == made


def test_nothing_is_nothing(tmp_path: Path) -> None:
    assert handoff.read(tmp_path) is None
    assert handoff.bundle(tmp_path) is None


GOOD: dict[str, Any] = {"schema": 1, "outcome": "changes"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        pytest.param({"outcome": "done"}, "outcome", id="no such outcome"),
        pytest.param({"outcome": "superseded"}, "outcome", id="not an agent's to say"),
        pytest.param({"outcome": "withdrawn"}, "outcome", id="a human's to say"),
        pytest.param({"schema": 2}, "schema 2", id="another schema"),
        pytest.param({"session": "../x"}, "a session's name", id="a session that is a path"),
        pytest.param({"session": ""}, "a session's name", id="a session without a name"),
        pytest.param({"session": "s\n"}, "a session's name", id="a session of two lines"),
        pytest.param({"session": "s" * 101}, "a session's name", id="a session's long name"),
        pytest.param({"epoch": 7}, "unknown key", id="it may not say who it is"),
        pytest.param({"spent": {"usd": -1}}, "cost", id="money back"),
        pytest.param({"spent": {"usd": 1e300}}, "cost", id="all the money"),
        pytest.param({"replies": [{"thread": 1, "body": ""}]}, "thread", id="a wrong type"),
        pytest.param({"until": "tomorrow"}, "time", id="no time"),
        pytest.param({"until": "2026-01-05T12:00:00"}, "zone", id="a time of no place"),
        pytest.param({"until": "0001-01-01T00:00:00+23:00"}, "range", id="before time began"),
        pytest.param({"spent": {"usd": float("nan")}}, "finite", id="no sum would ever end"),
        pytest.param({"spent": {"usd": float("-inf")}}, "finite", id="endless money back"),
        pytest.param({"spent": {"usd": 10**400}}, "finite", id="more than a float holds"),
        pytest.param({"spent": {"tokens": 10**4000}}, "cost", id="more than JSON may print"),
        pytest.param({"spent": {"seconds": -1}}, "cost", id="time back"),
        pytest.param({"message": "a\ud800"}, "Unicode", id="half a character"),
        pytest.param({"proven": 1}, "bool", id="a number is no yes"),
    ],
)
def test_what_is_refused(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    (tmp_path / handoff.OUTCOME).write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(TaintedError, match=word):
        handoff.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / handoff.OUTCOME).write_bytes(content)
    with pytest.raises(TaintedError):
        handoff.read(tmp_path)


def test_too_large_and_not_a_file(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.mkdir()
    (big / handoff.OUTCOME).write_bytes(b" " * (handoff.OUTCOME_LIMIT + 1))
    link = tmp_path / "link"
    link.mkdir()
    (link / handoff.OUTCOME).symlink_to("/etc/passwd")
    (link / handoff.BUNDLE).symlink_to("/etc/passwd")
    for folder in (big, link):
        with pytest.raises(TaintedError, match="is not a file of at most"):
            handoff.read(folder)
    with pytest.raises(TaintedError, match="is not a file of at most"):
        handoff.bundle(link)

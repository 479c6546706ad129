"""The report is read strictly: all of it, or none of it with a reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents.base import DETAIL_LIMIT, MESSAGE_LIMIT, message, sentence
from ao_actions.agents.report import Report, read_report

REPLY = {"thread": "PRRT_1", "body": "Done."}


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ([], "it must be an object"),
        ({"mesage": "x"}, "it has an unknown key 'mesage'"),
        ({"message": 1}, "message must be a string"),
        ({"replies": {}}, "replies must be a list"),
        ({"replies": [REPLY] * 101}, "replies must be a list of at most 100"),
        ({"replies": ["x"]}, "a reply must be an object"),
        ({"replies": [{**REPLY, "id": 1}]}, "a reply has an unknown key 'id'"),
        ({"replies": [{"thread": "PRRT_1"}]}, "body must be a string"),
        ({"replies": [{**REPLY, "thread": ""}]}, "a reply needs a thread id"),
        ({"replies": [{**REPLY, "thread": "a\nb"}]}, "a reply needs a thread id"),
        ({"replies": [{**REPLY, "body": " \x00 "}]}, "a reply needs a thread id"),
        ({"usage": []}, "usage must be an object"),
        ({"usage": {"usd": -1}}, "usage.usd must be a number"),
        ({"usage": {"usd": True}}, "usage.usd must be a number"),
        ({"usage": {"usd": float("nan")}}, "usage.usd must be a number"),
        ({"usage": {"usd": 10**400}}, "usage.usd must be a number"),
        ({"usage": {"turns": 1.5}}, "usage.turns must be a whole number"),
        ({"usage": {"input_tokens": True}}, "usage.input_tokens must be a whole number"),
    ],
)
def test_broken(data: object, note: str) -> None:
    report = read_report(json.dumps(data).encode())
    assert report.note.startswith(f"the report was ignored: {note}")
    assert report == Report(note=report.note)


def test_no_report_is_no_fault() -> None:
    assert read_report(None) == Report()
    assert read_report(b"{}") == Report()


def test_a_deep_nest_is_not_json() -> None:
    assert "not JSON" in read_report(b"[" * 100_000).note


@given(st.binary(max_size=200))
def test_any_bytes_are_read(raw: bytes) -> None:
    read_report(raw)


@given(st.text(max_size=400))
def test_shown_text_is_bounded_and_plain(text: str) -> None:
    for shown, limit in ((sentence(text * 9), DETAIL_LIMIT), (message(text * 99), MESSAGE_LIMIT)):
        assert len(shown.encode()) <= limit * 4
        assert not set(shown) & {"\x00", "\x1b", "\x7f", "\x9b", "\r", "\u202e"}
        shown.encode()
    assert "\n" not in sentence(text)
    assert len(message(text * 99).encode()) <= MESSAGE_LIMIT

"""Usage is read out of every protocol's answers, however their bytes are cut into pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.meter import Tokens, protocols
from ao_actions.meter.reading import Reading
from ao_actions.meter.sse import Events
from tests.meter.samples import CHAT_WORDS, CLAUDE_START, CLAUDE_WORDS, SAMPLES, Sample


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(body) + 1) for cut in cuts})
    ends = [*places, len(body)]
    return [body[start:end] for start, end in zip([0, *places], ends, strict=True)]


def read(path: str, chunks: list[bytes], *, streamed: bool) -> Reading:
    protocol = protocols.of("POST", path.encode())
    assert protocol is not None
    reading = Reading(protocol, streamed=streamed)
    for chunk in chunks:
        reading.feed(chunk)
    reading.end()
    return reading


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
@given(cuts=st.lists(st.integers(0, 5000), max_size=30))
def test_usage_is_the_same_in_any_pieces(sample: Sample, cuts: list[int]) -> None:
    reading = read(sample.path, pieces(sample.body, cuts), streamed=sample.streamed)
    assert (reading.model, reading.tokens) == (sample.model, sample.tokens)
    assert reading.failure is None


def test_a_stream_that_is_cut_tells_what_it_told() -> None:
    reading = read("/v1/messages", [CLAUDE_START, CLAUDE_WORDS], streamed=True)
    assert reading.tokens == Tokens(input=2700, cached=400, written=200, written_hour=100, output=1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        CHAT_WORDS,  # no usage was asked for
        b"data: [DONE]\n\n",
        b'data: {"usage": "much"}\n\n',
        b'data: {"usage": \n\n',
        b'data: "usage"\n\n',
        b"data: " + b'{"usage":' * 100_000 + b"\n\n",
    ],
)
def test_nothing_told_is_none(body: bytes) -> None:
    assert read("/v1/chat/completions", [body], streamed=True).tokens is None


@pytest.mark.parametrize("count", [-5, 1.5, "9", None, True, {}])
def test_what_is_no_count_is_nought(count: object) -> None:
    body = json.dumps({"usage": {"prompt_tokens": count, "completion_tokens": 7}}).encode()
    reading = read("/v1/chat/completions", [body], streamed=False)
    assert reading.tokens == Tokens(output=7)


def test_an_error_in_a_stream_is_kept() -> None:
    event = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n'
    reading = read("/v1/messages", [CLAUDE_START, event], streamed=True)
    assert reading.failure == {"type": "error", "error": {"type": "overloaded_error"}}


@pytest.mark.parametrize(
    ("path", "protocol"),
    [
        ("/v1/messages", protocols.ANTHROPIC),
        ("/anthropic/v1/messages", protocols.ANTHROPIC),
        ("/v1/messages/count_tokens", None),
        ("/v1/messages/batches", None),
        ("/v1/chat/completions", protocols.CHAT),
        ("/chat/completions", protocols.CHAT),
        ("/v1/responses", protocols.RESPONSES),
        ("/v1/responses/resp_1/cancel", None),
        ("/v1/models", None),
        ("/v1/mess%61ges", protocols.ANTHROPIC),
        ("//V1//Messages//", protocols.ANTHROPIC),
        ("/v1beta/models/gemini-3.1-pro:generateContent", protocols.GEMINI),
        ("/v1beta/models/gemini-3.1-pro:streamGenerateContent", protocols.GEMINI),
        ("/v1beta/models/gemini-3.1-pro:countTokens", None),
    ],
)
def test_the_protocol_of_a_path(path: str, protocol: protocols.Protocol | None) -> None:
    assert protocols.of("POST", path.encode()) is protocol
    assert protocols.of("GET", path.encode()) is None


# ---- server-sent events --------------------------------------------------------------------


ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
FIELDS = st.sampled_from([b"data: a", b"data:b", b"data:", b"event: e", b": note", b"id", b""])


@given(
    lines=st.lists(FIELDS, max_size=20), end=ENDS, cuts=st.lists(st.integers(0, 300), max_size=20)
)
def test_events_are_the_same_in_any_pieces(lines: list[bytes], end: bytes, cuts: list[int]) -> None:
    body = end.join([*lines, b"", b"data: last", b"", b"x"])
    whole = Events().feed(body)
    events = Events()
    assert [data for chunk in pieces(body, cuts) for data in events.feed(chunk)] == whole
    assert whole[-1] == b"last"


def test_lines_of_one_event_are_joined() -> None:
    assert Events().feed(b"data: a\nevent: e\ndata: b\n\n\ndata:  c\n\n") == [b"a\nb", b" c"]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_too_large_is_lost_and_the_next_is_not(size: int) -> None:
    body = b"data: " + b"x" * 2000 + b"\ndata: y\n\ndata: z\n\n"
    events = Events(limit=100)
    chunks = [body[place : place + size] for place in range(0, len(body), size)]
    assert [data for chunk in chunks for data in events.feed(chunk)] == [b"z"]

"""What programs and providers say: results of agents, reports, limits, the meter's answers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from ao_actions.agents import AGENTS, Exit, Outcome, base, resets
from ao_actions.agents.report import read_report
from ao_actions.meter import limits, prices, protocols
from ao_actions.meter.book import Book
from ao_actions.meter.proxy import Proxy
from ao_actions.meter.reading import Reading, is_error
from ao_actions.meter.sse import Events
from tests.agents import (
    test_aider,
    test_claude_code,
    test_codex,
    test_copilot,
    test_cursor,
    test_gemini,
    test_kimi,
    test_opencode,
)
from tests.agents.judging import ASSIGNED, NOW, SESSION, endpoint, lines
from tests.fuzz.mutation import raw, texts, values
from tests.fuzz.target import target
from tests.meter.samples import SAMPLES

REPORT = {
    "message": "Done.",
    "replies": [{"thread": "T1", "body": "Did it."}],
    "usage": {"input_tokens": 10, "output_tokens": 2, "usd": 0.5, "turns": 1},
}
SENTENCES = (
    "You've hit your limit · resets 3pm (Europe/Berlin)",
    "You\u2019ve hit your usage limit. Try again at Nov 24th, 2026 1:05 PM.",
    "try again in 1h 20m 3.5s", "resets in 3 days and 4 hours",
    "Claude AI usage limit reached|1795352400",
    "resets Monday, 9am (UTC)",
    "available again on 2026-11-22T13:00:00+01:00", "retry at 15:30 GMT",
    '{"error": {"resets_at": 1795352400}}',
)  # fmt: skip
# An agent to its records on standard output, on standard error, and in the files that it keeps.
RUNS: dict[str, tuple[Sequence[Any], Sequence[Any], dict[str, Sequence[Any]]]] = {
    "aider": (
        (b"Traceback", b"ValueError: surprise"),
        (
            test_aider.ASKED, test_aider.LIMIT, test_aider.answered(test_aider.EDIT),
            test_aider.error(401, "no"), test_aider.END, test_aider.MORE,
        ),
        {},
    ),
    "claude-code": (
        (
            test_claude_code.INIT, test_claude_code.ASSISTANT, test_claude_code.result(),
            test_claude_code.limit_event(1795352400), test_claude_code.failed(429, SENTENCES[0]),
        ),
        (b"No conversation found with session ID",),
        {},
    ),
    "codex": (
        (
            test_codex.STARTED, test_codex.BEGUN, test_codex.said("DONE"), test_codex.completed(),
            test_codex.failed(test_codex.HIT),
        ),
        (),
        {
            "rollout": (
                test_codex.TASK, test_codex.OURS, test_codex.used(10, 5),
                test_codex.windows(test_codex.window(100, 1795352400)),
                test_codex.ended("usage_limit_exceeded"),
            )
        },
    ),
    "copilot": (
        (
            test_copilot.BEGUN, test_copilot.TURN, test_copilot.CALL, test_copilot.ANSWER,
            test_copilot.failure(429, "no more"), test_copilot.error("rate_limit", "no more"),
            test_copilot.result(),
        ),
        (b"Error: No authentication information found.",),
        {"events": (test_copilot.START, test_copilot.used(10, 5), test_copilot.RESUME)},
    ),
    "cursor": ((test_cursor.INIT, test_cursor.RESULT), (test_cursor.LIMIT.encode(),), {}),
    "gemini": (
        (
            test_gemini.INIT, test_gemini.TOLD, test_gemini.said("DONE"), test_gemini.USE,
            test_gemini.USED, test_gemini.api_error(429, test_gemini.QUOTA), test_gemini.result(),
        ),
        (b"When using Gemini API, you must set GEMINI_API_KEY",),
        {},
    ),
    "kimi": (
        (
            test_kimi.VERSION, test_kimi.CALL, test_kimi.TOOL, test_kimi.retrying(429, "quota"),
            test_kimi.DONE, test_kimi.HINT,
        ),
        (test_kimi.error("provider.rate_limit: 429 try again in 5 m"),),
        {"wire": (test_kimi.PROMPT, test_kimi.RECORD, test_kimi.RECORD)},
    ),
    "opencode": (
        (
            test_opencode.BEGUN, test_opencode.text("DONE"), test_opencode.TOOL,
            test_opencode.error(429, "no", responseBody=test_opencode.body(code="x")),
            test_opencode.step(),
        ),
        (test_opencode.log("rate limit"),),
        {},
    ),
    "command": ((b"edited",), (b"no key",), {}),
}  # fmt: skip


def records(sample: Sequence[Any]) -> st.SearchStrategy[bytes]:
    """A stream of records: some spoilt as JSON, all of it as bytes."""
    whole = lines(sample)
    each = [
        values(r).map(json.dumps).map(str.encode) if isinstance(r, dict) else st.just(r)
        for r in sample
    ]
    some = st.lists(st.one_of(*each), max_size=8).map(lines) if each else st.just(b"")
    return st.one_of(raw(whole), some, some)


def _judged(name: str) -> None:
    agent = AGENTS[name]
    stdout, stderr, kept = RUNS[name]
    report = raw(json.dumps(REPORT).encode()) | values(REPORT).map(lambda v: json.dumps(v).encode())
    files = {evidence: records(sample) for evidence, sample in kept.items()}
    runs = st.tuples(
        records(stdout),
        records(stderr),
        st.fixed_dictionaries({}, optional={**files, "report": report}),
        st.sampled_from((0, 1, 53, 75, -9)),
        st.booleans(),
        st.sampled_from((None, SESSION)),
    )

    @target(f"agent: {name}", runs)
    def _read(example: tuple[bytes, bytes, dict[str, bytes], int, bool, str | None]) -> None:
        out, err, found, code, late, session = example
        assigned = replace(ASSIGNED, session=session, endpoint=endpoint("OPENAI_API_KEY", "openai"))
        ended = Exit(
            code=code, timed_out=late, stdout=out, stderr=err, started=NOW, ended=NOW, files=found
        )
        result = agent.read(assigned, ended)
        assert isinstance(result.outcome, Outcome)
        assert len(result.detail) <= 2 * base.DETAIL_LIMIT
        assert result.detail.isprintable()
        assert len(result.message.encode()) <= base.MESSAGE_LIMIT
        assert result.session is None or re.fullmatch(r"[A-Za-z0-9_-]{1,100}", result.session)
        assert result.until is None or NOW < result.until <= NOW + resets.LONGEST
        for figure in (result.usage.input_tokens, result.usage.output_tokens, result.usage.usd):
            assert figure is None or 0 <= figure < 10**17


for _name in sorted(RUNS):
    _judged(_name)
assert set(RUNS) == set(AGENTS)


@target(
    "agent: report",
    raw(json.dumps(REPORT).encode()) | values(REPORT).map(lambda v: json.dumps(v).encode()),
)
def _report(content: bytes) -> None:
    report = read_report(content)
    assert len(report.note) < 500
    assert len(report.message or "") <= base.MESSAGE_LIMIT
    for thread, body in report.replies:
        assert thread.isprintable()
        assert 0 < len(body.encode()) <= base.MESSAGE_LIMIT


@target("agent: words", texts(*SENTENCES, "\x1b]0;title\x07red\x1b[0m\r\n"))
def _printable(given: str) -> None:
    shown = base.printable(given)
    assert base.printable(shown) == shown
    assert len(base.sentence(given)) <= base.DETAIL_LIMIT
    assert len(base.message(given).encode()) <= base.MESSAGE_LIMIT
    base.last_line(given.encode("utf-8", "surrogatepass"))


@target("limit: in words", texts(*SENTENCES))
def _resets(given: str) -> None:
    for until in (
        resets.in_text(given, NOW),
        resets.in_answer(
            {"retry-after": given, "anthropic-ratelimit-unified-reset": given}, given, NOW
        ),
    ):
        assert until is None or NOW < until <= NOW + timedelta(days=32)


HEADERS = {
    "retry-after": "Sun, 22 Nov 2026 13:00:00 GMT",
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-reset": "1795352400", "x-codex-primary-used-percent": "100",
    "x-codex-primary-reset-at": "1795352400", "x-codex-secondary-reset-after-seconds": "60",
}  # fmt: skip
ERRORS = (
    {"type": "error", "error": {"type": "rate_limit_error", "message": "no"}},
    {"error": {"code": "usage_limit_reached", "resets_at": 1795352400, "resets_in_seconds": 60}},
    [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"},
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure",
         "violations": [{"quotaId": "PerDay"}]},
    ]}}],
    {"response": {"error": {"code": "rate_limit_exceeded"}}},
)  # fmt: skip
_header = st.fixed_dictionaries(
    {}, optional={name: texts(value) for name, value in HEADERS.items()}
)


@target(
    "limit: in answers",
    st.tuples(st.sampled_from((200, 402, 403, 429, 503, 529)), _header, values(*ERRORS)),
)
def _limits(example: tuple[int, dict[str, str], Any]) -> None:
    status, headers, body = example
    limit = limits.read("openai", status, headers, body, NOW)
    if limit is not None:
        assert limit.until is None or limit.until > NOW
        assert len(limit.detail) < 300
        limits.is_long(limit, NOW)


_cuts = st.lists(st.integers(0, 5000), max_size=20)


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(body) + 1) for cut in cuts})
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]


def _metered(name: str, paths: list[str], bodies: list[bytes]) -> None:
    @target(f"meter: {name}", st.tuples(st.sampled_from(paths), raw(*bodies), _cuts, st.booleans()))
    def _read(example: tuple[str, bytes, list[int], bool]) -> None:
        path, body, cuts, streamed = example
        protocol = protocols.of("POST", path.encode())
        assert protocol is not None
        told = []
        for chunks in ([body], pieces(body, cuts)):
            reading = Reading(protocol, streamed=streamed)
            for chunk in chunks:
                reading.feed(chunk)
            reading.end()
            told.append((reading.model, reading.tokens, repr(reading.failure)))
        assert told[0] == told[1]
        tokens = told[0][1]
        assert (
            tokens is None or min(tokens.input, tokens.output, tokens.written, tokens.cached) >= 0
        )


for _provider in sorted({sample.provider for sample in SAMPLES}):
    _theirs = [sample for sample in SAMPLES if sample.provider == _provider]
    _metered(_provider, [s.path for s in _theirs], [s.body for s in _theirs])


@target(
    "meter: events",
    st.tuples(raw(*(s.body for s in SAMPLES if s.streamed)), _cuts, st.integers(1, 400)),
)
def _events(example: tuple[bytes, list[int], int]) -> None:
    body, cuts, limit = example
    cut = Events(limit)
    found = [data for chunk in pieces(body, cuts) for data in cut.feed(chunk)]
    assert all(len(data) <= limit for data in found)
    whole = Events(limit=10**9)
    assert found == whole.feed(body) or len(body) > limit


@target("meter: errors", values(*ERRORS))
def _errors(value: Any) -> None:
    assert is_error(value) in (True, False)
    for protocol in protocols.PROTOCOLS:
        assert all(isinstance(usage, dict) for _, usage in protocol.seen(value))


@cache
def _proxy() -> Proxy:
    """One for all: it forwards nothing, so it opens no connection."""
    from ao_actions.meter.settings import Upstream

    upstream = Upstream(
        name="openai", url="http://127.0.0.1:1", header="authorization", key="key-of-a-test"
    )
    return Proxy(
        (upstream,),
        dummy="dummy-key",
        book=Book(prices.listed(), 1.0),
        log=lambda _: None,
        close=lambda: None,
    )


PATHS = (
    "/openai/v1/chat/completions",
    "/openai/../_meter/account",
    "/_meter/account",
    "/openai/v1/%2e%2e/x",
)
REQUESTS = st.tuples(
    st.sampled_from(("GET", "POST", "HEAD", "DELETE", "\u00e9")),
    raw(*(path.encode() for path in PATHS)),
    raw(b"key=dummy-ke", b"a=b&key=%ff"),
    st.lists(st.tuples(
        st.sampled_from((b"authorization", b"x-api-key", b"x-goog-api-key", b"content-length")),
        raw(b"Bearer dummy-ke", b"12"),
    ), max_size=3),
)  # fmt: skip


@target("meter: requests", REQUESTS)
def _requests(example: tuple[str, bytes, bytes, list[tuple[bytes, bytes]]]) -> None:
    """Without its key the meter answers, and forwards nothing."""
    method, path, query, headers = example
    if b"dummy-key" in query or any(b"dummy-key" in value for _, value in headers):
        return
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def exchange() -> None:
        scope = {
            "type": "http",
            "method": method,
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "headers": headers,
        }
        await _proxy()(scope, receive, send)

    asyncio.run(exchange())
    assert sent[0]["status"] in (400, 401, 404, 413)

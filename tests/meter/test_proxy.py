"""Through the meter, agent and provider see what they would see without it."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ao_actions.meter import Account, LimitKind, Meter
from tests.meter.conftest import HEADERS, KEY, Client, Started
from tests.meter.provider import EVENTS, JSON, Asked, Provider, Reply
from tests.meter.samples import (
    CHAT_WORDS,
    CLAUDE_END,
    CLAUDE_START,
    CLAUDE_WHOLE,
    CLAUDE_WORDS,
    SAMPLES,
    Sample,
)

MESSAGES = ("anthropic", "/v1/messages")
STREAM = (EVENTS, (b"request-id", b"req_1"))
WHOLE = Reply([CLAUDE_WHOLE])
ASKS = {
    "anthropic": "/v1/messages",
    "openai": "/v1/responses",
    "moonshot": "/v1/chat/completions",
    "gemini": "/v1beta/models/gemini-2.5-pro:generateContent",
}


def always(reply: Reply) -> Callable[[Asked], Reply]:
    return lambda asked: reply


def failing(status: int, *headers: tuple[bytes, bytes], body: Any = None) -> Reply:
    return Reply([json.dumps(body or {}).encode()], status=status, headers=(JSON, *headers))


def message(answer: httpx.Response) -> str:
    """The text of an error, where the clients of every protocol look for it."""
    return str(answer.json()["error"]["message"])


# ---- unchanged -----------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_an_answer_is_passed_byte_by_byte_and_counted(sample: Sample, start: Started) -> None:
    half = len(sample.body) // 2
    headers = ((b"content-type", sample.content_type), (b"x-ratelimit-remaining", b"7"))
    reply = Reply([sample.body[:half], sample.body[half:]], headers=headers)
    with Provider(always(reply)) as provider, Client(start(provider)) as client:
        answer = client.ask(sample.provider, sample.path, content=b'{"a": 1}')
        account = client.meter.account()
    assert (answer.status_code, answer.content) == (200, sample.body)
    assert answer.headers["content-type"] == sample.content_type.decode()
    assert answer.headers["x-ratelimit-remaining"] == "7"
    assert account == Account(
        requests=1,
        input_tokens=sample.tokens.input,
        cached_tokens=sample.tokens.cached,
        output_tokens=sample.tokens.output,
        usd=round(sample.usd, 6),
        models={sample.model: sample.tokens},
    )


@pytest.mark.parametrize("name", HEADERS)
def test_a_request_is_passed_with_the_real_key(name: str, start: Started) -> None:
    body = bytes(range(256)) * 2000
    sent = {"anthropic-beta": "a,b", "user-agent": "agent/1", "x-api-key": "", "accept": "*/*"}
    with Provider(always(WHOLE)) as provider, Client(start(provider)) as client:
        keyed = {**sent, "authorization": f"Bearer {client.meter.key}"}
        path = f"{ASKS[name]}?beta=true&x=%2F%20a+b&empty="
        answer = client.ask(name, path, content=body, headers=keyed)
    [asked] = provider.asked
    assert answer.status_code == 200
    assert (asked.method, asked.path, asked.body) == ("POST", path, body)
    prefix = "Bearer " if HEADERS[name] == "authorization" else ""
    assert dict(asked.headers) == {
        "host": provider.url.removeprefix("http://"),
        "content-length": str(len(body)),
        "anthropic-beta": "a,b",
        "user-agent": "agent/1",
        "accept": "*/*",
        "accept-encoding": "identity",
        HEADERS[name]: prefix + KEY,
    }


def test_a_request_of_unknown_length_is_streamed(start: Started) -> None:
    with Provider(always(WHOLE)) as provider, Client(start(provider)) as client:
        answer = client.ask(*MESSAGES, content=iter([b"{", b"}"]))
    assert answer.content == CLAUDE_WHOLE
    assert provider.asked[0].body == b"{}"
    assert provider.asked[0].header("transfer-encoding") == "chunked"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/api/hello"),
        ("GET", "/v1/models?limit=1000"),
        ("POST", "/v1/messages/count_tokens"),
        ("OPTIONS", "/"),
        ("GET", ""),
        ("DELETE", "//a//b/"),
    ],
)
def test_any_path_passes_and_is_not_counted(method: str, path: str, start: Started) -> None:
    with Provider(always(Reply([b"[]"], status=201))) as provider, Client(start(provider)) as it:
        answer = it.ask("openai", path, method)
        account = it.meter.account()
    assert answer.status_code == 201
    assert answer.content == (b"" if method == "HEAD" else b"[]")
    assert (provider.asked[0].method, provider.asked[0].path) == (method, path or "/")
    assert account == Account()


def test_the_first_event_arrives_before_the_second_is_sent(start: Started) -> None:
    go_on = threading.Event()
    reply = Reply([CLAUDE_START, go_on, CLAUDE_WORDS + CLAUDE_END], headers=STREAM)
    with Provider(always(reply)) as provider, Client(start(provider)) as client:
        url = client.meter.base("anthropic") + "/v1/messages"
        with client.stream("POST", url, content=b"{}") as answer:
            pieces = answer.iter_raw()
            assert next(pieces) == CLAUDE_START
            # its input counts already
            assert client.meter.account().input_tokens == 2700
            go_on.set()
            assert b"".join(pieces) == CLAUDE_WORDS + CLAUDE_END
        assert client.meter.account().output_tokens == 100


def test_a_redirect_is_passed_and_not_followed(start: Started) -> None:
    there = (b"location", b"http://127.0.0.1:9/elsewhere")
    with Provider(always(failing(307, there))) as provider, Client(start(provider)) as client:
        answer = client.ask(*MESSAGES, content=b"{}")
    assert (answer.status_code, answer.headers["location"]) == (307, there[1].decode())
    assert len(provider.asked) == 1


@pytest.mark.parametrize("pieces", [[CLAUDE_START], [CLAUDE_WHOLE[:99]]])
def test_an_answer_that_is_cut_is_cut_for_the_agent_too(
    pieces: list[bytes], start: Started
) -> None:
    reply = Reply(pieces, headers=STREAM if pieces == [CLAUDE_START] else (JSON,), cut=True)
    with Provider(always(reply)) as provider, Client(start(provider)) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.ask(*MESSAGES, content=b"{}")
        account = client.meter.account()
    told = pieces == [CLAUDE_START]
    assert account.requests == 1
    assert account.input_tokens == (2700 if told else 0)
    assert (account.unmetered, account.usd is None) == ((0, False) if told else (1, True))


def test_a_client_that_leaves_ends_the_answer_at_the_provider(start: Started) -> None:
    never = threading.Event()
    reply = Reply([CLAUDE_START, never], headers=STREAM)
    with Provider(always(reply)) as provider, Client(start(provider)) as client:
        url = client.meter.base("anthropic") + "/v1/messages"
        with client.stream("POST", url, content=b"{}") as answer:
            next(answer.iter_raw())
        assert provider.gone.wait(20)
        assert client.meter.close().input_tokens == 2700


def test_a_client_that_leaves_before_the_answer_began_may_have_cost_money(start: Started) -> None:
    arrived, never = threading.Event(), threading.Event()

    def answer(asked: Asked) -> Reply:
        arrived.set()
        return Reply([never], headers=STREAM)

    with Provider(answer) as provider:
        meter = start(provider)
        with socket.create_connection(("127.0.0.1", port(meter))) as raw:
            raw.sendall(post(meter, "/anthropic/v1/messages"))
            assert arrived.wait(20)
        assert provider.gone.wait(20)
        account = meter.close()
    assert (account.requests, account.unmetered, account.usd) == (1, 1, None)


def test_a_provider_that_is_not_there(start: Started) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with Client(start(url)) as client:
            answers = {name: client.ask(name, path, content=b"") for name, path in ASKS.items()}
            account = client.meter.account()
    for name, answer in answers.items():
        assert answer.status_code == 502
        assert message(answer) == f"ao-actions: no answer from {name}: ConnectError"
    assert (account.errors, account.unmetered, account.usd) == ({"502": 4}, 0, 0)


def test_a_request_of_more_than_100_megabytes_is_refused(start: Started) -> None:
    def body() -> Any:
        for _ in range(101):
            yield b"x" * 1_000_000

    with Provider(always(WHOLE)) as provider, Client(start(provider)) as client:
        with socket.create_connection(("127.0.0.1", port(client.meter))) as raw:
            head = post(client.meter, "/anthropic/v1/messages")
            raw.sendall(head.replace(b"length: 2", b"length: 100000001"))
            assert raw.recv(1000).startswith(b"HTTP/1.1 413 ")
        try:
            status = client.ask(*MESSAGES, content=body()).status_code
        except httpx.TransportError:
            status = 413  # refused while it was still being sent
        account = client.meter.account()
    assert status == 413
    assert (account.unmetered, account.usd) == (0, 0)
    assert provider.asked == []


# ---- usage that is not told ----------------------------------------------------------------


def test_a_stream_without_usage_is_said_to_be_unmetered(start: Started) -> None:
    reply = Reply([CHAT_WORDS + b"data: [DONE]\n\n"], headers=STREAM)
    with Provider(always(reply)) as provider, Client(start(provider)) as client:
        client.ask("openai", "/v1/chat/completions", content=b'{"stream": true}')
        account = client.meter.account()
    assert (account.requests, account.unmetered, account.usd) == (1, 1, None)


def test_a_model_without_a_price_has_tokens_only(start: Started) -> None:
    reply = Reply([CLAUDE_WHOLE.replace(b"claude-opus-5-5", b"new-model")])
    with Provider(always(reply)) as provider, Client(start(provider, usd=0.001)) as client:
        answers = [client.ask(*MESSAGES, content=b"{}") for _ in range(3)]
        account = client.meter.account()
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (account.usd, account.output_tokens, account.refused) == (None, 300, 0)


# ---- who may pass, and where to ------------------------------------------------------------


@pytest.mark.parametrize("name", HEADERS)
def test_a_wrong_key_is_refused_in_the_protocol_s_words(name: str, start: Started) -> None:
    with Provider(always(WHOLE)) as provider, Client(start(provider)) as client:
        client.headers["x-api-key"] = "sk-wrong"
        answer = client.ask(name, ASKS[name], content=b"{}")
        control = client.get(f"{client.meter.base('_meter')}/account")
    assert (answer.status_code, control.status_code) == (401, 401)
    assert message(answer) == "ao-actions: this is not the meter's key"
    assert provider.asked == []


@pytest.mark.parametrize("place", ["x-api-key", "x-goog-api-key", "authorization", "query"])
def test_the_dummy_key_is_taken_from_every_place_and_not_passed(place: str, start: Started) -> None:
    with Provider(always(WHOLE)) as provider, Client(start(provider)) as client:
        del client.headers["x-api-key"]
        key = client.meter.key
        path = "/v1/x?alt=sse"
        if place == "query":
            path += f"&key={key}&b=c"
        else:
            value = f"Bearer {key}" if place == "authorization" else key
            client.headers[place] = value
        assert client.ask("gemini", path, content=b"{}").status_code == 200
    [asked] = provider.asked
    assert asked.path == ("/v1/x?alt=sse&b=c" if place == "query" else "/v1/x?alt=sse")
    assert asked.header("x-goog-api-key") == KEY
    assert key not in str(asked.headers)


def port(meter: Meter) -> int:
    return int(meter.url.rpartition(":")[2])


def post(meter: Meter, target: str) -> bytes:
    head = f"POST {target} HTTP/1.1\r\nhost: h\r\nx-api-key: {meter.key}\r\ncontent-length: 2\r\n"
    return head.encode() + b"\r\n{}"


@pytest.mark.parametrize(
    ("target", "status", "reached"),
    [
        ("http://{other}/v1/messages", 404, None),
        ("http://{other}/anthropic/v1/messages", 404, None),
        ("//{other}/v1/messages", 404, None),
        ("/anthropic//{other}/v1/messages", 200, "/base//{other}/v1/messages"),
        ("/anthropic/@{other}/", 200, "/base/@{other}/"),
        ("/anthropic@{other}/v1/messages", 404, None),
        ("/anthropic:80/v1/messages", 404, None),
        ("/anthropic/../v1", 400, None),
        ("/anthropic/v1/%2e%2E/%2e./x", 400, None),
        ("/anthropic/v1%2f..%2f..%2fx", 400, None),
        ("/anthropic/..\\x", 400, None),
        ("/anthropic/./x", 400, None),
        ("/%61nthropic/v1", 404, None),
        ("/anthropic?x=http://{other}/..", 200, "/base?x=http://{other}/.."),
        ("/unknown/v1", 404, None),
        ("/_meter/other", 404, None),
        ("/", 404, None),
    ],
)
def test_only_the_provider_s_own_place_can_be_reached(
    target: str, status: int, reached: str | None, start: Started
) -> None:
    with Provider(always(WHOLE)) as other, Provider(always(WHOLE)) as provider:
        host = other.url.removeprefix("http://")
        meter = start(f"{provider.url}/base")
        with socket.create_connection(("127.0.0.1", port(meter))) as raw:
            raw.sendall(post(meter, target.format(other=host)))
            head = raw.recv(1000)
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert other.asked == []
    assert [asked.path for asked in provider.asked] == (
        [reached.format(other=host)] if reached else []
    )


# ---- keys ----------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_a_key_that_a_provider_repeats_is_taken_out(start: Started, *, packed: bool) -> None:
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}."}}).encode()
    headers = [JSON, (b"x-key", KEY.encode())]
    if packed:
        headers.append((b"content-encoding", b"gzip"))
    reply = Reply([gzip.compress(body) if packed else body], status=401, headers=headers)
    with Provider(always(reply)) as provider, Client(start(provider)) as client:
        answer = client.ask("openai", "/v1/responses", content=b"{}")
    assert answer.status_code == 401
    assert message(answer) == "Incorrect API key provided: ***."
    assert KEY not in str(answer.headers)


def test_an_error_without_the_key_is_passed_byte_by_byte(start: Started) -> None:
    body = b' {"error" :{"type":"invalid_request_error", "message": "caf\xc3\xa9"}}\n'
    reply = Reply([body[:9], body[9:]], status=400, headers=(JSON, (b"request-id", b"r")))
    with Provider(always(reply)) as provider, Client(start(provider)) as client:
        answer = client.ask(*MESSAGES, content=b"{}")
        account = client.meter.account()
    assert (answer.status_code, answer.content) == (400, body)
    assert answer.headers["request-id"] == "r"
    assert (account.errors, account.limit, account.usd) == ({"400": 1}, None, 0)


def test_an_error_without_an_end_is_not_kept_in_memory(start: Started) -> None:
    reply = Reply([b"x" * 500_001] * 2, status=500)
    with Provider(always(reply)) as provider, Client(start(provider)) as client:
        answer = client.ask(*MESSAGES, content=b"{}")
    assert (answer.status_code, message(answer)) == (502, "ao-actions: an error of more than 1 MB")


def test_the_log_has_a_line_for_each_request_and_nothing_secret(
    start: Started, tmp_path: Path
) -> None:
    log = tmp_path / "meter.log"
    with Provider(always(WHOLE)) as provider, Client(start(provider, log=log)) as client:
        client.ask("anthropic", "/v1/messages?secret=words", content=b'{"secret": "words"}')
        client.ask("gemini", f"/v1beta/models?key={client.meter.key}", "GET")
        client.ask("openai", "/v1/../x".replace("..", "%2e%2e"), content=b"")
        client.meter.close()
        text = log.read_text()
    times, rest = zip(*(line.split(" ", 1) for line in text.splitlines()), strict=True)
    assert all(datetime.fromisoformat(time).tzinfo == UTC for time in times)
    words = sorted(line.split() for line in rest)
    assert words[0][:4] == ["anthropic", "POST", "/v1/messages", "200"]
    assert words[0][5:] == ["2700", "in", "400", "cached", "100", "out"]
    assert words[1][:4] == ["gemini", "GET", "/v1beta/models", "200"]
    assert words[1][5:] == ["-"]
    assert words[2][:4] == ["openai", "POST", "/v1/%2e%2e/x", "400"]
    assert not any(secret in text for secret in ("words", KEY, client.meter.key))


# ---- the budget ----------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_spent_budget_ends_the_agent_s_requests(sample: Sample, start: Started) -> None:
    reply = Reply([sample.body], headers=[(b"content-type", sample.content_type)])
    with Provider(always(reply)) as provider, Client(start(provider, usd=sample.usd * 1.5)) as it:
        answers = [it.ask(sample.provider, sample.path, content=b"{}") for _ in range(4)]
        free = it.ask(sample.provider, "/v1/models", "GET")
        account = it.meter.account()
    refusal = 400 if HEADERS[sample.provider] == "authorization" else 403
    assert [answer.status_code for answer in answers] == [200, 200, refusal, refusal]
    budget = f"${sample.usd * 1.5:.2f}"
    assert message(answers[-1]) == f"ao-actions: the budget of this attempt ({budget}) is spent"
    assert "budget_exceeded" in answers[-1].text.lower()
    assert free.status_code == 200
    assert (account.requests, account.refused, account.limited) == (2, 2, 0)
    assert account.usd == pytest.approx(sample.usd * 2, abs=1e-6)
    assert account.errors == {}


def test_a_budget_of_nothing_forwards_nothing(start: Started) -> None:
    with Provider(always(WHOLE)) as provider, Client(start(provider, usd=0)) as client:
        assert client.ask(*MESSAGES, content=b"{}").status_code == 403
    assert provider.asked == []


# ---- limits --------------------------------------------------------------------------------


def later(seconds: int) -> int:
    return int((datetime.now(UTC) + timedelta(seconds=seconds)).timestamp())


LONG = [
    (
        "anthropic",
        lambda: failing(
            429,
            (b"anthropic-ratelimit-unified-status", b"rejected"),
            (b"anthropic-ratelimit-unified-reset", str(later(7200)).encode()),
            (b"retry-after", b"7200"),
        ),
        LimitKind.USAGE,
    ),
    (
        "openai",
        lambda: failing(
            429,
            (b"retry-after", b"7200"),
            (b"retry-after-ms", b"7200000"),
            body={"error": {"type": "usage_limit_reached", "resets_at": later(7200)}},
        ),
        LimitKind.USAGE,
    ),
    ("moonshot", lambda: failing(429, (b"Retry-After", b"7200")), LimitKind.RATE),
    ("gemini", lambda: failing(503, (b"retry-after", b"7200")), LimitKind.OVERLOADED),
]


@pytest.mark.parametrize(("name", "reply", "kind"), LONG)
def test_a_long_limit_ends_the_agent_s_requests(
    name: str, reply: Callable[[], Reply], kind: LimitKind, start: Started
) -> None:
    with Provider(lambda asked: reply()) as provider, Client(start(provider)) as client:
        first = client.ask(name, ASKS[name], content=b"{}")
        second = client.ask(name, ASKS[name], content=b"{}")
        other = client.ask(next(each for each in ASKS if each != name), "/x", content=b"{}")
        account = client.meter.account()
    assert first.status_code == provider.answer(provider.asked[0]).status
    assert not {"retry-after", "retry-after-ms"} & set(first.headers)
    assert second.status_code == (400 if HEADERS[name] == "authorization" else 403)
    limit = account.limit
    assert limit is not None
    assert limit.until is not None
    assert message(second) == f"ao-actions: {name} is limited until {limit.until:%FT%TZ}"
    assert (limit.provider, limit.kind) == (name, kind)
    assert abs(limit.until.timestamp() - later(7200)) < 60
    assert other.status_code != second.status_code  # another provider is not concerned
    assert (account.requests, account.limited, account.refused) == (1, 1, 0)
    assert len(provider.asked) == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (failing(429, (b"retry-after", b"7")), LimitKind.RATE),
        (failing(529), LimitKind.OVERLOADED),
        (failing(429, body={"error": {"type": "insufficient_quota"}}), LimitKind.QUOTA),
        (Reply([CLAUDE_START, b'data: {"error":{"type":"overloaded_error"}}\n\n'], headers=STREAM),
         LimitKind.OVERLOADED),
    ],
)  # fmt: skip
def test_a_short_limit_is_the_agent_s_to_wait_for(
    reply: Reply, kind: LimitKind, start: Started
) -> None:
    replies = [reply, reply, WHOLE]
    with Provider(lambda asked: replies.pop(0)) as provider, Client(start(provider)) as client:
        first = client.ask(*MESSAGES, content=b"{}")
        seen = client.meter.account().limit
        client.ask(*MESSAGES, content=b"{}")
        client.ask("openai", "/v1/models", "GET")
        replies.append(WHOLE)
        client.ask(*MESSAGES, content=b"{}")
        account = client.meter.account()
    assert first.status_code == reply.status
    wait = dict(reply.headers).get(b"retry-after")
    assert first.headers.get("retry-after") == (wait.decode() if wait else None)
    assert seen is not None
    assert (seen.provider, seen.kind) == ("anthropic", kind)
    assert account.limit is None  # a success came after it
    assert (account.requests, account.limited) == (3, 0)

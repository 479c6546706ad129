"""Each protocol carries the same answers: in one object or as a stream, with calls and usage."""

import gzip
import http.client
import json
from typing import Any

import pytest

from ao_actions.modelserver import (
    Answer,
    Cut,
    Edit,
    Failure,
    ModelServer,
    Run,
    Say,
    Slow,
    Turn,
    Use,
)
from tests.modelserver.wires import CHAT, CLIENTS, GEMINI, RESPONSES, Client, send

BOTH = Answer((Say("I write."), Edit("a.txt", "é\n"), Run("ls")), 70, 30, 20)
CALLS = (("write_file", {"file_path": "a.txt", "content": "é\n"}), ("bash", {"command": "ls"}))
REFUSED = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}

each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
either_way = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@each_client
@either_way
def test_an_answer(client: Client, *, stream: bool) -> None:
    with ModelServer([BOTH, Answer((Say("Done."),))]) as server:
        first = client.ask(server, stream=stream)
        second = client.ask(server, stream=stream)
    assert (first.text, first.calls, first.usage) == ("I write.", CALLS, (70, 30, 20))
    assert (second.text, second.calls) == ("Done.", ())
    assert first.headers["content-type"] == ("text/event-stream" if stream else "application/json")


@each_client
def test_any_prefix_is_the_same(client: Client) -> None:
    with ModelServer([BOTH]) as server:
        assert client.ask(server, prefix="/some/proxy").calls == CALLS
    assert server.asked[0].path == "/some/proxy" + client.path(stream=False)


@each_client
@either_way
def test_asides_take_no_turn(client: Client, *, stream: bool) -> None:
    with ModelServer([Failure(500)]) as server:
        assert client.ask(server, tools=(), stream=stream).text == "ok"
    assert (len(server.requests), len(server.asked)) == (1, 0)


@each_client
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
def test_an_error_status(client: Client, status: int) -> None:
    failure = Failure(status, "not now", {"x-request-id": "r1"})
    with ModelServer([failure]) as server:
        got = client.ask(server, stream=True)
    assert (got.status, got.headers["x-request-id"]) == (status, "r1")
    assert got.last["error"]["message"] == "not now"
    if client is GEMINI:
        assert got.last["error"]["code"] == status
        assert got.last["error"]["status"] == REFUSED.get(status, got.last["error"]["status"])
    else:
        assert got.last["error"]["type"].endswith("_error")


@each_client
def test_an_error_in_the_providers_words(client: Client) -> None:
    failure = Failure(400, "too long", kind="SPECIAL", error={"code": "context_length_exceeded"})
    with ModelServer([failure]) as server:
        error = client.ask(server).last["error"]
    assert error["code"] == "context_length_exceeded"
    assert error["status" if client is GEMINI else "type"] == "SPECIAL"


@each_client
@either_way
def test_a_streamed_error_needs_a_stream(client: Client, *, stream: bool) -> None:
    with ModelServer([Failure(429, "slow down", streamed=True)]) as server:
        got = client.ask(server, stream=stream)
    assert got.status == (200 if stream else 429)
    last = got.last["response"] if client is RESPONSES and stream else got.last
    assert last["error"]["message"] == "slow down"
    if client is RESPONSES and stream:
        assert (got.last["type"], last["status"]) == ("response.failed", "failed")


@each_client
@either_way
def test_a_broken_connection(client: Client, *, stream: bool) -> None:
    with (
        ModelServer([Cut(BOTH)]) as server,
        pytest.raises((http.client.IncompleteRead, ConnectionResetError)),
    ):
        client.ask(server, stream=stream)


@each_client
@either_way
def test_a_slow_answer_is_the_same_answer(client: Client, *, stream: bool) -> None:
    slow: Turn = Slow(BOTH, 0.1)
    with ModelServer([slow, Answer((Say("next"),))]) as server:
        assert client.ask(server, stream=stream).calls == CALLS
        assert client.ask(server, stream=stream).text == "next"


def test_a_slow_answer_ends_with_the_server() -> None:
    with ModelServer([Slow(BOTH, 3600)]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]))
        connection.request("POST", "/v1/messages", json.dumps({"tools": [{"name": "Bash"}]}))
        assert server.reached.wait(30)
    connection.close()


def test_usage_in_a_chat_stream_is_asked_for() -> None:
    with ModelServer([BOTH]) as server:
        body = {**CHAT.body("x", (("bash", {}),), stream=True), "stream_options": None}
        got = send(server.url + CHAT.path(stream=True), body)
    assert [event for event in got.events if "usage" in event] == []


def test_a_freeform_tool_takes_a_text() -> None:
    with ModelServer([Answer((Use("apply_patch", "*** Begin Patch"),))] * 2) as server:
        for stream in (False, True):
            got = RESPONSES.ask(server, tools=(("apply_patch", None),), stream=stream)
            assert got.calls == (("apply_patch", "*** Begin Patch"),)


def test_geminis_stream_without_events_is_one_list() -> None:
    with ModelServer([BOTH]) as server:
        url = f"{server.url}/v1beta/models/m:streamGenerateContent"
        (chunks,) = send(url, GEMINI.body("x", (("bash", {}),), stream=True)).events
    assert len(chunks) == 4
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/messages/count_tokens", {}, {"input_tokens": 1000}),
        ("/v1beta/models/m:countTokens", {}, {"totalTokens": 1000}),
    ],
)
def test_tokens_are_counted(path: str, body: Any, expected: Any) -> None:
    with ModelServer(()) as server:
        assert send(server.url + path, body).last == expected


@pytest.mark.parametrize("path", ["/v1/models?limit=5", "/anthropic/v1/models", "/models"])
def test_models_are_listed(path: str) -> None:
    with ModelServer(()) as server:
        (model,) = send(server.url + path).last["data"]
        (gemini,) = send(f"{server.url}/v1beta/models").last["models"]
    assert (model["id"], gemini["name"]) == ("scripted-model", "models/scripted-model")


def test_a_request_in_chunks() -> None:
    body = json.dumps(CHAT.body("x", (("Bash", {}),), stream=False)).encode()
    with ModelServer([BOTH]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]))
        connection.request(
            "POST", "/v1/chat/completions", iter((body[:20], body[20:])), encode_chunked=True
        )
        with connection.getresponse() as reply:
            assert json.load(reply)["choices"][0]["finish_reason"] == "tool_calls"
        connection.close()


def test_a_compressed_request() -> None:
    body = gzip.compress(json.dumps(CHAT.body("x", (("Bash", {}),), stream=False)).encode())
    with ModelServer([BOTH]) as server:
        got = send(server.url + CHAT.path(stream=False), body, content_encoding="gzip")
    assert (got.status, server.asked[0].body["model"]) == (200, "m")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(b"x", {"content_encoding": "zstd"}, 415, id="zstd"),
        pytest.param(b"x", {"content_encoding": "gzip"}, 400, id="not gzip"),
        pytest.param(b"{", {}, 400, id="not JSON"),
    ],
)
def test_what_cannot_be_read_is_loud(body: bytes, headers: dict[str, str], status: int) -> None:
    with ModelServer([BOTH]) as server:
        assert send(server.url + "/v1/messages", body, **headers).status == status
    assert [request.path for request in server.unknown] == ["/v1/messages"]

"""The scripted model keeps to its script, on the wire."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from ao_actions.modelserver import ModelServer, turns

TOOLS = [{"name": "Bash"}]


def post(server: ModelServer, *, path: str = "/v1/messages?beta=true", **body: Any) -> Any:
    request = urllib.request.Request(  # noqa: S310  loopback
        server.url + path,
        json.dumps({"model": "m", "tools": TOOLS, **body}).encode(),
        {"X-Api-Key": "k"},
    )
    return urllib.request.urlopen(request)  # noqa: S310  loopback


def test_one_object_or_a_stream() -> None:
    script = turns([{"blocks": [{"say": "I run."}, {"use": "Bash", "input": {"a": 1}}]}] * 2)
    with ModelServer(script) as server:
        with post(server) as reply:
            whole = json.load(reply)
        with post(server, stream=True) as reply:
            events = [json.loads(line[6:]) for line in reply if line.startswith(b"data: ")]
    assert [block["type"] for block in whole["content"]] == ["text", "tool_use"]
    assert whole["stop_reason"] == "tool_use"
    assert [event["type"] for event in events] == [
        "message_start",
        *(("content_block_start", "content_block_delta", "content_block_stop") * 2),
        "message_delta",
        "message_stop",
    ]
    assert json.loads(events[5]["delta"]["partial_json"]) == {"a": 1}
    assert server.asked[0].headers["x-api-key"] == "k"
    assert server.asked[1].body["stream"] is True


def test_a_failure_stays_unless_it_is_once() -> None:
    with ModelServer(turns([{"status": 500, "once": True}, {"status": 429}])) as server:
        for status in (500, 429, 429):
            with pytest.raises(urllib.error.HTTPError) as failure:
                post(server)
            assert failure.value.code == status
            failure.value.close()


def test_a_cut_stream_is_seen_as_one() -> None:
    with (
        ModelServer(turns([{"cut": "half"}])) as server,
        post(server, stream=True) as reply,
        pytest.raises(http.client.IncompleteRead),
    ):
        reply.read()


def test_what_is_asked_aside_takes_no_turn() -> None:
    with ModelServer(turns([{"say": "the turn"}])) as server:
        with post(server, tools=[]) as reply:
            assert json.load(reply)["content"][0]["text"] == "ok"
        with post(server, path="/v1/messages/count_tokens") as reply:
            assert json.load(reply) == {"input_tokens": 1000}
        with post(server) as reply:
            assert json.load(reply)["content"][0]["text"] == "the turn"
    assert (len(server.requests), len(server.asked)) == (3, 1)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/v1/messages", 400, id="a script that is too short"),
        pytest.param("/v2/other", 501, id="a route that nobody knows"),
    ],
)
def test_what_is_not_scripted_is_loud(path: str, status: int) -> None:
    with ModelServer(()) as server, pytest.raises(urllib.error.HTTPError) as failure:
        post(server, path=path)
    assert failure.value.code == status
    failure.value.close()
    assert [request.path for request in server.unknown] == ([path] if status == 501 else [])

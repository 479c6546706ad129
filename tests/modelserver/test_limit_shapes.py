"""One neutral limit, in the words of each provider."""

from typing import Any

import pytest

from ao_actions.modelserver import Answer, Limit, ModelServer, Say
from ao_actions.modelserver.limits import LIMITS
from tests.modelserver.wires import (
    ANTHROPIC,
    CHAT,
    CLIENTS,
    GEMINI,
    RESPONSES,
    Client,
    Got,
)

EPOCH = 1_795_331_640


def met(client: Client, limit: Limit, *, stream: bool = True) -> Got:
    with ModelServer([limit]) as server:
        return client.ask(server, stream=stream)


def test_every_protocol_has_every_limit() -> None:
    kinds = {protocol: set(row) for protocol, row in LIMITS.items()}
    every = {"usage", "rate", "quota", "overloaded"}
    assert kinds == {client.name: every for client in CLIENTS}


def test_anthropics_subscription() -> None:
    got = met(ANTHROPIC, Limit("usage", reset=EPOCH))
    assert (got.status, got.last["error"]["type"]) == (429, "rate_limit_error")
    prefix = "anthropic-ratelimit-unified"
    assert got.headers[f"{prefix}-status"] == "rejected"
    assert got.headers[f"{prefix}-reset"] == str(EPOCH)
    assert got.headers[f"{prefix}-representative-claim"] == "five_hour"
    assert f"{prefix}-reset" not in met(ANTHROPIC, Limit("usage")).headers


@pytest.mark.parametrize("client", [CHAT, RESPONSES], ids=lambda client: client.name)
def test_openais_subscription(client: Client) -> None:
    got = met(client, Limit("usage", reset=EPOCH))
    error = got.last["error"]
    assert (got.status, error["type"], error["resets_at"]) == (429, "usage_limit_reached", EPOCH)
    assert got.headers["x-codex-primary-used-percent"] == "100"
    assert got.headers["x-codex-primary-window-minutes"] == "300"
    assert got.headers["x-codex-primary-reset-at"] == str(EPOCH)
    assert "resets_at" not in met(client, Limit("usage")).last["error"]


@pytest.mark.parametrize(
    ("client", "status", "kind", "code"),
    [
        (ANTHROPIC, 400, "invalid_request_error", None),
        (CHAT, 429, "insufficient_quota", "insufficient_quota"),
        (RESPONSES, 429, "insufficient_quota", "insufficient_quota"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_an_empty_account(client: Client, status: int, kind: str, code: str | None) -> None:
    got = met(client, Limit("quota"))
    error = got.last["error"]
    assert (got.status, error["type"], error.get("code")) == (status, kind, code)


@pytest.mark.parametrize(
    ("client", "status", "field", "word"),
    [
        (ANTHROPIC, 529, "type", "overloaded_error"),
        (CHAT, 503, "code", "server_is_overloaded"),
        (RESPONSES, 503, "code", "server_is_overloaded"),
        (GEMINI, 503, "status", "UNAVAILABLE"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_no_room(client: Client, status: int, field: str, word: str) -> None:
    got = met(client, Limit("overloaded"))
    assert (got.status, got.last["error"][field]) == (status, word)


@pytest.mark.parametrize("client", [ANTHROPIC, CHAT, RESPONSES], ids=lambda client: client.name)
def test_a_rate_with_and_without_its_end(client: Client) -> None:
    timed, open_ended = met(client, Limit("rate", retry_after=2.5)), met(client, Limit("rate"))
    assert (timed.status, open_ended.status) == (429, 429)
    assert timed.headers["retry-after"] == "3"  # whole seconds, never too early
    assert "retry-after" not in open_ended.headers


@pytest.mark.parametrize(
    ("kind", "period"), [("rate", "PerMinute"), ("usage", "PerDay"), ("quota", "PerDay")]
)
def test_geminis_quotas(kind: Any, period: str) -> None:
    got = met(GEMINI, Limit(kind, retry_after=2))
    error = got.last["error"]
    failure, retry = error["details"]
    assert (got.status, error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert failure["@type"].endswith(".QuotaFailure")
    assert period in failure["violations"][0]["quotaId"]
    assert (retry["@type"].rpartition(".")[2], retry["retryDelay"]) == ("RetryInfo", "2s")
    assert error["message"].endswith("Please retry in 2s.")
    assert len(met(GEMINI, Limit(kind)).last["error"]["details"]) == 1


def test_a_rate_limit_inside_of_a_stream() -> None:
    got = met(RESPONSES, Limit("rate", retry_after=2.5, streamed=True))
    failed = got.last["response"]
    assert (got.status, got.last["type"]) == (200, "response.failed")
    assert failed["error"]["code"] == "rate_limit_exceeded"
    assert failed["error"]["message"].endswith("try again in 2.5s.")


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_limit_stays_unless_it_is_once(client: Client) -> None:
    script = [Limit("rate", message="own words", once=True), Limit("overloaded")]
    with ModelServer([*script, Answer((Say("never"),))]) as server:
        replies = [client.ask(server) for _ in range(3)]
    assert replies[0].last["error"]["message"] == "own words"
    assert replies[1].last == replies[2].last
    assert replies[0].status != replies[1].status

"""What a provider's no means, from the protocol alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.meter import Limit, LimitKind, limits

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
UNIFIED = {
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-reset": str(EPOCH + 7200),
}
USAGE, RATE, QUOTA, OVERLOADED = LimitKind


def anthropic(code: str) -> Any:
    return {"type": "error", "error": {"type": code, "message": "secret words"}}


def openai(kind: str, **more: Any) -> Any:
    return {"error": {"type": kind, "message": "secret words", **more}}


def gemini(*details: Any) -> Any:
    return {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": list(details)}}


def quota(period: str) -> Any:
    violation = {"quotaId": f"GenerateRequestsPer{period}PerProjectPerModel-FreeTier"}
    kind = "type.googleapis.com/google.rpc.QuotaFailure"
    return {"@type": kind, "violations": [violation]}


def delay(text: str) -> Any:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text}


Row = tuple[int, dict[str, str], Any, LimitKind | None, int | None]
ROWS: list[Row] = [
    # Anthropic
    (429, UNIFIED, anthropic("rate_limit_error"), USAGE, 7200),
    (429, {**UNIFIED, "retry-after": "5"}, None, USAGE, 7200),
    (429, {"anthropic-ratelimit-unified-status": "rejected"}, None, USAGE, None),
    (429, {"retry-after": "45"}, anthropic("rate_limit_error"), RATE, 45),
    (429, {}, anthropic("rate_limit_error"), RATE, None),
    (429, {}, "no object", RATE, None),
    (529, {}, anthropic("overloaded_error"), OVERLOADED, None),
    (529, {"retry-after": "3"}, None, OVERLOADED, 3),
    (402, {}, anthropic("billing_error"), QUOTA, None),
    (200, {}, anthropic("overloaded_error"), OVERLOADED, None),
    # OpenAI
    (429, {}, openai("usage_limit_reached", resets_at=EPOCH + 600), USAGE, 600),
    (429, {}, openai("usage_limit_reached", resets_in_seconds=90), USAGE, 90),
    (429, {"x-codex-primary-reset-at": str(EPOCH + 50)}, openai("usage_limit_reached"), USAGE, 50),
    (
        429,
        {
            "x-codex-primary-used-percent": "30.5",
            "x-codex-primary-reset-after-seconds": "10",
            "x-codex-secondary-used-percent": "100",
            "x-codex-secondary-reset-after-seconds": "7000",
        },
        openai("usage_limit_reached"),
        USAGE,
        7000,
    ),
    (429, {"retry-after": "9"}, openai("insufficient_quota"), QUOTA, None),
    (429, {}, openai("x", code="insufficient_quota"), QUOTA, None),
    (429, {"retry-after": "2"}, openai("tokens", code="rate_limit_exceeded"), RATE, 2),
    (200, {}, {"response": openai("", code="rate_limit_exceeded")}, RATE, None),
    (503, {}, openai("server_error", code="server_is_overloaded"), OVERLOADED, None),
    # Moonshot
    (429, {}, openai("exceeded_current_quota_error"), QUOTA, None),
    (429, {}, openai("engine_overloaded_error"), OVERLOADED, None),
    # Gemini
    (429, {}, gemini(quota("Day"), delay("37s")), USAGE, None),
    (429, {}, [gemini(quota("Day"))], USAGE, None),
    (429, {}, gemini(quota("Minute"), delay("37.5s")), RATE, 37),
    (429, {}, gemini(delay("soon")), RATE, None),
    (503, {}, {"error": {"code": 503, "status": "UNAVAILABLE"}}, OVERLOADED, None),
    # times: an HTTP date, a past one, nonsense
    (429, {"retry-after": "Sun, 22 Nov 2026 12:01:00 GMT"}, None, RATE, 60),
    (429, {"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, None, RATE, None),
    (429, {**UNIFIED, "anthropic-ratelimit-unified-reset": str(EPOCH - 1)}, None, USAGE, None),
    (429, {}, openai("usage_limit_reached", resets_at=EPOCH - 600), USAGE, None),
    (429, {}, openai("usage_limit_reached", resets_at=True), USAGE, None),
    (429, {"retry-after": "nan"}, None, RATE, None),
    (429, {"retry-after": "9" * 400}, None, RATE, None),
    (429, {"retry-after": "-5"}, None, RATE, None),
    (429, {"retry-after": "later"}, None, RATE, None),
    # no limits
    (200, {}, None, None, None),
    (400, {}, openai("invalid_request_error"), None, None),
    (401, {}, anthropic("authentication_error"), None, None),
    (500, {"retry-after": "100"}, anthropic("api_error"), None, None),
]


@pytest.mark.parametrize(("status", "headers", "body", "kind", "seconds"), ROWS)
def test_limits(
    status: int, headers: dict[str, str], body: Any, kind: LimitKind | None, seconds: int | None
) -> None:
    limit = limits.read("p", status, headers, body, NOW)
    if kind is None:
        assert limit is None
        return
    assert limit is not None
    assert (limit.provider, limit.kind) == ("p", kind)
    left = int((limit.until - NOW).total_seconds()) if limit.until else None
    assert left == seconds
    assert "secret" not in limit.detail


@pytest.mark.parametrize(
    ("kind", "seconds", "long"),
    [
        (USAGE, None, True),
        (USAGE, 5, True),
        (RATE, 60, False),
        (RATE, 61, True),
        (RATE, None, False),
        (OVERLOADED, 3600, True),
        (QUOTA, None, False),
    ],
)
def test_what_an_agent_should_not_wait_for(
    kind: LimitKind, seconds: int | None, *, long: bool
) -> None:
    until = None if seconds is None else NOW + timedelta(seconds=seconds)
    limit = Limit(provider="p", kind=kind, until=until, detail="")
    assert limits.is_long(limit, NOW) is long


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "response", "code", "type", "details", "@type", "violations", "resets_at"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(["retry-after", *UNIFIED, "x-codex-primary-reset-at"])


@given(
    st.sampled_from([200, 400, 429, 529]),
    st.dictionaries(NAMES, st.text(max_size=20)),
    VALUES,
)
def test_no_answer_is_too_strange(status: int, headers: dict[str, str], body: Any) -> None:
    limit = limits.read("p", status, headers, body, NOW)
    assert limit is None or limit.until is None or limit.until > NOW
    assert limit is None or (limit.detail.isprintable() and len(limit.detail) < 200)

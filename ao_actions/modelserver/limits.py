"""How each provider's limits look on its wire: one table, a row for each protocol and kind.

Shapes: the providers' API references, and what the agents' command lines recognised when they were
measured (the quota id with `PerDay` ends gemini at once, `usage_limit_reached` codex, the unified
headers Claude Code with a subscription's token).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ao_actions.modelserver.script import Failure, Limit

Shape = Callable[[Limit], Failure]


def failure(protocol: str, limit: Limit) -> Failure:
    """The failure that this limit is in this protocol."""
    shape = LIMITS[protocol][limit.kind](limit)
    headers = dict(shape.headers)
    if limit.retry_after is not None and protocol != "gemini":
        headers["retry-after"] = str(math.ceil(limit.retry_after))
    message = limit.message or shape.message
    return replace(
        shape, headers=headers, message=message, once=limit.once, streamed=limit.streamed
    )


def subscription_limit(reset: int | None, *, claim: str = "five_hour") -> dict[str, str]:
    """Anthropic's headers of a subscription's limit, with the epoch second at which it ends."""
    prefix = "anthropic-ratelimit-unified"
    end = {} if reset is None else {f"{prefix}-reset": str(reset)}
    return {f"{prefix}-status": "rejected", f"{prefix}-representative-claim": claim, **end}


def _anthropic_usage(limit: Limit) -> Failure:
    message = "This request would exceed your account's rate limit. Please try again later."
    return Failure(429, message, subscription_limit(limit.reset))


def _openai_usage(limit: Limit) -> Failure:
    window = {"used-percent": "100", "window-minutes": "300"}
    error: dict[str, Any] = {"code": None, "plan_type": "plus"}
    if limit.reset is not None:
        window["reset-at"] = str(limit.reset)
        error["resets_at"] = limit.reset
    return Failure(
        429,
        "The usage limit has been reached",
        {f"x-codex-primary-{name}": value for name, value in window.items()},
        kind="usage_limit_reached",
        error=error,
    )


def _openai_rate(limit: Limit) -> Failure:
    hint = "" if limit.retry_after is None else f" Please try again in {limit.retry_after:g}s."
    message = f"Rate limit reached for the model on tokens per min (TPM).{hint}"
    return Failure(429, message, kind="tokens", error={"code": "rate_limit_exceeded"})


def _gemini(period: str) -> Shape:
    def shape(limit: Limit) -> Failure:
        google = "type.googleapis.com/google.rpc"
        quota = f"GenerateRequests{period}PerProjectPerModel"
        details: list[dict[str, Any]] = [
            {"@type": f"{google}.QuotaFailure", "violations": [{"quotaId": quota}]}
        ]
        message = "You exceeded your current quota."
        if limit.retry_after is not None:
            delay = f"{limit.retry_after:g}s"
            details.append({"@type": f"{google}.RetryInfo", "retryDelay": delay})
            message += f" Please retry in {delay}."
        return Failure(429, message, error={"details": details})

    return shape


OPENAI: Mapping[str, Shape] = {
    "usage": _openai_usage,
    "rate": _openai_rate,
    "quota": lambda _: Failure(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        kind="insufficient_quota",
        error={"code": "insufficient_quota"},
    ),
    "overloaded": lambda _: Failure(
        503, "The server is currently overloaded.", error={"code": "server_is_overloaded"}
    ),
}

LIMITS: Mapping[str, Mapping[str, Shape]] = {
    "anthropic": {
        "usage": _anthropic_usage,
        "rate": lambda _: Failure(429, "This request would exceed your rate limit."),
        "quota": lambda _: Failure(
            400, "Your credit balance is too low to access the Anthropic API."
        ),
        "overloaded": lambda _: Failure(529, "Overloaded"),
    },
    "chat": OPENAI,
    "responses": OPENAI,
    "gemini": {
        "usage": _gemini("PerDay"),  # it has no other limit with an end, and names none
        "rate": _gemini("PerMinute"),
        "quota": _gemini("PerDay"),
        "overloaded": lambda _: Failure(503, "The model is overloaded. Please try again later."),
    },
}

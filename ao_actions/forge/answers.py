"""What an answer of GitHub's tells beside its content: that it is a limit, an error, or no answer.

Sources: REST docs, "Rate limits for the REST API" (what to wait for) and "Troubleshooting"
(a 404 for what a token may not see); GraphQL docs, "Rate limits and query limits".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

TOO_SOON = (403, 429)
FORBIDDEN = ("FORBIDDEN", "INSUFFICIENT_SCOPES")
_LIMITED = ("RATE_LIMIT", "RATE_LIMITED")
_MINUTE = 60.0  # seconds: what GitHub asks for where it says nothing else
_DAY = 24 * 60 * _MINUTE  # no limit of GitHub's lasts as long
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_WENT_WRONG = re.compile(
    "something went wrong|timed? ?out|respond to your request in time", re.IGNORECASE
)

Json = Any


@dataclass(frozen=True)
class Answer:
    """`status` 0: none came, `text` says why. Names of `headers` are in lower case."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def json(self) -> Json:
        """:raises ValueError: it is none, :raises RecursionError: it is too deep"""
        return json.loads(self.text)


def unsure(answer: Answer) -> bool:
    """Whether this answer does not tell what happened: none, a server error, no JSON, or a
    GraphQL query that GitHub gave up on (which it answers with 200, too)."""
    if answer.status == 0 or answer.status >= 500:
        return True
    if answer.status >= 400 or not answer.text:
        return False
    try:
        body = answer.json
    except (ValueError, RecursionError):
        return True
    return any(
        not error.get("type") and _WENT_WRONG.search(str(error.get("message")))
        for error in errors(body)
    )


def errors(body: Json) -> list[dict[str, Any]]:
    """The errors of a GraphQL answer."""
    found = body.get("errors") if isinstance(body, dict) and "message" not in body else None
    return [error for error in found or [] if isinstance(error, dict)]


def limited(answer: Answer, now: datetime | None) -> float | None:
    """Seconds to wait where the answer is a rate limit's refusal, or None.

    `retry-after` counts first; then, where nothing remains, `x-ratelimit-reset`; else a minute.
    """
    if not _is_limit(answer):
        return None
    headers = {name.lower(): value for name, value in answer.headers.items()}
    after = headers.get("retry-after", "")
    if after.isdecimal():
        return _bounded(float(after))
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return _bounded(float(reset) - (now or datetime.now(UTC)).timestamp())
    return _MINUTE


def _bounded(seconds: float) -> float:
    return min(_DAY, max(1.0, seconds))


def _is_limit(answer: Answer) -> bool:
    if answer.status in TOO_SOON:
        said = message(answer.text).lower()
        named = "rate limit" in said or "abuse detection" in said
        return named or answer.status == 429 or "retry-after" in map(str.lower, answer.headers)
    if answer.status != 200 or "RATE_LIMIT" not in answer.text[:2000]:
        return False
    try:
        body = answer.json
    except (ValueError, RecursionError):
        return False
    return any(error.get("type") in _LIMITED for error in errors(body))


def message(text: str) -> str:
    """What an answer says in words, on one line."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        title = _TITLE.search(text)
        return title[1].strip() if title else " ".join(text.split())[:200]
    if not isinstance(body, dict):
        return text[:200]
    details = [
        error.get("message") or error.get("code", "") if isinstance(error, dict) else str(error)
        for error in body.get("errors") or []
    ]
    return ": ".join(str(part) for part in [body.get("message", ""), *details] if part)[:400]

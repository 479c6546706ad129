"""What a provider's no means: a pure function of status, headers and body (design 7)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from ao_actions.meter.account import Limit, LimitKind

LONG = timedelta(seconds=60)  # some programs sleep a longer `retry-after` for hours, silently

# Error types and codes; the kind of what is not named here follows from the status.
_CODES = {
    "usage_limit_reached": LimitKind.USAGE,
    "insufficient_quota": LimitKind.QUOTA,
    "exceeded_current_quota_error": LimitKind.QUOTA,  # Moonshot
    "billing_error": LimitKind.QUOTA,
    "billing_hard_limit_reached": LimitKind.QUOTA,
    "overloaded_error": LimitKind.OVERLOADED,
    "engine_overloaded_error": LimitKind.OVERLOADED,
    "server_is_overloaded": LimitKind.OVERLOADED,
    "rate_limit_error": LimitKind.RATE,
    "rate_limit_exceeded": LimitKind.RATE,
    "rate_limit_reached_error": LimitKind.RATE,
}
_STATUSES = {
    402: LimitKind.QUOTA,
    429: LimitKind.RATE,
    503: LimitKind.OVERLOADED,
    529: LimitKind.OVERLOADED,
}
_UNIFIED = "anthropic-ratelimit-unified"
_CODEX = ("x-codex-primary", "x-codex-secondary")
_WORD = re.compile(r"[\w.-]{1,60}", re.ASCII)


def read(
    provider: str, status: int, headers: Mapping[str, str], body: Any, now: datetime
) -> Limit | None:
    """The limit in an answer; None where it is none. Header names are in lower case.

    `body` is the JSON of an error, or an event of a stream that carries one (status 200 then).
    """
    error = _error(body)
    code = next((code for code in _codes(error) if code in _CODES), None)
    kind = _CODES[code] if code else _STATUSES.get(status)
    if kind is None:
        return None
    if status == 429 and headers.get(f"{_UNIFIED}-status") == "rejected":
        kind, times, source = LimitKind.USAGE, _unified(headers, now), f"{_UNIFIED}-status"
    elif kind is LimitKind.USAGE:
        times, source = _codex(headers, error, now), "resets_at"
    elif kind is LimitKind.QUOTA:
        times, source = iter(()), ""
    elif _per_day(error):
        # no reset is told, and the delay that comes with it is not the day's
        kind, times, source = LimitKind.USAGE, iter(()), "QuotaFailure PerDay"
    else:
        times, source = _delay(headers, error, now), "retry-after"
    until = next((time for time in times if time is not None and time > now), None)
    return Limit(
        provider=provider, kind=kind, until=until, detail=_detail(status, error, source, until)
    )


def is_long(limit: Limit, now: datetime) -> bool:
    """Whether waiting for the end of this limit is not the agent's business."""
    return limit.kind is LimitKind.USAGE or (limit.until is not None and limit.until - now > LONG)


def _unified(headers: Mapping[str, str], now: datetime) -> Iterator[datetime | None]:
    yield _epoch(headers.get(f"{_UNIFIED}-reset"))
    yield _retry_after(headers.get("retry-after"), now)


def _codex(
    headers: Mapping[str, str], error: Mapping[str, Any], now: datetime
) -> Iterator[datetime | None]:
    yield _epoch(error.get("resets_at"))
    yield _later(now, error.get("resets_in_seconds"))
    # the window that is used up; the first one where the headers do not say which
    used = [each for each in _CODEX if (_number(headers.get(f"{each}-used-percent")) or 0) >= 100]
    for window in used or _CODEX[:1]:
        yield _epoch(headers.get(f"{window}-reset-at"))
        yield _later(now, headers.get(f"{window}-reset-after-seconds"))
    yield _retry_after(headers.get("retry-after"), now)


def _delay(
    headers: Mapping[str, str], error: Mapping[str, Any], now: datetime
) -> Iterator[datetime | None]:
    for detail in _details(error, "RetryInfo"):
        yield _later(now, str(detail.get("retryDelay", "")).removesuffix("s"))
    yield _retry_after(headers.get("retry-after"), now)


def _per_day(error: Mapping[str, Any]) -> bool:
    return any(
        isinstance(violation, Mapping) and "PerDay" in str(violation.get("quotaId"))
        for failure in _details(error, "QuotaFailure")
        for violation in _list(failure.get("violations"))
    )


def _retry_after(value: str | None, now: datetime) -> datetime | None:
    """Seconds, or an HTTP date (RFC 9110, section 10.2.3)."""
    later = _later(now, value)
    if later is not None or value is None:
        return later
    try:
        date = parsedate_to_datetime(value)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no date, or none that a computer can hold
        return None


def _later(now: datetime, seconds: Any) -> datetime | None:
    number = _number(seconds)
    return _epoch(now.timestamp() + number) if number is not None else None


def _epoch(value: Any) -> datetime | None:
    number = _number(value)
    if number is None:
        return None
    try:
        return datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _error(body: Any) -> Mapping[str, Any]:
    """The error object of a body or an event. Gemini's streams wrap it in a list."""
    if isinstance(body, list):
        body = body[0] if body else None
    if isinstance(body, Mapping) and isinstance(body.get("response"), Mapping):
        body = body["response"]
    error = body.get("error") if isinstance(body, Mapping) else None
    return error if isinstance(error, Mapping) else {}


def _codes(error: Mapping[str, Any]) -> Iterator[str]:
    """What names an error, the telling one first; never its message."""
    for key in ("code", "type", "status"):
        value = error.get(key)
        if isinstance(value, str) and _WORD.fullmatch(value):
            yield value


def _details(error: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    for detail in _list(error.get("details")):
        if isinstance(detail, Mapping) and str(detail.get("@type")).endswith(f".{kind}"):
            yield detail


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _detail(status: int, error: Mapping[str, Any], source: str, until: datetime | None) -> str:
    name = next(_codes(error), "no error code")
    said = f", by {source}" if source and until else ""
    return f"status {status}, {name}{said}"

"""When a limit ends, read from a sentence or a number: exactly, or not at all.

Agents print such times in the forms below (docs/agents.md, "Limits"). One that fits none of them,
has an unknown zone or lies in the past gives None: a guess would stop work for too long, or start
it too early again and again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from ao_actions.agents.report import is_count

LONGEST = timedelta(days=32)  # no vendor's window is longer than a month
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_LEAD = r"(?:resets?|reset)(?: (?:at|on|in))?|(?:try again|retry|available again)(?: (?:at|on|in))?"
_CLOCK = r"(?P<hour>\d{1,2})(?::(?P<minute>[0-5]\d))? ?(?P<half>[ap]m)?"
_DATE = (
    r"(?P<month>[a-z]{3})[a-z]* (?P<day>\d{1,2})(?:st|nd|rd|th)?(?:,? (?P<year>20\d\d))?,?"
    r"|(?P<weekday>[a-z]{3})[a-z]*,?"
)
_ZONE = r" ?\((?P<zone>[^()]{1,40})\)| (?P<utc>UTC|GMT|Z)\b"
_AT = re.compile(
    rf"\b(?:{_LEAD}) (?:(?:{_DATE})(?: at)? )?{_CLOCK}(?:{_ZONE})?(?!\w)", re.IGNORECASE
)
_ISO = re.compile(
    rf"\b(?:{_LEAD}) "
    r"(?P<time>20\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))",
    re.IGNORECASE,
)
_RESETS_AT = re.compile(r"[\"']resets_at[\"']: ?(?P<epoch>[0-9]{9,11})\b")
_EPOCH = re.compile(r"limit reached\|(?P<epoch>\d{9,11})\b")
_SPAN = re.compile(
    r"\b(?:resets?|try again|retry|available again) in "
    r"(?P<parts>(?:\d{1,6}(?:\.\d{1,6})? ?[a-z]+[ ,]*(?:and )?)+)",
    re.IGNORECASE,
)
_PART = re.compile(r"(?P<count>\d{1,6}(?:\.\d{1,6})?) ?(?P<unit>[a-z]+)", re.IGNORECASE)
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "sec": timedelta(seconds=1),
    "second": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "minute": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "hr": timedelta(hours=1),
    "hour": timedelta(hours=1),
    "d": timedelta(days=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}


def epoch(value: object, now: datetime) -> datetime | None:
    """A time in seconds since 1970, if it is one and still to come (stale ones were reported)."""
    if not is_count(value):
        return None
    try:
        return _plausible(datetime.fromtimestamp(value, UTC), now)  # type: ignore[arg-type]  # is_count
    except (OverflowError, OSError, ValueError):
        return None


def in_answer(headers: Mapping[str, object], body: str, now: datetime) -> datetime | None:
    """The end of a limit in a provider's answer, as far as an agent passes it on.

    Header names are in lower case; `body` is the error's JSON, or a text with it inside.
    """
    named = _RESETS_AT.search(body)
    stamps = (
        int(named["epoch"]) if named else None,
        _seconds(headers.get("anthropic-ratelimit-unified-reset")),
        _seconds(headers.get("x-codex-primary-reset-at")),
        _seconds(headers.get("retry-after"), since=now),
    )
    times = (epoch(stamp, now) for stamp in stamps)
    return next((time for time in times if time is not None), in_text(body, now))


def _seconds(header: object, *, since: datetime | None = None) -> int | None:
    """A header's seconds: since 1970, or after a time."""
    if not isinstance(header, str) or re.fullmatch(r"[0-9]{1,10}", header) is None:
        return None
    return int(header) + (int(since.timestamp()) if since else 0)


def in_text(text: str, now: datetime, *, zone: tzinfo = UTC) -> datetime | None:
    """The time that a sentence names as the end of a limit, in UTC.

    `zone`: of times without one; the program's own, which we run with TZ=UTC.
    """
    if old := _EPOCH.search(text):
        return epoch(int(old["epoch"]), now)
    if iso := _ISO.search(text):
        return _iso(iso["time"], now)
    if span := _SPAN.search(text):
        return _after(span["parts"], now)
    if at := _AT.search(text):
        return _clock(at, now, zone)
    return None


def _plausible(time: datetime, now: datetime) -> datetime | None:
    return time if now < time <= now + LONGEST else None


def _iso(text: str, now: datetime) -> datetime | None:
    try:
        return _plausible(datetime.fromisoformat(text.upper()).astimezone(UTC), now)
    except ValueError:
        return None


def _after(parts: str, now: datetime) -> datetime | None:
    """`2.5s`, `1h 20m`, `3 days and 4 hours` from now; an unknown unit makes it unreadable."""
    span = timedelta()
    for part in _PART.finditer(parts):
        unit = part["unit"].lower()
        size = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if size is None:
            return None
        span += float(part["count"]) * size
        if span > LONGEST:
            return None
    return _plausible(now + span, now)


def _clock(match: re.Match[str], now: datetime, zone: tzinfo) -> datetime | None:
    """The next time that `7:14am`, `Nov 24, 3:03pm` or `Monday 9am` means."""
    hour, where = _hour(match), _zone(match, zone)
    if hour is None or where is None:
        return None
    here = now.astimezone(where)
    time = here.replace(hour=hour, minute=int(match["minute"] or 0), second=0, microsecond=0)
    if match["weekday"]:
        return _weekday(time, match["weekday"].lower(), now)
    if match["month"]:
        return _date(time, match, now)
    return _plausible(_utc(time if time > here else time + timedelta(days=1)), now)


def _weekday(time: datetime, name: str, now: datetime) -> datetime | None:
    if name not in _DAYS:
        return None
    time += timedelta(days=(_DAYS.index(name) - time.weekday()) % 7)
    return _plausible(_utc(time if _utc(time) > now else time + timedelta(days=7)), now)


def _date(time: datetime, match: re.Match[str], now: datetime) -> datetime | None:
    month, year = match["month"].lower(), match["year"]
    if month not in _MONTHS:
        return None
    try:
        time = time.replace(
            year=int(year or time.year), month=_MONTHS.index(month) + 1, day=int(match["day"])
        )
        if year is None and _utc(time) <= now:
            time = time.replace(year=time.year + 1)
    except ValueError:  # 30 February, or 29 next year
        return None
    return _plausible(_utc(time), now)


def _hour(match: re.Match[str]) -> int | None:
    hour, half = int(match["hour"]), (match["half"] or "").lower()
    if half:
        return hour % 12 + (12 if half == "pm" else 0) if 1 <= hour <= 12 else None
    # `resets 7` alone may mean either half of the day, or no time at all
    return hour if hour < 24 and match["minute"] else None


def _zone(match: re.Match[str], default: tzinfo) -> tzinfo | None:
    if match["utc"]:
        return UTC
    if not match["zone"]:
        return default
    try:
        return ZoneInfo(match["zone"])
    except (ValueError, OSError, KeyError):  # not a zone, or a path that is none
        return None


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)

"""Reset times: every form that was seen, and what must not be taken for one."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents import resets

NOW = datetime(2026, 11, 22, 6, 30, 15, tzinfo=UTC)  # a Sunday


def at(day: int, hour: int, minute: int = 0, *, month: int = 11, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


FORMS = [
    # Claude Code, this version and the one before
    ("You've hit your 5-hour limit · resets 7:14am (UTC)", at(22, 7, 14)),
    ("You've hit your session limit · resets 6am (UTC)", at(23, 6)),
    ("You've hit your weekly limit · resets Nov 24, 3:03pm (UTC)", at(24, 15, 3)),
    ("You're out of extra usage · resets 5pm (America/Los_Angeles)", at(23, 1)),
    ("You've hit your limit · resets 12am (Europe/Berlin)", at(22, 23)),
    ("limit · resets 12pm (UTC)", at(22, 12)),
    ("limit · resets Dec 2, 9am (Asia/Tokyo)", at(2, 0, month=12)),
    ("Claude AI usage limit reached|1795331640", datetime.fromtimestamp(1795331640, UTC)),
    ("resets 2pm", at(22, 14)),
    ("resets at 14:30", at(22, 14, 30)),
    ("resets Monday 9am", at(23, 9)),
    ("resets Sun, 6am (UTC)", at(29, 6)),
    ("Your weekly limit resets on Wednesday at 12:00 UTC", at(25, 12)),
    # Codex
    ("to purchase more credits or try again at 7:22 AM.", at(22, 7, 22)),
    ("try again at Nov 23rd, 2026 7:23 AM.", at(23, 7, 23)),
    ("try again at Dec 1st, 2026 12:00 AM", at(1, 0, month=12)),
    # durations
    ("Rate limit reached for gpt. Please try again in 2.5s.", NOW + timedelta(seconds=2.5)),
    ("Please retry in 56.5s.", NOW + timedelta(seconds=56.5)),
    ("try again in 3h 20m", NOW + timedelta(hours=3, minutes=20)),
    ("resets in 2 days, 4 hours and 1 minute", NOW + timedelta(days=2, hours=4, minutes=1)),
    ("try again at 2026-11-22T08:00:00Z", at(22, 8)),
    ("resets 2026-11-22T08:00:00+02:00 or", None),
    ("resets 2026-11-22T09:00:00+02:00 or", at(22, 7)),
]

NONE = [
    "",
    "You've reached your Fable 5 limit. Run /usage-credits to continue.",
    "resets soon",
    "resets 7",
    "resets 25:00",
    "resets 13pm (UTC)",
    "resets 0am (UTC)",
    "resets 5pm (Pacific Time)",
    "resets 5pm (../../etc/passwd)",
    "resets 5pm (/etc/localtime)",
    "resets Feb 30, 3pm (UTC)",
    "resets Foo 3, 3pm (UTC)",
    "resets Yesterday 9am",
    "try again at Nov 21st, 2026 7:23 AM",  # gone
    "resets Mar 3, 9am (UTC)",  # more than a month away: no such window
    "try again in 5 parsecs",
    "try again in 99999999999999 days",
    "try again in 60 weeks",
    "try again in 0s",
    "limit reached|1595331640",
    "limit reached|99999999999",
    "presets 7:14am (UTC)",
    "resets 2026-13-45T08:00:00Z",
    "resets 7:14amazing",
]


@pytest.mark.parametrize(("text", "time"), FORMS)
def test_a_form(text: str, time: datetime | None) -> None:
    assert resets.in_text(text, NOW) == time


@pytest.mark.parametrize("text", NONE)
def test_no_time(text: str) -> None:
    assert resets.in_text(text, NOW) is None


def test_29_february() -> None:
    now = datetime(2028, 2, 20, tzinfo=UTC)
    assert resets.in_text("resets Feb 29, 3pm (UTC)", now) == at(29, 15, month=2, year=2028)
    assert resets.in_text("resets Feb 29, 3pm (UTC)", datetime(2027, 2, 20, tzinfo=UTC)) is None


def test_over_the_year_end() -> None:
    now = datetime(2026, 12, 30, 23, tzinfo=UTC)
    assert resets.in_text("resets Jan 2, 3am (UTC)", now) == at(2, 3, month=1, year=2027)
    assert resets.in_text("resets 3am (UTC)", now) == at(31, 3, month=12)


def test_the_zone_of_the_program() -> None:
    zone = ZoneInfo("America/New_York")
    assert resets.in_text("resets 2pm", NOW, zone=zone) == at(22, 19)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (1795331640, datetime.fromtimestamp(1795331640, UTC)),
        (1595331640, None),
        (True, None),
        ("1795331640", None),
        (-1, None),
        (10**14, None),
        (None, None),
    ],
)
def test_an_epoch(value: object, time: datetime | None) -> None:
    assert resets.epoch(value, NOW) == time


@pytest.mark.parametrize(
    ("headers", "body", "time"),
    [
        ({"anthropic-ratelimit-unified-reset": "1795356000"}, "", at(22, 14)),
        ({"x-codex-primary-reset-at": "1795356000"}, "", at(22, 14)),
        ({"retry-after": "7200"}, "", NOW + timedelta(hours=2)),
        ({}, '{"error": {"resets_at": 1795356000}}', at(22, 14)),
        ({}, "RateLimitError: {'resets_at': 1795356000}", at(22, 14)),
        ({}, "Please try again in 2h.", NOW + timedelta(hours=2)),
        ({"retry-after": "60"}, '{"resets_at": 1795356000}', at(22, 14)),
        ({"retry-after": "7200"}, '{"resets_at": 1595331640}', NOW + timedelta(hours=2)),
        ({"retry-after": "Sun, 22 Nov 2026 14:00:00 GMT"}, "", None),
        ({"retry-after": "0"}, "", None),
        ({"retry-after": 7200}, "", None),
        ({}, "", None),
    ],
)
def test_an_answer(headers: dict[str, object], body: str, time: datetime | None) -> None:
    assert resets.in_answer(headers, body, NOW) == time


LEADS = st.sampled_from(("resets", "resets in", "try again", "try again at", "limit reached"))
TIMES = st.sampled_from(
    ("7", ":14", "am", "pm", "Nov", "24,", "(UTC)", "Monday", "2.5", "s", "hours", "|1795331640")
)


@given(st.lists(LEADS | TIMES, max_size=8), st.text(max_size=20))
def test_whatever_it_says_the_time_is_to_come(words: list[str], tail: str) -> None:
    time = resets.in_text(" ".join(words) + tail, NOW)
    assert time is None or NOW < time <= NOW + resets.LONGEST

"""Actions minutes per month: pure arithmetic on the schedule and the plan (design 13).

Each job is billed in whole minutes. A merged pull request costs three working jobs
(reconcile, agent, publish) and at most six wakes of a minute; an idle repository costs its
scheduled passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from ao_actions.errors import ConfigError

PLANS = {"Free": 2000, "Pro and Team": 3000, "Enterprise": 50_000}
WAKES = 6
SMALL_JOBS = 2  # reconcile and publish
_DAYS = 30
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_NAMES = {
    3: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    4: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Minutes of a month. `per_pull` is without the agent's own time, which is bounded by
    `agent_limit` per attempt, and without the wait for CI, bounded by `wait_limit` per push;
    `billed` is whether GitHub counts them at all."""

    idle: int
    per_pull: int
    agent_limit: int
    wait_limit: int
    billed: bool | None
    because: str

    def lines(self) -> list[str]:
        """For people."""
        agent = "the agent's job"
        if self.agent_limit:
            agent += f" (at most {self.agent_limit} minutes an attempt)"
        else:
            agent += " (self-hosted: no minutes)"
        wait = f"the wait for CI after each push (at most {self.wait_limit})"
        counted = f"idle {self.idle} minutes a month, merged pull request {self.per_pull}"
        first = f"{counted}, {agent} and {wait}; {self.because}"
        if self.billed is False:
            return [first]
        shares = ", ".join(f"{plan} {_share(self.idle, size)}" for plan, size in PLANS.items())
        return [first, f"idle share of the plan's minutes: {shares}; your own CI comes on top"]


def forecast(
    schedule: str,
    *,
    private: bool | None,
    minutes: int,
    wait: int,
    enterprise_server: bool = False,
    self_hosted: bool = False,
) -> Forecast:
    """What the chosen schedule costs.

    :raises ConfigError: the schedule is not a cron line
    """
    if enterprise_server:
        billed, because = False, "GitHub Enterprise Server counts none"
    elif private is False:
        billed, because = False, "free in a public repository"
    elif private:
        billed, because = True, "counted against the plan: the repository is private"
    else:
        billed, because = None, "free if the repository is public, else counted against the plan"
    return Forecast(
        idle=passes(schedule),
        per_pull=SMALL_JOBS + WAKES,
        agent_limit=0 if self_hosted else minutes,
        wait_limit=wait,
        billed=billed,
        because=because,
    )


def passes(schedule: str) -> int:
    """Scheduled passes in a month of 30 days.

    :raises ConfigError: the schedule is not a cron line
    """
    parts = schedule.split()
    if len(parts) != 5:
        raise ConfigError(f"schedule: {schedule!r} is not a cron line of five fields")
    minute, hour, day, month, weekday = (
        _values(part, index, schedule) for index, part in enumerate(parts)
    )
    weekday = {value % 7 for value in weekday}
    first = date(2026, 1, 1)
    hits = 0
    for offset in range(365):
        when = first + timedelta(days=offset)
        in_week = (when.weekday() + 1) % 7 in weekday
        in_month = when.day in day
        # cron: where both are given, either is enough
        either = parts[2] != "*" and parts[4] != "*"
        on_day = (in_month or in_week) if either else (in_month and in_week)
        hits += when.month in month and on_day
    return round(hits * len(minute) * len(hour) * _DAYS / 365)


def _values(part: str, index: int, schedule: str) -> set[int]:
    name, low, high = _FIELDS[index]
    found: set[int] = set()
    for item in part.lower().split(","):
        try:
            found |= _item(item, index, low, high)
        except ValueError:
            raise ConfigError(
                f"schedule: {schedule!r} is not a cron line ({name}: {item!r})"
            ) from None
    return found


def _item(item: str, index: int, low: int, high: int) -> set[int]:
    span, _, step = item.partition("/")
    start, end = _span(span, index, low, high)
    if step and span != "*" and "-" not in span:
        end = high
    width = int(step) if step else 1
    if not low <= start <= end <= high or width < 1:
        raise ValueError(item)
    return set(range(start, end + 1, width))


def _span(span: str, index: int, low: int, high: int) -> tuple[int, int]:
    if span == "*":
        return low, high
    first, _, last = span.partition("-")
    return _number(first, index), _number(last or first, index)


def _number(text: str, index: int) -> int:
    names = _NAMES.get(index, [])
    if text in names:
        return names.index(text) + (1 if index == 3 else 0)
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


def _share(minutes: int, size: int) -> str:
    share = 100 * minutes / size
    return f"{share:.0f} % of {size:,}" if share >= 1 or not minutes else f"under 1 % of {size:,}"

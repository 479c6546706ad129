"""POSIX cron with five fields, as `schedule:` takes it. Times are UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

_MONTHS = dict(zip("jan feb mar apr may jun jul aug sep oct nov dec".split(), range(1, 13)))  # noqa: B905, SIM905
_DAYS = dict(zip("sun mon tue wed thu fri sat".split(), range(7)))  # noqa: B905, SIM905
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES: tuple[dict[str, int], ...] = ({}, {}, {}, _MONTHS, _DAYS)


@dataclass(frozen=True, slots=True)
class Cron:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    def matches(self, moment: datetime) -> bool:
        return (
            moment.minute in self.minutes
            and moment.hour in self.hours
            and moment.month in self.months
            and self._day(moment)
        )

    def _day(self, moment: datetime) -> bool:
        """If both day fields are restricted, either may match (POSIX crontab)."""
        day = moment.day in self.days
        weekday = moment.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return day and weekday
        return day or weekday

    def next_after(self, moment: datetime) -> datetime | None:
        """The first tick later than `moment`; None if there is none in four years."""
        tick = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        limit = tick + timedelta(days=4 * 366)
        while tick < limit:
            if tick.month not in self.months or not self._day(tick):
                tick = tick.replace(hour=0, minute=0) + timedelta(days=1)
            elif tick.hour not in self.hours:
                tick = tick.replace(minute=0) + timedelta(hours=1)
            elif tick.minute not in self.minutes:
                tick += timedelta(minutes=1)
            else:
                return tick
        return None


@lru_cache(maxsize=256)
def parse(text: str) -> Cron:
    """Raises ValueError, in words, for what is no cron line."""
    fields = text.lower().split()
    if len(fields) != 5:
        raise ValueError(f"a cron line has five fields: {text!r}")
    sets = [
        _field(part, *bounds, names)
        for part, bounds, names in zip(fields, _BOUNDS, _NAMES, strict=True)
    ]
    weekdays = frozenset(day % 7 for day in sets[4])
    return Cron(
        sets[0], sets[1], sets[2], sets[3], weekdays, fields[2][0] == "*", fields[4][0] == "*"
    )


def _field(text: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            start, stop = low, high
        else:
            start = _number(first, names)
            stop = _number(last, names) if last else (high if step else start)
        width = int(step) if step.isdigit() else 0 if step else 1
        if not (low <= start <= stop <= high) or width < 1:
            raise ValueError(f"cron field {text!r} is not within {low}-{high}")
        values.update(range(start, stop + 1, width))
    return frozenset(values)


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdigit():
        raise ValueError(f"not a cron value: {text!r}")
    return int(text)

"""What a meter has counted: plain values, JSON both ways by `core.codec`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens of one or more answers. `input` is all of the input; the next three are parts of it.

    `cached` was read from the provider's cache, `written` was written to it, `written_hour` was
    written to be kept for an hour (Anthropic).
    """

    input: int = 0
    cached: int = 0
    written: int = 0
    written_hour: int = 0
    output: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            input=self.input + other.input,
            cached=self.cached + other.cached,
            written=self.written + other.written,
            written_hour=self.written_hour + other.written_hour,
            output=self.output + other.output,
        )


class LimitKind(StrEnum):
    """What kind of no a provider gave."""

    USAGE = "usage"  # a subscription's or a day's share is used up
    RATE = "rate"  # too fast
    QUOTA = "quota"  # a matter of billing: waiting does not help
    OVERLOADED = "overloaded"  # the provider's own trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit that a provider named. `until` is UTC, None where no (or a past) time was given.

    `detail` is one printable sentence made of a status, an error's code and header names.
    """

    provider: str
    kind: LimitKind
    until: datetime | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The state of a meter.

    `requests` counts requests for an answer that were forwarded; `refused` those that the budget
    stopped, `limited` those that a standing limit stopped. `unmetered` answers told no usage.
    `usd` is None as soon as an answer was unmetered or its model has no price in the list.
    `limit` is the last limit that no success on its provider followed. `errors` counts by status.
    """

    requests: int = 0
    refused: int = 0
    limited: int = 0
    unmetered: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    models: Mapping[str, Tokens] = field(default_factory=dict)
    limit: Limit | None = None
    errors: Mapping[str, int] = field(default_factory=dict)

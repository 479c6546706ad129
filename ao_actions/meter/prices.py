"""What tokens cost, from the price list in `prices.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from ao_actions.core import codec
from ao_actions.meter.account import Tokens

# What may stand after a model's name without making it another model: a snapshot's date or
# number. Anything else (`-pro`, `-highspeed`) is a model of its own with a price of its own.
_SNAPSHOT = re.compile(
    r"(?:-\d{8}|-\d{4}-\d\d-\d\d|@\d{8}|-\d{3}|-latest|-preview(?:-\d\d-\d{2,4})?)?(?:\[1m\])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Long:
    """A request with more input than `above` tokens is dearer as a whole, by these factors."""

    above: int
    input: float
    output: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens. A part of the input without a price costs as input."""

    input: float
    output: float
    cached: float | None = None
    written: float | None = None
    written_hour: float | None = None
    long: Long | None = None

    def usd(self, tokens: Tokens) -> float:
        """The cost of one answer."""
        parts = (
            (tokens.cached, self.cached),
            (tokens.written, self.written),
            (tokens.written_hour, self.written_hour),
        )
        fresh = max(0, tokens.input - sum(count for count, _ in parts))
        entry = fresh * self.input
        entry += sum(count * (self.input if price is None else price) for count, price in parts)
        left = tokens.output * self.output
        if self.long is not None and tokens.input > self.long.above:
            entry, left = entry * self.long.input, left * self.long.output
        return (entry + left) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A price list: the day it was made, the pages it was made from, the price of each model."""

    date: str
    sources: tuple[str, ...]
    models: Mapping[str, Price]

    def of(self, model: str) -> Price | None:
        """The price of a model or of a snapshot of one; None for a model that is not listed."""
        name = model.removeprefix("models/")
        found = [
            listed
            for listed in self.models
            if name.startswith(listed) and _SNAPSHOT.fullmatch(name, len(listed))
        ]
        return self.models[max(found, key=len)] if found else None


@cache
def listed() -> Prices:
    """The list of this version of ao-actions."""
    text = Path(__file__).with_name("prices.yaml").read_text(encoding="utf-8")
    return codec.decode(Prices, yaml.safe_load(text))

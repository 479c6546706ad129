"""The price list, and what it makes of tokens."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.meter import Tokens
from ao_actions.meter.prices import Long, Price, listed

PRICE = Price(input=4, cached=0.2, written=5, written_hour=8, output=20)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("claude-sonnet-4@20250514", "claude-sonnet-4"),
        ("gpt-5.5-2026-04-23", "gpt-5.5"),
        ("gpt-5.4-mini", "gpt-5.4-mini"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gemini-2.5-pro-preview-06-05", "gemini-2.5-pro"),
        ("gemini-3.1-pro-preview", "gemini-3.1-pro"),
        ("gemini-2.5-flash-001", "gemini-2.5-flash"),
        ("kimi-k3", "kimi-k3"),
        # another model, of which only the beginning is known, has no price
        ("claude-opus-5-7", None),
        ("gpt-5.5-turbo", None),
        ("gpt-5.5-pro-2026-04-23", "gpt-5.5-pro"),
        ("kimi-k2.7-code-highspeed", None),
        ("gemini-2.5-pro-image", None),
        ("scripted-model", None),
        ("", None),
    ],
)
def test_a_model_s_price(model: str, name: str | None) -> None:
    prices = listed()
    assert prices.of(model) is (prices.models[name] if name else None)


def test_a_sum_that_claude_code_itself_came_to() -> None:
    # two turns of 1000 new and 200 cached tokens, 50 out: total_cost_usd 0.01008
    price = listed().of("claude-opus-5-5")
    assert price is not None
    cost = price.usd(Tokens(input=2400, cached=400, output=100))
    assert cost == pytest.approx(0.01008)


def test_parts_of_the_input_cost_their_own() -> None:
    tokens = Tokens(input=1000, cached=100, written=200, written_hour=300, output=10)
    cost = 400 * 4 + 100 * 0.2 + 200 * 5 + 300 * 8 + 10 * 20
    assert PRICE.usd(tokens) == pytest.approx(cost / 1e6)


def test_a_part_without_a_price_costs_as_input() -> None:
    tokens = Tokens(input=1000, cached=100, written=200, written_hour=300)
    assert Price(input=2, output=9).usd(tokens) == pytest.approx(2000 / 1e6)


@pytest.mark.parametrize(("count", "factor"), [(100, 1), (101, 3)])
def test_a_long_request_is_dearer_as_a_whole(count: int, factor: int) -> None:
    long = Long(above=100, input=3, output=3)
    price = Price(input=1, output=2, long=long)
    cost = price.usd(Tokens(input=count, output=10))
    assert cost == pytest.approx(factor * (count + 20) / 1e6)


counts = st.integers(0, 10**9)


@given(counts, counts, counts, counts, counts)
def test_a_cost_is_never_negative(a: int, b: int, c: int, d: int, e: int) -> None:
    # a provider may tell more cached tokens than tokens
    assert PRICE.usd(Tokens(input=a, cached=b, written=c, written_hour=d, output=e)) >= 0


def test_the_list_is_dated_and_plausible() -> None:
    prices = listed()
    assert date.fromisoformat(prices.date)
    assert all(source.startswith("https://") for source in prices.sources)
    for name, price in prices.models.items():
        assert 0 < price.input < price.output, name
        assert price.cached is None or 0 < price.cached < price.input, name

"""The running account, without a network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.core import codec
from ao_actions.meter import Account, Limit, LimitKind, Tokens
from ao_actions.meter.book import Book
from ao_actions.meter.prices import listed
from ao_actions.meter.protocols import ANTHROPIC
from ao_actions.meter.reading import Reading

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMIT = Limit(
    provider="p", kind=LimitKind.USAGE, until=NOW + timedelta(hours=1), detail="status 429"
)


def told(model: str, tokens: Tokens) -> Reading:
    reading = Reading(ANTHROPIC, streamed=True)
    reading.model, reading.tokens = model, tokens
    return reading


@given(
    budget=st.floats(0.01, 1),
    answers=st.lists(st.lists(st.integers(0, 30_000), min_size=1, max_size=4), max_size=12),
)
def test_an_answer_counts_once_however_often_it_tells(
    budget: float, answers: list[list[int]]
) -> None:
    book = Book(listed(), budget)
    for outputs in answers:
        exchange = book.open("p")
        for output in outputs:
            book.see(exchange, told("claude-opus-5-5", Tokens(input=10, output=output)))
    total = sum(outputs[-1] for outputs in answers)
    usd = (len(answers) * 10 * 4 + total * 20) / 1e6
    account = book.account()
    assert (account.requests, account.output_tokens) == (len(answers), total)
    assert account.usd == pytest.approx(usd, abs=1e-6)
    if abs(usd - budget) > 1e-9:
        assert (book.over_budget() is not None) == (usd > budget)


def test_a_success_after_a_limit_ends_it() -> None:
    book = Book(listed(), None)
    book.meet(LIMIT, NOW)
    assert book.limited("other", NOW) is None
    assert book.limited("p", NOW) == "ao-actions: p is limited until 2026-11-22T13:00:00Z"
    assert book.limited("p", LIMIT.until or NOW) is None
    book.succeeded(book.open("p"))
    assert book.limited("p", NOW) is None
    assert book.account() == Account(requests=1, limited=1)


def test_the_late_end_of_an_earlier_answer_does_not_end_a_limit() -> None:
    book = Book(listed(), None)
    earlier = book.open("p")
    book.meet(LIMIT, NOW)
    book.succeeded(earlier)
    assert book.account().limit == LIMIT
    assert book.limited("p", NOW) is not None


def test_the_last_limit_of_several_providers_is_told() -> None:
    book = Book(listed(), None)
    book.meet(LIMIT, NOW)
    other = Limit(provider="q", kind=LimitKind.QUOTA, until=None, detail="")
    book.meet(other, NOW)
    assert book.account().limit == other
    book.meet(LIMIT, NOW)
    assert book.account().limit == LIMIT


def test_an_account_as_json_and_back() -> None:
    book = Book(listed(), 1)
    book.see(book.open("p"), told("m", Tokens(input=3, cached=1, output=2)))
    book.meet(LIMIT, NOW)
    book.failed(429)
    book.unmetered()
    account = book.account()
    assert account.usd is None
    assert codec.decode(Account, codec.encode(account)) == account

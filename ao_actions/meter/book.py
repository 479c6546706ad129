"""The running account of a meter: what was spent, and what stands against spending more."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from ao_actions.meter import limits
from ao_actions.meter.account import Account, Limit, Tokens
from ao_actions.meter.prices import Prices
from ao_actions.meter.reading import Reading


class Exchange:
    """One forwarded request for an answer, and what is known of it so far."""

    def __init__(self, provider: str, number: int) -> None:
        self.provider = provider
        self.number = number
        self.model = ""
        self.tokens: Tokens | None = None
        self.usd: float | None = None


class Book:
    """Counts usage as soon as its bytes are seen, so that the very next request meets it."""

    def __init__(self, prices: Prices, budget: float | None) -> None:
        self._prices = prices
        self._budget = budget
        self._spent = 0.0
        self._told: list[Exchange] = []  # those that told their usage
        self._counts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._limits: dict[str, Limit] = {}  # by provider, the latest one last
        self._standing: dict[str, Limit] = {}
        self._met: dict[str, int] = {}  # how many requests there were when a limit was met

    def over_budget(self) -> str | None:
        """Counts a request that the budget stops and says why; None while there is money."""
        if self._budget is None or self._spent < self._budget:
            return None
        self._counts["refused"] += 1
        return f"ao-actions: the budget of this attempt (${self._budget:.2f}) is spent"

    def limited(self, provider: str, now: datetime) -> str | None:
        """Counts a request that a standing limit stops and says why; None without one."""
        limit = self._standing.get(provider)
        if limit is None or limit.until is None or limit.until <= now:
            return None
        self._counts["limited"] += 1
        return f"ao-actions: {provider} is limited until {limit.until:%Y-%m-%dT%H:%M:%SZ}"

    def open(self, provider: str) -> Exchange:
        """A request that is about to be forwarded."""
        self._counts["requests"] += 1
        return Exchange(provider, self._counts["requests"])

    def see(self, exchange: Exchange, reading: Reading) -> None:
        """What an answer has told by now."""
        if reading.tokens is None or reading.tokens == exchange.tokens:
            return
        if exchange.tokens is None:
            self._told.append(exchange)
        price = self._prices.of(reading.model)
        usd = price.usd(reading.tokens) if price else None
        self._spent += (usd or 0.0) - (exchange.usd or 0.0)
        exchange.model, exchange.tokens, exchange.usd = reading.model, reading.tokens, usd

    def unmetered(self) -> None:
        """An answer that may cost money told no usage."""
        self._counts["unmetered"] += 1

    def succeeded(self, exchange: Exchange) -> None:
        """Ends its provider's limit, unless it is the late end of an earlier request."""
        if exchange.number <= self._met.get(exchange.provider, 0):
            return
        self._limits.pop(exchange.provider, None)
        self._standing.pop(exchange.provider, None)

    def failed(self, status: int) -> None:
        self._errors[str(status)] += 1

    def meet(self, limit: Limit, now: datetime) -> None:
        """A limit in an answer. A long one stands: nothing is forwarded until it is over."""
        self._limits.pop(limit.provider, None)
        self._limits[limit.provider] = limit
        self._met[limit.provider] = self._counts["requests"]
        if limits.is_long(limit, now):
            self._standing[limit.provider] = limit

    def account(self) -> Account:
        models: dict[str, Tokens] = {}
        for each in self._told:
            models[each.model] = models.get(each.model, Tokens()) + (each.tokens or Tokens())
        total = sum(models.values(), Tokens())
        known = not self._counts["unmetered"] and all(each.usd is not None for each in self._told)
        return Account(
            requests=self._counts["requests"],
            refused=self._counts["refused"],
            limited=self._counts["limited"],
            unmetered=self._counts["unmetered"],
            input_tokens=total.input,
            cached_tokens=total.cached,
            output_tokens=total.output,
            usd=round(sum(each.usd or 0.0 for each in self._told), 6) if known else None,
            models=models,
            limit=next(reversed(self._limits.values()), None),
            errors=dict(self._errors),
        )

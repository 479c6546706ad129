"""Meters as the product starts them: processes of their own, ended with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ao_actions import meter
from ao_actions.errors import AoError
from ao_actions.meter import Meter, Upstream
from tests.meter.provider import Provider

KEY = "sk-real-key-of-a-test"
HEADERS = {
    "anthropic": "x-api-key",
    "openai": "authorization",
    "moonshot": "authorization",
    "gemini": "x-goog-api-key",
}
Started = Callable[..., Meter]


@pytest.fixture
def start() -> Iterator[Started]:
    """`start(provider)` is a meter with all four names for this one provider."""
    meters = []

    def start(
        provider: Provider | str,
        *,
        usd: float | None = None,
        seconds: int = 120,
        log: Path | None = None,
    ) -> Meter:
        url = provider if isinstance(provider, str) else provider.url
        upstreams = [
            Upstream(name=name, url=url, header=header, key=KEY) for name, header in HEADERS.items()
        ]
        meters.append(meter.start(upstreams, usd=usd, seconds=seconds, log=log))
        return meters[-1]

    yield start
    for each in meters:
        try:
            each.close()
        except AoError:
            continue  # the test has ended it


class Client(httpx.Client):
    """An agent's connections to a meter: `ask(name, path)` with the dummy key."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(timeout=30, headers={"x-api-key": meter.key})
        self.meter = meter

    def ask(self, name: str, path: str, method: str = "POST", **more: Any) -> httpx.Response:
        return self.request(method, self.meter.base(name) + path, **more)

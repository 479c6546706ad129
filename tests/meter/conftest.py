"""Meters, ended with the test, and an agent's client for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ao_actions.errors import AoError
from ao_actions.meter import Meter, Upstream
from ao_actions.meter.__main__ import listen, serve
from ao_actions.meter.prices import listed
from ao_actions.meter.settings import Settings
from tests.meter.provider import Provider

DUMMY = "ao-meter-0123456789abcdefghijklmnopqrstuv"
KEY = "sk-real-key-of-a-test"
HEADERS = {
    "anthropic": "x-api-key",
    "openai": "authorization",
    "moonshot": "authorization",
    "gemini": "x-goog-api-key",
}
Started = Callable[..., Meter]


def providers(provider: Provider | str) -> tuple[Upstream, ...]:
    """All four names for one provider."""
    url = provider if isinstance(provider, str) else provider.url
    return tuple(
        Upstream(name=name, url=url, header=header, key=KEY) for name, header in HEADERS.items()
    )


@pytest.fixture
def start() -> Iterator[Started]:
    """`start(provider)` is a meter, as its process runs it but in a thread: that starts faster."""
    running: list[tuple[Meter, threading.Thread]] = []

    def start(
        provider: Provider | str, *, usd: float | None = None, log: Path = Path(os.devnull)
    ) -> Meter:
        settings = Settings(
            upstreams=providers(provider), dummy=DUMMY, usd=usd, seconds=120, log=None
        )
        listener = listen()
        meter = Meter.parse(f"http://{DUMMY}@127.0.0.1:{listener.getsockname()[1]}")

        def run() -> None:
            with listener, log.open("a", encoding="utf-8", buffering=1) as file:
                asyncio.run(serve(settings, listed(), listener, file))

        thread = threading.Thread(target=run)
        thread.start()
        running.append((meter, thread))
        return meter

    yield start
    for meter, thread in running:
        if thread.is_alive():
            with contextlib.suppress(AoError):  # the test has closed it
                meter.close()
        thread.join()


class Client(httpx.Client):
    """An agent's connections to a meter: `ask(name, path)` with the dummy key."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(timeout=30, headers={"x-api-key": meter.key})
        self.meter = meter

    def ask(self, name: str, path: str, method: str = "POST", **more: Any) -> httpx.Response:
        return self.request(method, self.meter.base(name) + path, **more)

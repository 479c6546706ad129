"""Reads usage and errors out of an answer while its bytes pass; bounded memory, nothing changed."""

from __future__ import annotations

import json
from typing import Any

from ao_actions.meter.account import Tokens
from ao_actions.meter.protocols import Protocol
from ao_actions.meter.sse import Events

BODY_LIMIT = 16_000_000  # bytes of an answer that is one JSON value


class Reading:
    """One answer. `tokens` is None until it told its usage; a cut answer tells what it told."""

    def __init__(self, protocol: Protocol, *, streamed: bool) -> None:
        self.model = ""
        self.tokens: Tokens | None = None
        self.failure: Any = None  # the last JSON value that speaks of an error
        self.streamed = streamed
        self._protocol = protocol
        self._usage: dict[str, Any] = {}
        self._events = Events()
        self._body: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        if self.streamed:
            for data in self._events.feed(chunk):
                # most events are words; those that matter are few, and worth reading
                if b'"usage' in data or b'"error"' in data:
                    self._read(data)
            return
        self._size += len(chunk)
        if self._size <= BODY_LIMIT:
            self._body.append(chunk)

    def end(self) -> None:
        """The answer is over, or was cut."""
        if self._size <= BODY_LIMIT:
            self._read(b"".join(self._body))
        self._body = []

    def _read(self, data: bytes) -> None:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return
        if is_error(value):
            self.failure = value
        for model, usage in self._protocol.seen(value):
            self.model = model or self.model
            # Anthropic's second usage object completes its first; others repeat all of it
            self._usage |= {key: item for key, item in usage.items() if item is not None}
            self.tokens = self._protocol.tokens(self._usage)


def is_error(value: Any) -> bool:
    """Whether a JSON value is an error, or an event that carries one."""
    if not isinstance(value, dict):
        return False
    inner = value.get("response")
    return bool(value.get("error")) or (isinstance(inner, dict) and bool(inner.get("error")))

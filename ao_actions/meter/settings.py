"""What a meter is started with; it travels to the process as JSON on its standard input."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ao_actions.errors import AoError

_HEADERS = {"x-api-key": "", "x-goog-api-key": "", "authorization": "Bearer "}
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_KEY = re.compile(r"[!-~]{8,}")  # a shorter one would be found, and taken out, in any text


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A provider: its base address without the protocol's path, and how the real key travels.

    `header` is "x-api-key", "x-goog-api-key" or "authorization" (as a bearer token).

    :raises AoError: a value cannot be sent
    """

    name: str
    url: str
    header: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        url = urlsplit(self.url)
        if not _NAME.fullmatch(self.name):
            raise AoError(f"meter: {self.name!r} is no provider's name: a-z, 0-9, - and _")
        if url.scheme not in ("http", "https") or not url.hostname or url.username is not None:
            raise AoError(f"meter: {self.name}: the address must be https://HOST or http://HOST")
        if url.query or url.fragment:
            raise AoError(f"meter: {self.name}: the address must have no query and no fragment")
        if self.header not in _HEADERS:
            raise AoError(f"meter: {self.name}: the key's header must be {', '.join(_HEADERS)}")
        if not _KEY.fullmatch(self.key):
            raise AoError(f"meter: {self.name}: the key is empty or short, or has spaces in it")

    @property
    def credential(self) -> tuple[bytes, bytes]:
        """The header with the real key."""
        return self.header.encode(), (_HEADERS[self.header] + self.key).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it. `usd` is the budget, `seconds` the time after which the process ends by itself."""

    upstreams: tuple[Upstream, ...]
    dummy: str = field(repr=False)
    usd: float | None
    seconds: int
    log: str | None

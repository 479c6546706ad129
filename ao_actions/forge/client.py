"""One GitHub connection: who we are, what we may ask, and what a failure means.

Reads are tried again where no sound answer came, with backoff and within a budget of time.
Writes are sent once: whether a write whose answer was lost has happened is read from the world
(I7). What GitHub refuses for its rate limits has not happened; it is sent again when the limit
is over, within the same budget. PyGithub's own retry re-sends a POST ten times; it is off.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from ao_actions.errors import AoError, AuthError, ForgeError, NotFoundError, RateLimitError
from ao_actions.forge import answers
from ao_actions.forge.answers import Answer
from ao_actions.patience import Patience

Json = Any
TIMEOUT = timedelta(seconds=30)  # of a connection that is silent
READINGS = 4  # of a list that changes while it is read
ENDLESS = 500 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Address:
    """Where GitHub is: from GITHUB_API_URL, GITHUB_GRAPHQL_URL and GITHUB_SERVER_URL."""

    api: str
    graphql: str
    server: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Address:
        api = env.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
        return cls(
            api=api,
            graphql=env.get("GITHUB_GRAPHQL_URL", f"{api.removesuffix('/v3')}/graphql"),
            server=env.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/"),
        )

    def repository(self, name: str) -> str:
        """The URL that git fetches from and pushes to."""
        return f"{self.server}/{name}.git"


@dataclass(slots=True)
class Client:
    """REST and GraphQL for one repository (`owner/name`) with one token."""

    repository: str
    token: str = field(repr=False)
    address: Address = field(default_factory=Address.from_environment)
    pause: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    _requester: Any = None
    permissions: dict[str, bool] = field(default_factory=dict)
    patience: Patience = field(init=False)
    _seen: datetime | None = None
    _viewer: str | None = None
    _limited: tuple[float, str] = (0.0, "")  # until when on `clock`, and what GitHub said

    def __post_init__(self) -> None:
        self.patience = Patience(self.pause, self.jitter)

    # ---- REST ------------------------------------------------------------------------------

    def get(self, path: str, **parameters: Any) -> Json:
        """The JSON at `path`, which is under the repository unless it begins with a slash."""
        return self.request("GET", path, parameters=parameters)[1]

    def settle(self) -> Json:
        """The repository, and from now on by the name that it has today: what is asked under an
        old one GitHub sends on, but PyGithub without the query, and a write not at all."""
        body = self.get("")
        self.repository = str(body.get("full_name") or self.repository)
        return body

    def content(self, path: str, *, limit: int) -> bytes:
        """The first `limit` bytes of what GitHub answers with a redirect to."""
        return self._read(lambda: self._content(path, limit))

    def _content(self, path: str, limit: int) -> bytes:
        content = bytearray()
        for chunk in self._chunks(path):
            content += chunk
            if len(content) >= limit:
                break
        return bytes(content[:limit])

    def ends(self, path: str, *, limit: int) -> bytes:
        """What GitHub answers with a redirect to, or of more than `limit` bytes the first and
        the last half of that, with a line between them. Nothing beyond 500 MB is read."""
        return self._read(lambda: self._ends(path, limit))

    def _ends(self, path: str, limit: int) -> bytes:
        head, tail, size = bytearray(), bytearray(), 0
        half = limit // 4 * 2
        for chunk in self._chunks(path):
            size += len(chunk)
            room = half - len(head)
            head += chunk[:room]
            tail += chunk[room:]
            if len(tail) > 2 * half:
                del tail[: len(tail) - half]
            if size > ENDLESS:
                break
        if size <= 2 * half:
            return bytes(head + tail)
        # an even number of bytes is left out, for the sake of UTF-16
        return bytes(head + b"\n" * 2 + tail[len(tail) - half + size % 2 :])

    def _read(self, download: Callable[[], bytes]) -> bytes:
        """A download, begun again where it broke off."""
        turn = 0
        while True:
            try:
                return download()
            except ForgeError as error:
                turn += 1
                if not error.unknown or not self.patience.before_try(turn):
                    raise

    def _chunks(self, path: str) -> Iterator[bytes]:
        """The token does not follow a redirect to another host (requests takes care of that)."""
        import requests

        url = f"{self.address.api}/repos/{self.repository}/{path}"
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": "ao-actions"}
        try:
            with requests.get(url, headers=headers, timeout=60, stream=True) as answer:
                if answer.status_code >= 400:
                    failed = Answer(answer.status_code, answer.text[:400], dict(answer.headers))
                    raise self._failure("GET", url, failed)
                yield from answer.iter_content(1 << 16)
        except requests.exceptions.RequestException as error:
            raise ForgeError(f"{url}: {type(error).__name__}", unknown=True) from None

    def pages(self, path: str, key: str | None = None, **parameters: Any) -> list[Json]:
        """All items of a list of at most a few pages (`key`: where the list stands).

        What is removed while it is read moves another item past us, from one page to the one
        before. So a list of several pages is read until two readings agree.

        :raises ForgeError: it is no list, or never twice the same
        """
        items, count = self._reading(path, key, parameters)
        for _ in range(READINGS):
            if count == 1:
                return items
            again, count = self._reading(path, key, parameters)
            if _identities(again) == _identities(items):
                return again
            items = again
        raise ForgeError(f"{self._url(path)}: the list changes faster than it can be read")

    def _reading(
        self, path: str, key: str | None, parameters: Mapping[str, Any]
    ) -> tuple[list[Json], int]:
        """The items as one reading finds them, and how many pages those were."""
        items: dict[Any, Json] = {}
        page = 1
        while True:
            body = self.get(path, **{**parameters, "per_page": 100, "page": page})
            found = body.get(key) if key and isinstance(body, dict) else body
            if not isinstance(found, list):
                raise ForgeError(f"{self._url(path)}: GitHub answered with something else: {body}")
            items |= {_identity(item): item for item in found}
            if len(found) < 100:
                return list(items.values()), page
            page += 1

    def request(
        self,
        verb: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Json = None,
        accept: tuple[int, ...] = (),
        looked: bool = False,
    ) -> tuple[int, Json]:
        """Status and JSON. A status of 400 and above raises unless it is in `accept`.

        `looked`: it rests on a look that was taken directly before. Where a limit had to be waited
        for, that look is old: it is not sent again but raises ForgeError, unknown.

        :raises AuthError: 401, or 403 for want of a permission
        :raises NotFoundError: 404
        :raises RateLimitError: a rate limit (403, 429) that lasts longer than we wait
        :raises ForgeError: any other refusal, a server error, no answer, or one that is not JSON
        """
        url = self._url(path)
        answer = self._send(verb, url, parameters, body, looked=looked)
        if 0 < answer.status < 300 or answer.status in accept:
            return answer.status, _json(verb, url, answer)
        if 300 <= answer.status < 400:
            raise self._moved(verb, url, answer.status)
        raise self._failure(verb, url, answer)

    def _url(self, path: str) -> str:
        return path if path.startswith("/") else f"/repos/{self.repository}/{path}".rstrip("/")

    # ---- GraphQL ---------------------------------------------------------------------------

    def graphql(
        self, query: str, variables: Mapping[str, Any] | None = None, *, write: bool = False
    ) -> tuple[Json, list[Json]]:
        """`data` and the errors of kind NOT_FOUND (which leave holes in the data).

        Any other error leaves holes, too, that must not be taken for what is there.

        :raises AuthError: FORBIDDEN; NotFoundError where the repository is missing
        :raises ForgeError: any other error, or no data
        """
        payload = {"query": query, "variables": dict(variables or {})}
        verb, url = "POST" if write else "QUERY", self.address.graphql
        sent = self._send(verb, url, None, payload)
        if not 0 < sent.status < 400:
            raise self._failure("POST", url, sent)
        answer = _json("POST", url, sent)
        errors = answers.errors(answer)
        for error in errors:
            if error.get("type") in answers.FORBIDDEN:
                raise AuthError(f"{url}: the token may not do that ({error.get('message')})")
            if error.get("type") != "NOT_FOUND":
                unknown = answers.unsure(sent)
                message = f"{url}: {error.get('message')}"
                raise ForgeError(message, status=sent.status, unknown=unknown)
        if any(error.get("path") == ["repository"] for error in errors):
            raise self._missing()
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise ForgeError(f"{url}: an answer without data: {sent.text[:80]!r}", unknown=True)
        return data, errors

    # ---- who may do what -------------------------------------------------------------------

    def viewer(self) -> str:
        """Whose token it is, as REST shows logins: a bot's with `[bot]`."""
        if self._viewer is None:
            data, _ = self.graphql("query Viewer { viewer { login } }")
            self._viewer = str(data["viewer"]["login"])
        return self._viewer

    def may_write(self, login: str) -> bool:
        """Whether a person has write permission, looked up once per pass (design 2.5)."""
        if login not in self.permissions:
            path = f"collaborators/{quote(login, safe='')}/permission"
            status, body = self.request("GET", path, accept=(404,))
            granted = body.get("permission") if status == 200 else None
            self.permissions[login] = granted in ("write", "maintain", "admin")
        return self.permissions[login]

    # ---- transport -------------------------------------------------------------------------

    def _send(
        self,
        verb: str,
        url: str,
        parameters: Mapping[str, Any] | None,
        body: Json,
        *,
        looked: bool = False,
    ) -> Answer:
        """An answer to one request; a read is GET, or QUERY for a GraphQL read.

        :raises RateLimitError: at once, while the limit that was met last is not over
        """
        method = "POST" if verb == "QUERY" else verb
        turn = 0
        while True:
            until, said = self._limited
            if until > self.clock():
                raise RateLimitError(said, status=429)
            began = self.clock()
            answer = Answer(*self._exchange(method, url, dict(parameters or {}), body))
            wait = answers.limited(answer, self._seen)
            if wait is not None:
                self._slow_down(method, url, answer, wait)
                if looked:
                    said = f"{method} {url}: a limit was waited for: look again"
                    raise ForgeError(said, status=answer.status, unknown=True)
                continue
            turn += 1
            if verb not in ("GET", "QUERY") or not answers.unsure(answer):
                return answer
            self.patience.left -= self.clock() - began
            if not self.patience.before_try(turn):
                return answer

    def _slow_down(self, method: str, url: str, answer: Answer, seconds: float) -> None:
        """Wait until a limit is over.

        :raises RateLimitError: that is longer than we wait. Nothing more is sent until then:
            GitHub bans who goes on asking (REST docs, "Best practices")
        """
        if self.patience.wait(seconds):
            return
        over = (self._seen or datetime.now(UTC)) + timedelta(seconds=seconds)
        said = (
            f"{method} {url}: {answer.status} {answers.message(answer.text)}: "
            f"the limit is over at {over:%H:%M:%S} UTC, the next pass goes on"
        )
        self._limited = (self.clock() + seconds, said)
        raise RateLimitError(said, status=answer.status)

    def _exchange(
        self, method: str, url: str, parameters: dict[str, Any], body: Json
    ) -> tuple[int, str] | tuple[int, str, Mapping[str, str]]:
        import requests

        try:
            status, headers, text = self._open().requestJson(
                method, url, parameters=parameters or None, input=body
            )
        except requests.exceptions.RequestException as error:
            return 0, f"{type(error).__name__}: {_reason(error)}"
        if "date" in headers:
            self._seen = parsedate_to_datetime(headers["date"])
        return int(status), str(text or ""), headers

    def now(self) -> datetime:
        """GitHub's time (the `Date` of its last answer), one clock for all runners."""
        if self._seen is None:
            self.get("/rate_limit")
        return self._seen or datetime.now(UTC)

    def _open(self) -> Any:
        if self._requester is None:
            import github

            if not urlsplit(self.address.api).netloc:
                raise ForgeError(f"GITHUB_API_URL is not a URL: {self.address.api!r}")
            connection = github.Github(
                auth=github.Auth.Token(self.token),
                base_url=self.address.api,
                user_agent="ao-actions",
                retry=None,
                timeout=int(TIMEOUT.total_seconds()),
                seconds_between_requests=None,
                seconds_between_writes=None,
            )
            self._requester = connection.requester
        return self._requester

    # ---- what a failure means --------------------------------------------------------------

    def _failure(self, verb: str, url: str, answer: Answer) -> AoError:
        status, message = answer.status, answers.message(answer.text)
        if answers.limited(answer, self._seen) is not None:
            return RateLimitError(f"{verb} {url}: {status} {message}", status=status)
        if status == 404 and url == f"/repos/{self.repository}":
            return self._missing()
        if status == 401:
            return AuthError(
                f"{self.address.api} refuses the token ({message}). "
                "Set GITHUB_TOKEN to a token that may read and write this repository."
            )
        if status == 403:
            return AuthError(f"{verb} {url}: the token may not do that ({message})")
        if status == 404:
            return NotFoundError(f"{verb} {url}: not found, or this token may not see it")
        silent = f"{self.address.api} does not answer {verb} {url} ({answer.text})"
        said = silent if status == 0 else f"{verb} {url}: {status} {message}"
        return ForgeError(said, status=status, unknown=status == 0 or status >= 500)

    def _moved(self, verb: str, url: str, status: int) -> ForgeError:
        """A read is sent on to where a repository is now, a write is not done (GitHub: 307)."""
        return ForgeError(
            f"{verb} {url}: {self.repository} was renamed or transferred, so this was not done. "
            "GitHub's next run has the new name; elsewhere name it with --repository",
            status=status,
        )

    def _missing(self) -> NotFoundError:
        return NotFoundError(
            f"{self.address.server}/{self.repository}: no such repository, or this token may "
            "not see it. Check the name (owner/name) and the token's rights."
        )


def _identity(item: Json) -> Any:
    """Of a list's item: its id where it has one (labels of older servers have a name)."""
    named = item if isinstance(item, dict) else {}
    return named.get("id") or named.get("name") or json.dumps(item, sort_keys=True)


def _identities(items: list[Json]) -> list[Any]:
    return [_identity(item) for item in items]


def _json(verb: str, url: str, answer: Answer) -> Json:
    """:raises ForgeError: it is not JSON; what was asked for may have been done"""
    if not answer.text:
        return {}
    try:
        return answer.json
    except (ValueError, RecursionError):
        raise ForgeError(
            f"{verb} {url}: GitHub answered with something that is not JSON: {answer.text[:80]!r}",
            status=answer.status,
            unknown=True,
        ) from None


def _reason(error: Exception) -> str:
    return str(error).split("(Caused by")[0][:200]

"""One GitHub connection: who we are, what we may ask, and what a failure means.

Reads are tried again after a server error or a lost connection, with backoff and within a
budget. Writes are sent once: whether a write whose answer was lost has happened is read from
the world by the next pass (I7). PyGithub's own retry re-sends a POST ten times; it is off.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from ao_actions.errors import AoError, AuthError, ForgeError, NotFoundError

Json = Any
READ_TRIES = 4
TOO_SOON = (403, 429)
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
    _requester: Any = None
    permissions: dict[str, bool] = field(default_factory=dict)
    _seen: datetime | None = None
    _viewer: str | None = None

    # ---- REST ------------------------------------------------------------------------------

    def get(self, path: str, **parameters: Any) -> Json:
        """The JSON at `path`, which is under the repository unless it begins with a slash."""
        return self.request("GET", path, parameters=parameters)[1]

    def content(self, path: str, *, limit: int) -> bytes:
        """The first `limit` bytes of what GitHub answers with a redirect to."""
        content = bytearray()
        for chunk in self._chunks(path):
            content += chunk
            if len(content) >= limit:
                break
        return bytes(content[:limit])

    def ends(self, path: str, *, limit: int) -> bytes:
        """What GitHub answers with a redirect to, or of more than `limit` bytes the first and
        the last half of that, with a line between them. Nothing beyond 500 MB is read."""
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

    def _chunks(self, path: str) -> Iterator[bytes]:
        """The token does not follow a redirect to another host (requests takes care of that)."""
        import requests

        url = f"{self.address.api}/repos/{self.repository}/{path}"
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": "ao-actions"}
        try:
            with requests.get(url, headers=headers, timeout=60, stream=True) as answer:
                if answer.status_code >= 400:
                    raise self._failure("GET", url, answer.status_code, answer.text[:400])
                yield from answer.iter_content(1 << 16)
        except requests.exceptions.RequestException as error:
            raise ForgeError(f"{url}: {type(error).__name__}") from None

    def pages(self, path: str, key: str | None = None, **parameters: Any) -> list[Json]:
        """All items of a list of at most a few pages (`key`: where the list stands)."""
        items: list[Json] = []
        page = 1
        while True:
            body = self.get(path, **{**parameters, "per_page": 100, "page": page})
            found = body[key] if key else body
            items += found
            if len(found) < 100:
                return items
            page += 1

    def request(
        self,
        verb: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Json = None,
        accept: tuple[int, ...] = (),
    ) -> tuple[int, Json]:
        """Status and JSON. A status of 400 and above raises unless it is in `accept`.

        :raises AuthError: 401, or 403 for want of a permission
        :raises NotFoundError: 404
        :raises ForgeError: any other refusal, a server error, or no answer
        """
        url = path if path.startswith("/") else f"/repos/{self.repository}/{path}".rstrip("/")
        status, text = self._send(verb, url, parameters, body)
        if 0 < status < 400 or status in accept:
            return status, _json(text)
        raise self._failure(verb, url, status, text)

    # ---- GraphQL ---------------------------------------------------------------------------

    def graphql(
        self, query: str, variables: Mapping[str, Any] | None = None, *, write: bool = False
    ) -> tuple[Json, list[Json]]:
        """`data` and the errors of kind NOT_FOUND (which leave holes in the data).

        :raises ForgeError: any other error; NotFoundError where the repository is missing
        """
        payload = {"query": query, "variables": dict(variables or {})}
        verb = "POST" if write else "QUERY"
        status, text = self._send(verb, self.address.graphql, None, payload)
        if not 0 < status < 400:
            raise self._failure("POST", self.address.graphql, status, text)
        answer = _json(text)
        errors = answer.get("errors") or []
        other = [error for error in errors if error.get("type") != "NOT_FOUND"]
        if other:
            raise ForgeError(f"{self.address.graphql}: {other[0].get('message')}", status=status)
        if any(error.get("path") == ["repository"] for error in errors):
            raise self._missing()
        return answer["data"], errors

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
            status, body = self.request(
                "GET", f"collaborators/{quote(login, safe='')}/permission", accept=(404, 403)
            )
            granted = body.get("permission") if status == 200 else None
            self.permissions[login] = granted in ("write", "maintain", "admin")
        return self.permissions[login]

    # ---- transport -------------------------------------------------------------------------

    def _send(
        self, verb: str, url: str, parameters: Mapping[str, Any] | None, body: Json
    ) -> tuple[int, str]:
        """One exchange; a read (GET, or QUERY: a GraphQL read) is tried again."""
        read = verb in ("GET", "QUERY")
        tries = READ_TRIES if read else 1
        method = "POST" if verb == "QUERY" else verb
        last: tuple[int, str] = (0, "no answer")
        for turn in range(tries):
            if turn:
                self.pause((0.5 + self.jitter()) * 2 ** (turn - 1))
            last = self._exchange(method, url, dict(parameters or {}), body)
            if 0 < last[0] < 500:
                break
        return last

    def _exchange(
        self, method: str, url: str, parameters: dict[str, Any], body: Json
    ) -> tuple[int, str]:
        import requests

        try:
            status, headers, text = self._open().requestJson(
                method, url, parameters=parameters or None, input=body
            )
        except requests.exceptions.RequestException as error:
            return 0, f"{type(error).__name__}: {_reason(error)}"
        if "date" in headers:
            self._seen = parsedate_to_datetime(headers["date"])
        return int(status), str(text or "")

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
                timeout=30,
                seconds_between_requests=None,
                seconds_between_writes=None,
            )
            self._requester = connection.requester
        return self._requester

    # ---- what a failure means --------------------------------------------------------------

    def _failure(self, verb: str, url: str, status: int, text: str) -> AoError:
        message = _message(text)
        limited = status in TOO_SOON and "rate limit" in message.lower()
        if status == 404 and url == f"/repos/{self.repository}":
            return self._missing()
        if status == 401:
            return AuthError(
                f"{self.address.api} refuses the token ({message}). "
                "Set GITHUB_TOKEN to a token that may read and write this repository."
            )
        if status == 403 and not limited:
            return AuthError(f"{verb} {url}: the token may not do that ({message})")
        if status == 404:
            return NotFoundError(f"{verb} {url}: not found")
        if status == 0:
            return ForgeError(f"{self.address.api} does not answer ({text})")
        hint = ": the next pass goes on" if limited else ""
        return ForgeError(f"{verb} {url}: {status} {message}{hint}", status=status)

    def _missing(self) -> NotFoundError:
        return NotFoundError(
            f"{self.address.server}/{self.repository}: no such repository, or this token may "
            "not see it. Check the name (owner/name) and the token's rights."
        )


def _json(text: str) -> Json:
    if not text:
        return {}
    try:
        return json.loads(text)
    except ValueError:
        raise ForgeError(
            f"GitHub answered with something that is not JSON: {text[:80]!r}"
        ) from None


def _message(text: str) -> str:
    try:
        body = json.loads(text)
    except ValueError:
        return text[:200]
    if not isinstance(body, dict):
        return text[:200]
    details = [
        error.get("message") or error.get("code", "") if isinstance(error, dict) else str(error)
        for error in body.get("errors") or []
    ]
    return ": ".join(str(part) for part in [body.get("message", ""), *details] if part)[:400]


def _reason(error: Exception) -> str:
    return str(error).split("(Caused by")[0][:200]

"""Kills the program that asks, on the server's side: before, during or after a chosen write."""

from __future__ import annotations

import re
import threading
from enum import StrEnum
from typing import Any

from starlette.responses import Response

from tests.played.github import Played


class When(StrEnum):
    """`during`: GitHub did it, and its answer never arrives. `after`: at the next request, read
    or write, which is not served any more; a program without one ends by itself."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


# verb, path below the repository (or the GraphQL mutation), what it is called in the table
_EFFECTS = (
    ("POST", r"/[^/]+/[^/]+\.git/git-receive-pack", "push"),
    ("POST", r".*/pulls", "pull request"),
    ("POST", r".*/workflows/[^/]+/dispatches", "dispatch"),
    ("POST|DELETE", r".*/issues/\d+/labels(/.*)?", "label"),
    ("POST", r".*/issues/\d+/assignees", "assignment"),
    ("POST|PATCH", r".*/issues/(\d+/comments|comments/\d+)", "comment"),
    ("POST", r".*/pulls/\d+/requested_reviewers", "review request"),
    ("POST", r".*/actions/runs/\d+/(rerun.*|cancel)", "re-run"),
    ("POST", r"addPullRequestReviewThreadReply", "reply"),
    ("POST", r"resolveReviewThread", "thread resolved"),
    ("POST", r"addReaction", "reaction"),
)
EFFECTS = tuple(dict.fromkeys(name for _, _, name in _EFFECTS))
_MUTATION = re.compile(r"mutation \w+.*?\{\s*(\w+)\(", re.DOTALL)


def effect_of(incoming: Any) -> str | None:
    """The name of a write, None for a read; a write without a name is an error."""
    place = incoming.path.removeprefix("/api/v3")
    if incoming.method in ("GET", "HEAD") or place.endswith("/git-upload-pack"):
        return None
    if place.endswith("/graphql"):
        mutation = _MUTATION.match(incoming.json()["query"].strip())
        if mutation is None:
            return None
        place = mutation[1]
    for verb, path, name in _EFFECTS:
        if re.fullmatch(verb, incoming.method) and re.fullmatch(path, place):
            return name
    raise AssertionError(f"{incoming.method} {place} has no row in this table")


class Scythe:
    """Stands between GitHub and its clients. `writes` are those of our programs, by name."""

    def __init__(self, world: Played, at: int | None = None, when: When = When.BEFORE) -> None:
        self.world = world
        self.at = at
        self.when = when
        self.writes: list[str] = []
        self.struck = False
        self._next = False
        self._lock = threading.Lock()
        self._real = world.hub.app._answer
        world.hub.app._answer = self._answer  # type: ignore[method-assign]

    def _answer(self, incoming: Any) -> Response:
        if self.world.bot not in _token(incoming):
            return self._real(incoming)
        with self._lock:
            if self._next:
                return self._kill()
            effect = effect_of(incoming)
            if effect is None or self.struck:
                return self._real(incoming)
            self.writes.append(effect)
            if len(self.writes) - 1 != self.at:
                return self._real(incoming)
            if self.when is When.BEFORE:
                return self._kill()
            answer = self._real(incoming)
            if self.when is When.DURING:
                return self._kill()
            self._next = True
            return answer

    def _kill(self) -> Response:
        assert self.world.current is not None
        self.world.current.kill()
        self.struck, self._next = True, False
        return Response("nobody hears this", 503)

    def over(self) -> None:
        """The program has ended: whatever asks next is another one."""
        with self._lock:
            self.struck, self._next = self.struck or self._next, False


def _token(incoming: Any) -> str:
    """Of the Authorization header, whichever way it is given."""
    import base64

    given = incoming.headers.get("authorization", "")
    kind, _, value = given.partition(" ")
    return base64.b64decode(value).decode() if kind.lower() == "basic" else value

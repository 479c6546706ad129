"""The table of REST routes: a decorator adds a row, `dispatch` finds and runs one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

from ao_actions.localgithub import access
from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.errors import Refusal, invalid, unprocessable
from ao_actions.localgithub.limits import Bucket
from ao_actions.localgithub.model import Permission, Repository
from ao_actions.localgithub.turn import Turn
from ao_actions.localgithub.wire.core import Wire
from ao_actions.localgithub.world import World

T = TypeVar("T")


@dataclass
class Reply:
    """What a handler answers: `body` becomes JSON, `content` is sent as it is."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    media: str = "application/json; charset=utf-8"


@dataclass
class Call:
    """One request, as handlers see it."""

    world: World
    method: str
    path: str  # without /api/v3
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: dict[str, Any]
    viewer: Viewer
    api: str  # "http://host:port/api/v3": where URLs in replies begin
    html: str  # "http://host:port"
    limits: Callable[[str], Bucket]  # the viewer's bucket of a resource
    params: dict[str, str] = field(default_factory=dict)
    repository: Repository | None = None

    @property
    def repo(self) -> Repository:
        """The repository of the route, which the viewer may see and use as the route needs."""
        if self.repository is None:
            raise RuntimeError(f"{self.path} is not a repository's route")
        return self.repository

    @property
    def turn(self) -> Turn:
        """The viewer acting in the route's repository."""
        return Turn(self.world, self.repo, self.viewer)

    @property
    def wire(self) -> Wire:
        return Wire(self.world, self.api, self.html)

    @property
    def accept(self) -> str:
        return self.headers.get("accept", "")

    def number(self, name: str = "number") -> int:
        return int(self.params[name])

    def required(self, name: str, resource: str) -> Any:
        """A field of the body; 422 `missing_field` without it."""
        value = self.body.get(name)
        if value is None or value == "":
            raise invalid(resource, name, "missing_field")
        return value

    def text(self, name: str) -> str | None:
        """A string of the body; 422 if it is of another type."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, str):
            raise unprocessable(f"Invalid request.\n\nFor 'properties/{name}', not a string.")
        return value

    def names(self, name: str) -> list[str]:
        """A list of names, given under `name` or as the bare body."""
        value = self.body.get(name, self.body.get("", []))
        if isinstance(value, str):
            return [value]
        if not isinstance(value, list):
            raise unprocessable(f"Invalid request.\n\nFor 'properties/{name}', not an array.")
        return [
            str(each.get("name", "")) if isinstance(each, dict) else str(each) for each in value
        ]

    def page_bounds(self) -> tuple[int, int]:
        """(page, per_page): at most 100 a page, as GitHub cuts it, 30 by default."""
        return _whole(self.query.get("page"), 1), min(_whole(self.query.get("per_page"), 30), 100)

    def page(self, items: Sequence[T], render: Callable[[T], Any], key: str = "") -> Reply:
        """One page of `items` with its Link header; under `key` with total_count if given."""
        page, size = self.page_bounds()
        shown = [render(item) for item in items[(page - 1) * size : page * size]]
        body = {"total_count": len(items), key: shown} if key else shown
        link = self._link(page, max(1, -(-len(items) // size)))
        return Reply(body, headers={"Link": link} if link else {})

    def _link(self, page: int, last: int) -> str:
        targets: list[tuple[str, int]] = []
        if page > 1:
            targets += [("prev", min(page - 1, last))]
        if page < last:
            targets += [("next", page + 1), ("last", last)]
        if page > 1:
            targets += [("first", 1)]
        url = self.api + self.path
        return ", ".join(
            f'<{url}?{urlencode({**self.query, "page": str(number)})}>; rel="{name}"'
            for name, number in targets
        )


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and int(text) > 0 else default


Handler = Callable[[Call], Any]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Route:
    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler
    scope: str
    level: str  # read | write
    role: Permission
    status: int
    locked: bool


ROUTES: dict[str, list[Route]] = {}

_PLACEHOLDER = re.compile(r"\{(\w+)(\+?)\}")


def _compile(template: str) -> re.Pattern[str]:
    """`{name}` is one segment, `{number}` and `{..._id}` digits, `{name+}` takes the rest."""

    def group(match: re.Match[str]) -> str:
        name, rest = match.groups()
        if rest:
            return f"(?P<{name}>.+)"
        digits = name == "number" or name.endswith("_id")
        return f"(?P<{name}>[0-9]+)" if digits else f"(?P<{name}>[^/]+)"

    return re.compile(_PLACEHOLDER.sub(group, template))


def route(
    line: str,
    needs: str = "",
    *,
    role: Permission | None = None,
    status: int = 200,
    locked: bool = True,
) -> Callable[[H], H]:
    """Adds a row: `@route("POST /repos/{owner}/{repo}/issues", "issues:write", role="read")`.

    `needs` is "scope:level" (docs: "Permissions required for GitHub Apps"); scope "issue" means
    issues, or pull_requests when `{number}` is one. `role` is what a person must have: by
    default read to read and write to write. The handler runs under the world's lock unless
    `locked` is False, and returns a Reply, or the body of a reply with `status`.
    """
    method, template = line.split(" ", 1)
    scope, _, level = needs.partition(":")

    def add(handler: H) -> H:
        needed: Permission = role or ("write" if level == "write" else "read")
        row = Route(
            method, template, _compile(template), handler, scope, level, needed, status, locked
        )
        ROUTES.setdefault(method, []).append(row)
        return handler

    return add


def dispatch(call: Call) -> Reply:
    """Runs the route of the call. Raises Refusal; an unknown route is a loud 501."""
    found = _find(call.method, call.path)
    if found is None:
        raise Refusal(501, f"localgithub does not implement {call.method} {call.path}")
    row, params = found
    call.params = params
    if not row.locked:
        with call.world.lock:
            _admit(call, row)
        return _reply(row, row.handler(call))
    with call.world.lock:
        _admit(call, row)
        result = row.handler(call)
    return _reply(row, result)


def _find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    for row in ROUTES.get(method, ()):
        match = row.pattern.fullmatch(path)
        if match:
            return row, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


def _admit(call: Call, row: Route) -> None:
    """Finds the repository and checks the viewer's rights, before the handler runs."""
    if row.template.startswith("/repos/{owner}/{repo}"):
        name = f"{call.params['owner']}/{call.params['repo']}"
        call.repository = access.find_repository(call.world, call.viewer, name)
    if not row.scope:
        return
    if row.scope == "user":
        if call.viewer.is_anonymous:
            raise Refusal(401, "Requires authentication")
        return
    scope = row.scope
    if scope == "issue":
        scope = _issue_scope(call, row.level)
    access.require(call.viewer, call.repo, scope, row.level, row.role)


def _issue_scope(call: Call, level: str) -> str:
    """A pull request's conversation may be used with either permission (REST docs)."""
    pull = int(call.params.get("number", 0)) in call.repo.pulls
    if pull and access.allows(call.viewer, call.repo, "pull_requests", level, "read"):
        return "pull_requests"
    return "issues"


def _reply(row: Route, result: Any) -> Reply:
    if isinstance(result, Reply):
        return result
    if row.status == 204 or result is None:
        return Reply(status=204)
    return Reply(result, status=row.status)

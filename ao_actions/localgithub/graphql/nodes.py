"""Objects of the graph and the table of their fields.

A Node is a record with its place; resolvers are functions `(node, graph, **arguments)` that a
decorator enters into FIELDS under "Type.field".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from graphql import GraphQLError

from ao_actions.localgithub import access
from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.limits import Bucket
from ao_actions.localgithub.model import Repository
from ao_actions.localgithub.turn import Turn
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.world import World

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Node:
    kind: str  # the GraphQL type
    repo: Repository | None
    record: Any
    parent: Any = None  # the issue of a comment, the pull request of a review, ...

    @property
    def place(self) -> Repository:
        if self.repo is None:
            raise RuntimeError(f"a {self.kind} is in no repository")
        return self.repo


@dataclass(frozen=True)
class Graph:
    """One request: who asks, and where URLs begin."""

    world: World
    viewer: Viewer
    api: str
    html: str
    bucket: Bucket
    cost: int
    node_count: int

    @property
    def wire(self) -> core.Wire:
        return core.Wire(self.world, self.api, self.html)

    def turn(self, repo: Repository) -> Turn:
        return Turn(self.world, repo, self.viewer)

    def may_read(self, repo: Repository, scope: str) -> None:
        if not access.allows(self.viewer, repo, scope, "read", "read"):
            raise problem("FORBIDDEN", "Resource not accessible by integration")

    def actor(self, login: str | None) -> Node | None:
        """GraphQL shows a bot without the `[bot]` of its REST login."""
        if not login:
            return None
        user = self.world.user(login)
        return Node(user.type, None, user)


Resolver = Callable[..., Any]
R = TypeVar("R", bound=Resolver)
FIELDS: dict[str, dict[str, Resolver]] = {}


def problem(kind: str, message: str) -> GraphQLError:
    """An error as GitHub sends it: with a `type` beside the message (see `answer`)."""
    return GraphQLError(message, extensions={"type": kind})


def field(*names: str) -> Callable[[R], R]:
    """Enters a resolver for "Type.field", or several."""

    def add(resolver: R) -> R:
        for name in names:
            kind, _, attribute = name.partition(".")
            FIELDS.setdefault(kind, {})[attribute] = resolver
        return resolver

    return add


def plain(kinds: str, **attributes: str) -> None:
    """Fields that are attributes of the record: `plain("Label", name="name")`."""
    for kind in kinds.split():
        for name, attribute in attributes.items():
            FIELDS.setdefault(kind, {})[name] = _attribute(attribute)


def constant(kinds: str, **values: Any) -> None:
    """Fields that are the same here for every object."""
    for kind in kinds.split():
        for name, value in values.items():
            FIELDS.setdefault(kind, {})[name] = _constant(value)


def _attribute(name: str) -> Resolver:
    def resolve(node: Node, _: Graph) -> Any:
        value = getattr(node.record, name)
        return core.stamp(value) if isinstance(value, datetime) else value

    return resolve


def _constant(value: Any) -> Resolver:
    return lambda _node, _graph, **_: value


def identity(node: Node) -> str:
    """The part of a node id after its prefix."""
    if node.kind in {"Commit", "Tree", "Blob"}:
        return f"{node.place.id}O{node.record}"
    if node.kind == "Ref":
        return f"{node.place.id}_{node.record[0]}"
    return str(node.record.id)


def global_id(node: Node, _: Graph) -> str:
    kind = node.kind if node.kind in core.PREFIXES else "TimelineEvent"
    return core.node_id(kind, identity(node))


def connection(
    items: Sequence[T],
    render: Callable[[T], Any],
    *,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
    **_: Any,
) -> Json:
    """A page of `items`: cursors are positions (docs "Using pagination in the GraphQL API")."""
    start = _position(after) if after else 0
    end = _position(before) - 1 if before else len(items)
    if first is not None:
        end = min(end, start + first)
    if last is not None:
        start = max(start, end - last)
    end = max(start, min(end, len(items)))
    edges = [
        {"cursor": _cursor(position + 1), "node": render(items[position])}
        for position in range(start, end)
    ]
    return {
        "totalCount": len(items),
        "edges": edges,
        "nodes": [edge["node"] for edge in edges],
        "pageInfo": {
            "hasNextPage": end < len(items),
            "hasPreviousPage": start > 0,
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _cursor(position: int) -> str:
    return base64.b64encode(f"cursor:{position}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor).decode().removeprefix("cursor:"))
    except (binascii.Error, ValueError):
        raise problem(
            "INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor."
        ) from None


def ordered(
    items: Iterable[T], key: Callable[[T], Any], order: Json | None, default: str
) -> list[T]:
    """Sorted by `orderBy`; without one, `default` is the direction."""
    direction = (order or {}).get("direction", default)
    return sorted(items, key=key, reverse=direction == "DESC")

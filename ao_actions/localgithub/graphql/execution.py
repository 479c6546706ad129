"""Runs a query: GitHub's schema by graphql-core, and what GitHub does differently.

The differences: no OverlappingFieldsCanBeMerged rule, bounded connections, errors with a
top-level `type`, HTTP status 200 with partial data.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    build_ast_schema,
    execute_sync,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.errors import Refusal
from ao_actions.localgithub.graphql.cost import estimate
from ao_actions.localgithub.graphql.nodes import FIELDS, Graph, Node
from ao_actions.localgithub.limits import Bucket
from ao_actions.localgithub.world import World

Json = dict[str, Any]

_RULES = [rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule]
_RESOLVERS = (
    "repository",
    "subjects",
    "issues",
    "pulls",
    "reviews",
    "timeline",
    "commits",
    "checks",
    "mutations",
    "pull_mutations",
)
_ERROR_TYPES = {403: "FORBIDDEN", 404: "NOT_FOUND", 405: "UNPROCESSABLE", 409: "UNPROCESSABLE"}


@cache
def schema() -> GraphQLSchema:
    for name in _RESOLVERS:
        importlib.import_module(f"ao_actions.localgithub.graphql.{name}")
    source = Path(__file__).with_name("schema.graphql").read_text(encoding="utf-8")
    document = parse(source, no_location=True)
    return build_ast_schema(document, assume_valid=True, assume_valid_sdl=True)


@dataclass(frozen=True)
class _Query:
    document: DocumentNode
    errors: tuple[GraphQLError, ...]


@lru_cache(maxsize=500)
def _read(text: str) -> _Query:
    """Parsed and validated once: clients send the same few texts."""
    document = parse(text)
    return _Query(document, tuple(validate(schema(), document, _RULES)))


def answer(
    world: World, viewer: Viewer, bases: tuple[str, str], body: Json, bucket: Bucket
) -> tuple[int, Json]:
    """The HTTP status and body for a request."""
    text = body.get("query")
    if not isinstance(text, str):
        return 400, {"message": "A query attribute must be specified and must be a string."}
    variables = body.get("variables") or {}
    try:
        query = _read(text)
        if query.errors:
            return 200, {"errors": [_shown(error) for error in query.errors]}
        operation = get_operation_ast(query.document, body.get("operationName"))
        if operation is None:
            return 200, {"errors": [{"message": "An operation name is required"}]}
        counted = estimate(schema(), query.document, operation, variables)
    except GraphQLError as error:
        return 200, {"errors": [_shown(error)]}
    if bucket.remaining < counted.cost:
        message = f"API rate limit already exceeded for user ID {viewer.user.id}."
        return 200, {"errors": [{"type": "RATE_LIMIT", "message": message}]}
    bucket.used += counted.cost
    graph = Graph(world, viewer, *bases, bucket, counted.cost, counted.nodes)
    return 200, _run(query.document, operation, variables, graph)


def operations(body: str) -> tuple[str, ...]:
    """What a request is about: kind and name of its operations, and their fields at the top."""
    try:
        definitions = parse(json.loads(body)["query"]).definitions
    except (ValueError, TypeError, KeyError, GraphQLError):
        return ()
    found: list[str] = []
    for each in definitions:
        if isinstance(each, OperationDefinitionNode):
            fields = (s for s in each.selection_set.selections if isinstance(s, FieldNode))
            found += [each.operation.value, each.name.value if each.name else ""]
            found += [field.name.value for field in fields]
    return tuple(filter(None, found))


def _run(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Json,
    graph: Graph,
) -> Json:
    result = execute_sync(
        schema(),
        document,
        context_value=graph,
        variable_values=variables,
        operation_name=operation.name.value if operation.name else None,
        field_resolver=_resolve,
        type_resolver=lambda value, *_: value.kind,
    )
    reply: Json = {"data": result.data}
    if result.errors:
        reply["errors"] = [_shown(error) for error in result.errors]
    return reply


def _resolve(source: Any, info: GraphQLResolveInfo[Graph], **arguments: Any) -> Any:
    """Every field's resolver: the table, or the key of a dict (connections, payloads)."""
    kind, name = info.parent_type.name, info.field_name
    resolver = FIELDS.get(kind, {}).get(name)
    if resolver is not None:
        node = source if isinstance(source, Node) else Node(kind, None, source)
        try:
            return resolver(node, info.context, **arguments)
        except Refusal as refusal:
            raise _from_refusal(refusal) from None
    if isinstance(source, dict) and name in source:
        return source[name]
    raise GraphQLError(f"localgithub does not resolve {kind}.{name}")


def _from_refusal(refusal: Refusal) -> GraphQLError:
    messages = [
        error if isinstance(error, str) else str(error.get("message", refusal.message))
        for error in refusal.errors or [refusal.message]
    ]
    kind = _ERROR_TYPES.get(refusal.status, "UNPROCESSABLE")
    return GraphQLError("; ".join(messages), extensions={"type": kind})


def _shown(error: GraphQLError) -> Json:
    """GitHub's shape: `type` at the top, no `extensions`."""
    shown: Json = dict(error.formatted)
    extensions = shown.pop("extensions", None) or {}
    kind = extensions.get("type")
    return {"type": kind, **shown} if kind else shown

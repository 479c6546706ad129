"""What a query costs, and whether its connections are bounded, before it runs.

docs "Rate limits and query limits for the GraphQL API": every connection needs one request per
node of its parent; the sum, divided by 100 and rounded, is the cost, at least 1. A connection
asks for `first` or `last`, 1 to 100.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from ao_actions.localgithub.graphql.nodes import problem

_MOST_NODES = 500_000


@dataclass
class Estimate:
    requests: int = 0
    nodes: int = 0

    @property
    def cost(self) -> int:
        return max(1, round(self.requests / 100))


def estimate(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: dict[str, Any],
) -> Estimate:
    """Raises GraphQLError for an unbounded connection or too many nodes."""
    walk = _Walk(schema, document, variables)
    root = schema.get_root_type(operation.operation)
    if root is not None:
        walk.selections(operation.selection_set, root, 1)
    if walk.total.nodes > _MOST_NODES:
        raise problem(
            "MAX_NODE_LIMIT_EXCEEDED",
            f"This query requests up to {walk.total.nodes:,} possible nodes which exceeds the "
            f"maximum limit of {_MOST_NODES:,}.",
        )
    return walk.total


class _Walk:
    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]
    ) -> None:
        self.total = Estimate()
        self._schema = schema
        self._variables = variables
        self._fragments = {
            each.name.value: each
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }

    def selections(self, chosen: SelectionSetNode, parent: GraphQLNamedType, times: int) -> None:
        for selection in chosen.selections:
            if isinstance(selection, FieldNode):
                self._field(selection, parent, times)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self._schema.get_type(condition.name.value) if condition else parent
                self.selections(selection.selection_set, inner or parent, times)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments[selection.name.value]
                inner = self._schema.get_type(fragment.type_condition.name.value)
                self.selections(fragment.selection_set, inner or parent, times)

    def _field(self, node: FieldNode, parent: GraphQLNamedType, times: int) -> None:
        definition = _definition(parent, node.name.value)
        if definition is None or node.selection_set is None:
            return
        inner = get_named_type(definition.type)
        if "first" in definition.args and inner.name.endswith("Connection"):
            times = self._connection(node, times)
        self.selections(node.selection_set, inner, times)

    def _connection(self, node: FieldNode, times: int) -> int:
        """Counts it; the nodes inside are asked for once per node that it may give."""
        size = self._size(node)
        name = node.name.value
        if size is None:
            if _only_counts(node):
                return times
            raise _at(
                node,
                "MISSING_PAGINATION_BOUNDARIES",
                f"You must provide a `first` or `last` value to properly paginate the `{name}` "
                "connection.",
            )
        argument, count = size
        if count > 100:
            raise _at(
                node,
                "EXCESSIVE_PAGINATION",
                f"Requesting {count} records on the `{name}` connection exceeds the "
                f"`{argument}` limit of 100 records.",
            )
        self.total.requests += times
        self.total.nodes += times * count
        return times * max(count, 1)

    def _size(self, node: FieldNode) -> tuple[str, int] | None:
        for argument in node.arguments or ():
            if argument.name.value in {"first", "last"}:
                value = argument.value
                found: Any = None
                if isinstance(value, IntValueNode):
                    found = int(value.value)
                elif isinstance(value, VariableNode):
                    found = self._variables.get(value.name.value)
                if found is not None:
                    return argument.name.value, int(found)
        return None


def _definition(parent: GraphQLNamedType, name: str) -> GraphQLField | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        found: GraphQLField | None = parent.fields.get(name)
        return found
    return None


def _only_counts(node: FieldNode) -> bool:
    """GitHub gives `totalCount` of an unbounded connection."""
    chosen = node.selection_set.selections if node.selection_set else ()
    names = {each.name.value if isinstance(each, FieldNode) else "" for each in chosen}
    return names <= {"totalCount", "__typename"}


def _at(node: FieldNode, kind: str, message: str) -> GraphQLError:
    return GraphQLError(message, nodes=node, extensions={"type": kind})

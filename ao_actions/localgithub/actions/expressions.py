"""GitHub's expression language: `${{ ... }}` parsed, evaluated and rewritten.

Source of the rules: GitHub docs, "Evaluate expressions in workflows and actions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ao_actions.localgithub.actions.values import (
    Filtered,
    Value,
    compare,
    lookup,
    to_number,
    to_string,
    truthy,
)

STATUS_FUNCTIONS = frozenset({"success", "failure", "always", "cancelled"})

_TOKEN = re.compile(
    r"""\s+
    | (?P<string>'(?:[^']|'')*')
    | (?P<number>[-+]?(?:0x[0-9a-fA-F]+|0o[0-7]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))
    | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
    | (?P<op>==|!=|<=|>=|&&|\|\||[<>!()\[\].,*])
    """,
    re.VERBOSE,
)


class ExpressionError(ValueError):
    """An expression that GitHub would refuse."""


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  # string | number | name | op | end
    text: str
    start: int
    end: int


def tokens(source: str) -> Iterator[Token]:
    """The words of one expression, without white space."""
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise ExpressionError(f"unexpected character {source[position]!r} in {source!r}")
        if match.lastgroup is not None:
            yield Token(match.lastgroup, match.group(), match.start(), match.end())
        position = match.end()
    yield Token("end", "", position, position)


@dataclass(slots=True)
class Scope:
    """What an expression can see: the contexts by name and functions beyond the built-in ones."""

    contexts: Mapping[str, Value]
    functions: Mapping[str, Callable[..., Value]] = field(default_factory=dict)


Node = Callable[[Scope], Value]


class _Parser:
    """Recursive descent; each rule returns a function of the scope."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = list(tokens(source))
        self._position = 0
        self.calls: set[str] = set()

    def parse(self) -> Node:
        node = self._or()
        if self._peek().kind != "end":
            raise ExpressionError(f"unexpected {self._peek().text!r} in {self._source!r}")
        return node

    def _peek(self) -> Token:
        return self._tokens[self._position]

    def _next(self) -> Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _take(self, *texts: str) -> str | None:
        token = self._peek()
        if token.kind == "op" and token.text in texts:
            self._position += 1
            return token.text
        return None

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            raise ExpressionError(f"expected {text!r} in {self._source!r}")

    def _or(self) -> Node:
        left = self._and()
        while self._take("||"):
            left = _either(left, self._and())
        return left

    def _and(self) -> Node:
        left = self._comparison()
        while self._take("&&"):
            left = _both(left, self._comparison())
        return left

    def _comparison(self) -> Node:
        left = self._unary()
        while operator := self._take("==", "!=", "<", "<=", ">", ">="):
            left = _compare(operator, left, self._unary())
        return left

    def _unary(self) -> Node:
        if self._take("!"):
            operand = self._unary()
            return lambda scope: not truthy(operand(scope))
        return self._postfix()

    def _postfix(self) -> Node:
        node = self._primary()
        while True:
            if self._take("."):
                if self._take("*"):
                    node = _star(node)
                    continue
                token = self._next()
                if token.kind != "name":
                    raise ExpressionError(f"expected a property name in {self._source!r}")
                node = _property(node, _literal(token.text))
            elif self._take("["):
                node = _star(node) if self._take("*") else _property(node, self._or())
                self._expect("]")
            else:
                return node

    def _primary(self) -> Node:
        token = self._next()
        if token.kind == "string":
            return _literal(token.text[1:-1].replace("''", "'"))
        if token.kind == "number":
            return _literal(to_number(token.text))
        if token.kind == "op" and token.text == "(":
            node = self._or()
            self._expect(")")
            return node
        if token.kind != "name":
            raise ExpressionError(f"unexpected {token.text!r} in {self._source!r}")
        if token.text in {"true", "false", "null"}:
            return _literal({"true": True, "false": False, "null": None}[token.text])
        if self._take("("):
            return self._call(token.text)
        return _context(token.text)

    def _call(self, name: str) -> Node:
        arguments: list[Node] = []
        if not self._take(")"):
            arguments.append(self._or())
            while self._take(","):
                arguments.append(self._or())
            self._expect(")")
        self.calls.add(name.lower())
        return _call(name.lower(), arguments)


def _literal(value: Value) -> Node:
    return lambda _scope: value


def _context(name: str) -> Node:
    def read(scope: Scope) -> Value:
        if name.lower() not in scope.contexts:
            raise ExpressionError(f"Unrecognized named-value: '{name}'")
        return scope.contexts[name.lower()]

    return read


def _either(left: Node, right: Node) -> Node:
    def value(scope: Scope) -> Value:
        first = left(scope)
        return first if truthy(first) else right(scope)

    return value


def _both(left: Node, right: Node) -> Node:
    def value(scope: Scope) -> Value:
        first = left(scope)
        return right(scope) if truthy(first) else first

    return value


def _property(node: Node, key: Node) -> Node:
    def value(scope: Scope) -> Value:
        return lookup(node(scope), key(scope))

    return value


def _star(node: Node) -> Node:
    def value(scope: Scope) -> Value:
        target = node(scope)
        if isinstance(target, Mapping):
            return Filtered(target.values())
        return Filtered(target) if isinstance(target, list) else Filtered()

    return value


def _call(name: str, arguments: list[Node]) -> Node:
    from ao_actions.localgithub.actions.functions import BUILT_IN

    def value(scope: Scope) -> Value:
        function = scope.functions.get(name) or BUILT_IN.get(name)
        if function is None:
            raise ExpressionError(f"Unrecognized function: '{name}'")
        try:
            return function(*(argument(scope) for argument in arguments))
        except TypeError as error:
            raise ExpressionError(f"{name}: wrong arguments ({error})") from error

    return value


def _compare(operator: str, left: Node, right: Node) -> Node:
    def value(scope: Scope) -> Value:
        return compare(operator, left(scope), right(scope))

    return value


def evaluate(source: str, scope: Scope) -> Value:
    """The value of one expression (without `${{ }}`)."""
    return _Parser(source).parse()(scope)


def calls(source: str) -> set[str]:
    """The functions that an expression calls, in lower case."""
    parser = _Parser(source)
    parser.parse()
    return parser.calls


def segments(text: str) -> Iterator[tuple[bool, str]]:
    """Splits text into (is an expression, source); quotes may hold `}}`."""
    position = 0
    while (start := text.find("${{", position)) >= 0:
        if start > position:
            yield False, text[position:start]
        end = _closing(text, start + 3)
        yield True, text[start + 3 : end]
        position = end + 2
    if position < len(text):
        yield False, text[position:]


def _closing(text: str, position: int) -> int:
    quoted = False
    while position < len(text):
        if text[position] == "'":
            quoted = not quoted
        elif not quoted and text.startswith("}}", position):
            return position
        position += 1
    raise ExpressionError(f"the expression is not closed: {text!r}")


def interpolate(text: Value, scope: Scope) -> Value:
    """The value of a workflow string: typed if it is one expression, else a string."""
    if not isinstance(text, str) or "${{" not in text:
        return text
    parts = list(segments(text.strip()))
    if len(parts) == 1:
        return evaluate(parts[0][1], scope)
    return "".join(
        to_string(evaluate(part, scope)) if is_expression else part
        for is_expression, part in segments(text)
    )


def interpolate_tree(value: Value, scope: Scope) -> Value:
    """`interpolate` for every string of a JSON tree."""
    if isinstance(value, dict):
        return {key: interpolate_tree(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate_tree(item, scope) for item in value]
    return interpolate(value, scope)


def condition(source: Value, scope: Scope) -> bool:
    """An `if:`. Without a status function, `success()` is asked first (docs, "if")."""
    text = "" if source is None else to_string(source).strip()
    if not text:
        return truthy(evaluate("success()", scope))
    if "${{" not in text:
        called = calls(text)
        value: Node = lambda inner: evaluate(text, inner)  # noqa: E731
    else:
        parts = list(segments(text))
        called = set[str]().union(*(calls(part) for is_expr, part in parts if is_expr))
        value = lambda inner: interpolate(text, inner)  # noqa: E731
    if not called & STATUS_FUNCTIONS and not truthy(evaluate("success()", scope)):
        return False
    return truthy(value(scope))

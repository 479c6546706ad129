"""GitHub's expression language: `${{ ... }}` parsed, evaluated and rewritten.

Source of the rules: GitHub docs, "Evaluate expressions in workflows and actions".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Value = Any  # what JSON can hold
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


class _Filtered(list[Value]):
    """The result of `.*`: a property of it is that property of every item."""


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
            return _Filtered(target.values())
        return _Filtered(target) if isinstance(target, list) else _Filtered()

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


def lookup(target: Value, key: Value) -> Value:
    """`target.key` or `target[key]`; what is not there is null. Names ignore case."""
    if isinstance(target, _Filtered) and isinstance(key, str):
        found = (lookup(item, key) for item in target)
        return _Filtered(item for item in found if item is not None)
    if isinstance(target, Mapping):
        name = to_string(key)
        if name in target:
            return target[name]
        folded = name.lower()
        return next((v for k, v in target.items() if str(k).lower() == folded), None)
    if isinstance(target, list):
        index = to_number(key)
        if index == index and 0 <= index < len(target):  # noqa: PLR0124 - not NaN
            return target[int(index)]
    return None


def truthy(value: Value) -> bool:
    """False, 0, -0, "", null and NaN are falsy (docs, "Literals")."""
    if isinstance(value, int | float):
        return value != 0 and value == value  # noqa: PLR0124 - not NaN
    return value is not None and value != "" if not isinstance(value, dict | list) else True


def to_number(value: Value) -> float:
    """The docs' coercion table: what is not a number is NaN."""
    if isinstance(value, bool | int | float):
        return value + 0
    if value is None or isinstance(value, str):
        return _parse_number((value or "").strip() or "0")
    return float("nan")


def _parse_number(text: str) -> float:
    try:
        if re.fullmatch(r"[-+]?0[xo][0-9a-fA-F]+", text):
            return int(text, 0)
        return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
    except ValueError:
        return float("nan")


def to_string(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}" if value == value else "NaN"  # noqa: PLR0124
    if isinstance(value, list | Mapping):
        return "Array" if isinstance(value, list) else "Object"
    return str(value)


def compare(operator: str, left: Value, right: Value) -> bool:
    """Strings without case; different types as numbers; lists and objects by identity."""
    if operator == "!=":
        return not compare("==", left, right)
    if isinstance(left, list | Mapping) or isinstance(right, list | Mapping):
        return operator == "==" and left is right
    if isinstance(left, str) and isinstance(right, str):
        return _ordered(operator, left.upper(), right.upper())
    if operator == "==" and left is None and right is None:
        return True
    return _ordered(operator, to_number(left), to_number(right))


def _ordered(operator: str, left: Any, right: Any) -> bool:
    match operator:
        case "==":
            return bool(left == right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case _:
            return bool(left >= right)


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


def literal(value: Value) -> str:
    """An expression that yields this JSON value.

    Braces are kept out of the text: a reader that looks for `}}` without minding quotes
    would end the expression there.
    """
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, str) and not re.search(r"[{}\x00-\x1f]", value):
        return "'" + value.replace("'", "''") + "'"
    text = json.dumps(_shield(value), separators=(", ", ": "))
    text = text.replace("}", "} ").replace("{", " {")
    text = text.replace("\\ue000", "\\u007b").replace("\\ue001", "\\u007d")
    return "fromJSON('" + text.replace("'", "''") + "')"


def _shield(value: Value) -> Value:
    if isinstance(value, str):
        return value.replace("{", "\ue000").replace("}", "\ue001")
    if isinstance(value, Mapping):
        return {_shield(key): _shield(item) for key, item in value.items()}
    return [_shield(item) for item in value] if isinstance(value, list) else value

"""The functions of GitHub's expression language, but for the status functions and hashFiles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from ao_actions.localgithub.actions.expressions import ExpressionError
from ao_actions.localgithub.actions.values import Value, compare, to_string, truthy

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d+)\}|[{}]")


def contains(search: Value, item: Value) -> bool:
    if isinstance(search, list):
        return any(compare("==", entry, item) for entry in search)
    if isinstance(search, Mapping):
        return False
    return to_string(item).lower() in to_string(search).lower()


def starts_with(text: Value, prefix: Value) -> bool:
    return to_string(text).lower().startswith(to_string(prefix).lower())


def ends_with(text: Value, suffix: Value) -> bool:
    return to_string(text).lower().endswith(to_string(suffix).lower())


def format_(template: Value, *values: Value) -> str:
    def replace(match: re.Match[str]) -> str:
        if match.group() in {"{{", "}}"}:
            return match.group()[0]
        if match.group(1) is None or int(match.group(1)) >= len(values):
            raise ExpressionError(f"format: the string is invalid: {template!r}")
        return to_string(values[int(match.group(1))])

    return _PLACEHOLDER.sub(replace, to_string(template))


def join(items: Value, separator: Value = ",") -> str:
    if not isinstance(items, list):
        return to_string(items)
    return to_string(separator).join(to_string(item) for item in items)


def to_json(value: Value) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def from_json(text: Value) -> Value:
    try:
        return json.loads(to_string(text))
    except json.JSONDecodeError as error:
        raise ExpressionError(f"fromJSON: {error}") from error


def case(*arguments: Value) -> Value:
    """`case(test, value, ..., default)`: the first value whose test is true."""
    if len(arguments) < 3 or len(arguments) % 2 == 0:
        raise ExpressionError("case: needs pairs of test and value, and a default")
    for test, value in zip(arguments[:-1:2], arguments[1::2], strict=True):
        if truthy(test):
            return value
    return arguments[-1]


BUILT_IN: dict[str, Callable[..., Value]] = {
    "contains": contains,
    "startswith": starts_with,
    "endswith": ends_with,
    "format": format_,
    "join": join,
    "tojson": to_json,
    "fromjson": from_json,
    "case": case,
}

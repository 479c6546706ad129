"""What GitHub's expressions work on: how values are looked into, converted, compared and written.

Source of the rules: GitHub docs, "Evaluate expressions in workflows and actions".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Value = Any  # what JSON can hold


class Filtered(list[Value]):
    """The result of `.*`: a property of it is that property of every item."""


def lookup(target: Value, key: Value) -> Value:
    """`target.key` or `target[key]`; what is not there is null. Names ignore case."""
    if isinstance(target, Filtered) and isinstance(key, str):
        found = (lookup(item, key) for item in target)
        return Filtered(item for item in found if item is not None)
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

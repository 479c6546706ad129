"""Records to JSON values and back, strictly: an unknown key or a wrong type is an error.

Keys stand for the dataclass fields; times are ISO 8601 in UTC, tuples are lists. A missing key
takes the field's default, so a record written by an older version still reads.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class DecodeError(ValueError):
    """The JSON does not fit the record. The message starts with the key's path."""


def encode(value: Any) -> Any:
    """A record (or any value in one) as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: encode(getattr(value, name)) for name in _needed(type(value))}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return value


def decode(kind: type[T], value: Any) -> T:
    """A record of `kind` from JSON values.

    :raises DecodeError: a key is unknown, missing or of the wrong type
    """
    return _decode(kind, value, kind.__name__)  # type: ignore[no-any-return]


def _decode(kind: Any, value: Any, where: str) -> Any:
    form, inner = _form(kind)
    return form(inner, value, where)


@cache
def _form(kind: Any) -> tuple[Callable[[Any, Any, str], Any], Any]:
    """What decodes a value of this kind, and the kind of what is in it."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _optional, next(a for a in get_args(kind) if a is not type(None))
    if origin is tuple:
        return _items, get_args(kind)[0]
    if origin is not None:
        return _mapping, get_args(kind)[1]
    return (_record if is_dataclass(kind) else _scalar), kind


def _optional(kind: Any, value: Any, where: str) -> Any:
    return None if value is None else _decode(kind, value, where)


def _items(kind: Any, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise DecodeError(f"{where}: a list is wanted")
    return tuple(_decode(kind, item, f"{where}[{index}]") for index, item in enumerate(value))


def _mapping(kind: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DecodeError(f"{where}: an object is wanted")
    return {key: _decode(kind, item, f"{where}.{key}") for key, item in value.items()}


def _record(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise DecodeError(f"{where}: an object is wanted")
    hints = _hints(kind)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise DecodeError(f"{where}.{unknown[0]}: unknown key")
    given = {
        name: _decode(hint, value[name], f"{where}.{name}")
        for name, hint in hints.items()
        if name in value
    }
    for name, required in _needed(kind).items():
        if required and name not in given:
            raise DecodeError(f"{where}.{name}: missing")
    return kind(**given)


@cache
def _needed(kind: Any) -> dict[str, bool]:
    """The fields, and whether a record must have them."""
    return {
        field.name: field.default is MISSING and field.default_factory is MISSING
        for field in fields(kind)
    }


@cache
def _hints(kind: type) -> dict[str, Any]:
    """The fields' types; they are strings until somebody evaluates them, which is slow."""
    return get_type_hints(kind)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is datetime:
        return _time(value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            raise DecodeError(f"{where}: {value!r} is none of its values") from None
    if kind is float and type(value) in (int, float):
        return _number(value, where)
    if type(value) is not kind:
        raise DecodeError(f"{where}: {kind.__name__} is wanted, not {type(value).__name__}")
    if kind is str:
        _written(value, where)
    return value


def _number(value: float, where: str) -> float:
    """JSON as Python reads it has NaN and Infinity: no sum or limit survives them."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DecodeError(f"{where}: a finite number is wanted")
    return number


def _written(value: str, where: str) -> None:
    """JSON can name half a character (a lone surrogate), which no file can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DecodeError(f"{where}: the text is not Unicode") from None


def _time(value: Any, where: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise DecodeError(f"{where}: a time is wanted") from None
    if time.tzinfo is None:
        raise DecodeError(f"{where}: the time has no zone")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise DecodeError(f"{where}: the time is out of range") from None

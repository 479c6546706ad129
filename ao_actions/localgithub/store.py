"""The world as one JSON file: dataclasses out, dataclasses in, written behind the requests."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
import types
import typing
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Decoder = Callable[[Any], Any]
_DECODERS: dict[Any, Decoder] = {}
_FIELDS: dict[type, tuple[str, ...]] = {}

# A crash one second after a change must lose nothing, so the writer never waits longer.
_LONGEST_DELAY = 0.7
_SHORTEST_DELAY = 0.15


def _field_names(kind: type) -> tuple[str, ...]:
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(field.name for field in dataclasses.fields(kind))
    return _FIELDS[kind]


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return {name: getattr(value, name) for name in _field_names(type(value))}


def dumps(value: Any) -> str:
    """JSON of records: json's C encoder asks `_default` for what it does not know."""
    return json.dumps(value, default=_default, separators=(",", ":"))


def loads(kind: type[T], text: str) -> T:
    """Builds a record of `kind`; unknown keys are dropped and missing ones take defaults."""
    result: T = _decoder(kind)(json.loads(text))
    return result


def _decoder(kind: Any) -> Decoder:
    if kind not in _DECODERS:
        _DECODERS[kind] = _new_decoder(kind)
    return _DECODERS[kind]


def _new_decoder(kind: Any) -> Decoder:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _dataclass_decoder(kind)
    if kind is datetime:
        return datetime.fromisoformat
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        inner = _decoder(next(a for a in arguments if a is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is list:
        item = _decoder(arguments[0])
        return lambda value: [item(each) for each in value]
    if origin is dict:
        key = int if arguments[0] is int else str
        item = _decoder(arguments[1])
        return lambda value: {key(name): item(each) for name, each in value.items()}
    return lambda value: value


def _dataclass_decoder(kind: type[Any]) -> Decoder:
    decoders: dict[str, Decoder] = {}

    def decode(data: Any) -> Any:
        # filled at the first use, for records that hold records of their own kind
        if not decoders:
            hints = typing.get_type_hints(kind)
            decoders.update({name: _decoder(hints[name]) for name in _field_names(kind)})
        return kind(**{name: decoders[name](data[name]) for name in decoders if name in data})

    return decode


def write_atomically(path: Path, text: str) -> None:
    """A reader, or a restart after a crash, sees the old file or the new one, never half. It is
    for our own user only: there are tokens in it."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    with open(temporary, "x", encoding="utf-8", opener=_private) as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class Saver:
    """Writes behind the requests: many changes in a short time become one write."""

    def __init__(self, path: Path, render: Callable[[], str]) -> None:
        self._path = path
        self._render = render
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._writing = threading.Lock()
        self._cost = 0.0
        self._thread = threading.Thread(target=self._run, name="localgithub-saver", daemon=True)
        self._thread.start()

    def mark(self) -> None:
        self._dirty.set()

    def _run(self) -> None:
        # close() sets both events, this one first: whatever is cleared meanwhile, we end
        while not self._closing.is_set():
            self._dirty.wait()
            # a large world is written less often, so that writing takes at most a tenth
            self._closing.wait(min(max(_SHORTEST_DELAY, 10 * self._cost), _LONGEST_DELAY))
            self.write()

    def write(self) -> None:
        with self._writing:
            if not self._dirty.is_set():
                return
            self._dirty.clear()
            started = time.monotonic()
            write_atomically(self._path, self._render())
            self._cost = time.monotonic() - started

    def close(self) -> None:
        self._closing.set()
        self._dirty.set()
        self._thread.join()
        self._dirty.set()
        self.write()

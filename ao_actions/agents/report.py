"""The report: a JSON file that an agent may leave at AO_RESULT, read strictly.

It says what output cannot: the message for the pull request, replies to review threads, usage.
All of it or none of it: a report that breaks one rule is ignored, and the reason is noted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ao_actions.agents.base import REPORT, Usage, message

EVIDENCE = {"report": REPORT}
SIZE_LIMIT = 256 * 1024
MAX_REPLIES = 100
MAX_THREAD_ID = 200
_COUNTS = ("input_tokens", "output_tokens", "turns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the file says; `note` says why it was ignored."""

    message: str | None = None
    replies: tuple[tuple[str, str], ...] = ()
    usage: Usage = field(default_factory=Usage)
    note: str = ""


class _BrokenError(ValueError):
    """The report breaks a rule."""


def read_report(raw: bytes | None) -> Report:
    """The report in these bytes; an empty one without a note if there was no file."""
    if raw is None:
        return Report()
    try:
        return _report(_decode(raw))
    except _BrokenError as broken:
        return Report(note=f"the report was ignored: {broken}")


def _decode(raw: bytes) -> Mapping[str, object]:
    if len(raw) > SIZE_LIMIT:
        raise _BrokenError(f"it is larger than {SIZE_LIMIT} bytes")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise _BrokenError("it is not JSON") from None
    return _object(data, "it", ("message", "replies", "usage"))


def _report(data: Mapping[str, object]) -> Report:
    text = data.get("message")
    return Report(
        message=None if text is None else message(_string(text, "message")),
        replies=tuple(_replies(data.get("replies", []))),
        usage=_usage(_object(data.get("usage", {}), "usage", (*_COUNTS, "usd"))),
    )


def _replies(data: object) -> Iterable[tuple[str, str]]:
    if not isinstance(data, list) or len(data) > MAX_REPLIES:
        raise _BrokenError(f"replies must be a list of at most {MAX_REPLIES}")
    for item in data:
        reply = _object(item, "a reply", ("thread", "body"))
        thread = _string(reply.get("thread"), "thread")
        body = message(_string(reply.get("body"), "body"))
        if not thread.isprintable() or not 0 < len(thread) <= MAX_THREAD_ID or not body:
            raise _BrokenError("a reply needs a thread id and a body")
        yield thread, body


def _usage(data: Mapping[str, object]) -> Usage:
    usd = data.get("usd")
    if usd is not None and not is_amount(usd):
        raise _BrokenError("usage.usd must be a number, 0 or more")
    for key in _COUNTS:
        if data.get(key) is not None and not is_count(data[key]):
            raise _BrokenError(f"usage.{key} must be a whole number, 0 or more")
    return Usage(**{key: value for key, value in data.items() if value is not None})  # type: ignore[arg-type]  # checked above


def is_count(value: object) -> bool:
    """A whole number that some program may have counted (True is an int to Python)."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15


def is_amount(value: object) -> bool:
    """An amount of money, in dollars."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**9


def _object(value: object, what: str, keys: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _BrokenError(f"{what} must be an object")
    unknown = sorted(set(value) - set(keys))
    if unknown:
        raise _BrokenError(f"{what} has an unknown key {unknown[0][:40]!r}")
    return value


def _string(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise _BrokenError(f"{what} must be a string")
    return value

"""A script as plain data: YAML, or what it holds.

A list of turns, or a list of scenarios `{when: TEXT, turns: [...]}`. A turn has one of these keys:

    say: TEXT              use: TOOL (input)         edit: PATH (content)      run: COMMAND
    blocks: [...]          several of those in one answer
    status: 429            (message, headers, kind, error, streamed, once)
    limit: usage           (reset, retry_after, message, streamed, once)
    cut: TEXT (once)       hang: true (once)

An answer also takes `input_tokens`, `output_tokens`, `cached_tokens` and `slow: SECONDS`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml

from ao_actions.modelserver.script import (
    Answer,
    Block,
    Cut,
    Edit,
    Failure,
    Hang,
    Limit,
    LimitKind,
    Run,
    Say,
    Scenario,
    Slow,
    Turn,
    Use,
)

# The key that says what an entry is, and the keys that it may have beside it.
BLOCKS: Mapping[str, tuple[str, ...]] = {
    "say": (),
    "use": ("input",),
    "edit": ("content",),
    "run": (),
}
TOKENS = ("input_tokens", "output_tokens", "cached_tokens")
TURNS: Mapping[str, tuple[str, ...]] = {
    **{key: (*more, *TOKENS, "slow") for key, more in BLOCKS.items()},
    "blocks": (*TOKENS, "slow"),
    "status": ("message", "headers", "once", "kind", "error", "streamed"),
    "limit": ("reset", "retry_after", "message", "once", "streamed"),
    "cut": ("once",),
    "hang": ("once",),
}
TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("say", "use", "edit", "run", "cut", "limit", "content"), (str,)),
    **dict.fromkeys(("message", "kind", "when"), (str,)),
    **dict.fromkeys((*TOKENS, "status", "reset"), (int,)),
    **dict.fromkeys(("slow", "retry_after"), (int, float)),
    **dict.fromkeys(("once", "streamed", "hang"), (bool,)),
    **dict.fromkeys(("headers", "error"), (dict,)),
    **dict.fromkeys(("blocks", "turns"), (list,)),
    "input": (dict, str),
}


def load(source: Path | str) -> tuple[Scenario, ...]:
    """Read a script from a file (`Path`) or from YAML itself (`str`).

    Raises ValueError, with the file, the entry and the key.
    """
    name = str(source) if isinstance(source, Path) else "script"
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{name}: not YAML: {error}") from error
    if not isinstance(data, list) or not data:
        raise ValueError(f"{name}: expected a list of turns or of scenarios")
    if not any(isinstance(item, dict) and {"when", "turns"} & item.keys() for item in data):
        return (Scenario(_turns(data, name)),)
    return tuple(_scenario(item, f"{name}: scenario {i}") for i, item in enumerate(data, 1))


def turns(data: Iterable[Mapping[str, Any]]) -> tuple[Turn, ...]:
    """Read turns from plain data, one mapping each. Raises ValueError."""
    return _turns(data, "script")


def _turns(data: Iterable[object], name: str) -> tuple[Turn, ...]:
    return tuple(_turn(item, f"{name}: turn {number}") for number, item in enumerate(data, 1))


def _scenario(item: object, where: str) -> Scenario:
    entry = _entry(item, {"turns": ("when",)}, where)[1]
    return Scenario(_turns(entry["turns"], where), entry.get("when", ""))


def _turn(item: object, where: str) -> Turn:
    what, entry = _entry(item, TURNS, where)
    match what:
        case "status":
            return Failure(**entry)
        case "limit":
            kinds = get_args(LimitKind)
            if entry["limit"] not in kinds:
                raise ValueError(f"{where}: limit: expected one of {', '.join(kinds)}")
            return Limit(entry.pop("limit"), **entry)
        case "cut":
            return Cut(Answer((Say(entry["cut"]),)), once=entry.get("once", False))
        case "hang":
            return Hang(once=entry.get("once", False))
        case _:
            return _answer(what, entry, where)


def _answer(what: str, entry: dict[str, Any], where: str) -> Answer | Slow:
    tokens = {key: entry.pop(key) for key in TOKENS if key in entry}
    seconds = entry.pop("slow", None)
    parts = entry["blocks"] if what == "blocks" else [entry]
    blocks = [_block(part, f"{where}, block {number}") for number, part in enumerate(parts, 1)]
    answer = Answer(tuple(blocks), **tokens)
    return answer if seconds is None else Slow(answer, seconds)


def _block(item: object, where: str) -> Block:
    what, entry = _entry(item, BLOCKS, where)
    match what:
        case "say":
            return Say(entry["say"])
        case "run":
            return Run(entry["run"])
        case "use":
            return Use(entry["use"], entry.get("input", {}))
        case _:
            if "content" not in entry:
                raise ValueError(f"{where}: edit needs the key content")
            return Edit(entry["edit"], entry["content"])


def _entry(
    item: object, known: Mapping[str, tuple[str, ...]], where: str
) -> tuple[str, dict[str, Any]]:
    """What an entry is, and its keys, each of the right type. Raises ValueError."""
    found = [key for key in known if key in item] if isinstance(item, dict) else []
    if not isinstance(item, dict) or len(found) != 1:
        raise ValueError(f"{where}: expected one of the keys {', '.join(known)}, found {item!r}")
    what = found[0]
    for key, value in item.items():
        if key != what and key not in known[what]:
            raise ValueError(f"{where}: unknown key {key} beside {what}")
        types = TYPES[key]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            words = " or ".join(kind.__name__ for kind in types)
            raise ValueError(f"{where}: {key}: expected {words}, found {value!r}")
    return what, dict(item)

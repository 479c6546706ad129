"""Whether an issue is about files that an open pull request of ours changes already.

A guess from the issue's words: a path in backticks, or a word that looks like a file. It is good
enough to hold a task back for a while, and for nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

NAMED = 50  # paths of one issue that are looked at
READ = 65_536  # characters of it
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://\S{1,2000}", re.IGNORECASE)
_QUOTED = re.compile(r"`([\w@.+/-]{2,300})`")
_FILE = re.compile(
    r"(?<![\w/.@-])((?:[\w.+-]{1,100}/){0,20}[\w+-]{1,100}(?:\.[A-Za-z]\w{0,9}){1,3})"
)
_NUMBERED = re.compile(r":\d+(?::\d+)?`")  # `src/a.py:12`
# what looks like a file and is a version, a host or an abbreviation more often
_ENDING = re.compile(r"\.(?:com|org|net|io|dev|e|g|i)$", re.IGNORECASE)


def named_paths(text: str) -> tuple[str, ...]:
    """Paths that a text names, without leading `./` or `/`, as they come."""
    text = _URL.sub(" ", _NUMBERED.sub("`", text[:READ]))
    quoted = (word for word in _QUOTED.findall(text) if "/" in word or _FILE.fullmatch(word))
    bare = (word for word in _FILE.findall(text) if not _ENDING.search(word))
    paths = (word.removeprefix("./").strip("/") for word in (*quoted, *bare))
    return tuple(dict.fromkeys(path for path in paths if path))[:NAMED]


def shared(named: Iterable[str], files: Iterable[str]) -> tuple[str, ...]:
    """Those of the files that a named path means: itself, the end of its path, or what lies in a
    folder of that path."""
    wanted = tuple(named)
    return tuple(
        file
        for file in files
        if any(
            file == path or file.endswith(f"/{path}") or file.startswith(f"{path}/")
            for path in wanted
        )
    )

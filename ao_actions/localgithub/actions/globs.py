"""The filter patterns of `branches`, `tags` and `paths` (docs, "Filter pattern cheat sheet")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """`*` stops at `/`, `**` does not; `?` and `+` bind to the character before them."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if pattern.startswith("**/", position):
            parts.append("(?:.*/)?")  # `**/x` also matches x at the top
            position += 3
            continue
        if pattern.startswith("**", position):
            parts.append(".*")
            position += 2
            continue
        if character == "[":
            end = pattern.find("]", position)
            if end > 0:
                parts.append(pattern[position : end + 1])
                position = end + 1
                continue
        if character == "\\" and position + 1 < len(pattern):
            position += 1
            parts.append(re.escape(pattern[position]))
        elif character == "*":
            parts.append("[^/]*")
        elif character in "?+" and parts:
            parts.append(character)
        else:
            parts.append(re.escape(character))
        position += 1
    return re.compile("".join(parts))


def matches(patterns: Iterable[str], name: str) -> bool:
    """Patterns are read in order: `!x` takes out what an earlier one let in."""
    included = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if compile_pattern(pattern[1:]).fullmatch(name):
                included = False
        elif compile_pattern(pattern).fullmatch(name):
            included = True
    return included


def any_path(patterns: list[str], paths: Iterable[str]) -> bool:
    return any(matches(patterns, path) for path in paths)


def all_paths(patterns: list[str], paths: Iterable[str]) -> bool:
    return all(matches(patterns, path) for path in paths)

"""Characters that nobody sees: of no width, of no colour, of another direction.

They hide words from a reader that a model reads all the same (design 2.5).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Hidden:
    """Something that was taken out. `text` is what it says; characters (`count`) say nothing,
    unless they carry a message."""

    kind: str
    text: str = ""
    count: int = 0


class Clean(NamedTuple):
    text: str
    found: tuple[Hidden, ...]


def plain(words: str) -> Clean:
    """A text that is no Markdown (a title, a log): without its invisible characters."""
    words = _EMOJI_JOINER.sub("", _EMOJI_STYLE.sub("", words))
    found: dict[str, list[str]] = {}
    kept = []
    for char in words:
        kind = _kind(char)
        if kind is None:
            kept.append(char)
        else:
            found.setdefault(kind, []).append(char)
    return Clean(
        "".join(kept),
        tuple(Hidden(kind, _message(kind, chars), len(chars)) for kind, chars in found.items()),
    )


_TAGS = "tag character"
_VARIATIONS = "variation selector"
_EMOJI = "\u00a9\u00ae\u203c\u2049\u2100-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_EMOJI_STYLE = re.compile(f"(?<=[#*0-9{_EMOJI}])[\ufe0e\ufe0f]")
_EMOJI_JOINER = re.compile(f"(?<=[{_EMOJI}])\u200d(?=[{_EMOJI}])")
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# letters and marks that are drawn as nothing
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_NO_SIGNS = frozenset(("Cc", "Cs", "Co", "Cn", "Zl", "Zp"))


def _kind(char: str) -> str | None:
    """What an invisible character is called; None for one that is seen."""
    if char in "\n\t" or " " <= char <= "~":
        return None
    code = ord(char)
    if 0xE0000 <= code <= 0xE007F:
        return _TAGS
    if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or 0x180B <= code <= 0x180F:
        return _VARIATIONS
    if char in _DIRECTIONS:
        return "direction control"
    category = unicodedata.category(char)
    if char in _BLANKS or category == "Cf":
        return "zero-width character"
    return "control character" if category in _NO_SIGNS else None


def _message(kind: str, chars: list[str]) -> str:
    """What characters say that stand for others: tags for ASCII, variation selectors for bytes."""
    codes = map(ord, chars)
    if kind == _TAGS:
        return "".join(chr(c - 0xE0000) for c in codes if 0xE0020 <= c <= 0xE007E)
    if kind == _VARIATIONS:
        values = (c - 0xFE00 if c <= 0xFE0F else c - 0xE0100 + 16 for c in codes if c >= 0xFE00)
        said = bytes(values).decode(errors="ignore")
        return "".join(char for char in said if char.isprintable())
    return ""

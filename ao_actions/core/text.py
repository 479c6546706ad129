"""Outside text made fit to be posted or committed under our name (design 2.5).

It must not ping, close, command, load, hide or forge: no mentions, no closing words, no HTML,
no images, no links under another name, no control, invisible or direction-changing characters,
no commit trailers, no words that keep CI from running.
"""

from __future__ import annotations

import re
import unicodedata

# Word joiner: invisible, and it parts a sign from what would give it a meaning.
_BREAK = "\u2060"
_MENTION = re.compile(r"@(?=[\w/-])")
_REFERENCE = re.compile(r"#(?=\d)|\bGH-(?=\d)|(?<=[\w.-])/(?=issues/|pull/)", re.IGNORECASE)
_ENTITY = re.compile(r"&(?=#?\w+;)")  # `&#64;` would be a sign again once it is rendered
_COMMAND = re.compile(r"^([^\S\n]*)/(?=\w)", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# GitHub's `[skip ci]`, and what other CI takes: `[ci-skip]`, `[vercel skip]`, `***NO_CI***`
_SKIP = re.compile(r"\[(?=[^\[\]\n]{0,40}(?:skip|no)[^\[\]\n]{0,40}\])|NO_(?=CI)", re.IGNORECASE)
_IMAGE = re.compile(r"!(?=\[)")
_LINK = re.compile(r"\](?=[(:\[])")  # `[text](url)`, `[text][name]`, `[name]: url`
# git takes `Key:value` and `Key : value` too; a URL is none
_TRAILER = re.compile(r"^([ \t]*[A-Za-z0-9-]+)(?=[ \t]*:(?!//))", re.MULTILINE)
# Letters and marks that show as nothing, and selectors, in which a text can be hidden.
_BLANK = dict.fromkeys(
    (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
        *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
    )
)


def visible(text: str) -> str:
    """Text without control, invisible and direction-changing characters; lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_BLANK)
    hidden = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in hidden)


def neutral(text: str, *, limit: int) -> str:
    """Outside text for a comment, a pull request or a commit message, at most `limit` long."""
    text = _COMMENT.sub("", visible(text)).strip()
    text = _ENTITY.sub(f"&{_BREAK}", text)
    text = _TAG.sub(f"<{_BREAK}", text)
    text = _MENTION.sub(f"@{_BREAK}", text)
    text = _REFERENCE.sub(lambda found: f"{found.group()}{_BREAK}", text)
    text = _COMMAND.sub(rf"\1/{_BREAK}", text)
    text = _SKIP.sub(lambda found: f"{found.group()}{_BREAK}", text)
    text = _IMAGE.sub(f"!{_BREAK}", text)
    text = _LINK.sub(f"]{_BREAK}", text)
    text = _TRAILER.sub(rf"\1{_BREAK}", text)
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def line(text: str, *, limit: int) -> str:
    """Outside text for one line: a title, a table cell, a reason."""
    return " ".join(neutral(" ".join(text.split()), limit=limit).split())


def code(text: str, *, limit: int) -> str:
    """Outside text as a span of code: a name, a path."""
    shown = line(text, limit=limit).replace("`", "'")
    return f"`{shown}`"


def fenced(text: str, kind: str = "") -> str:
    """Outside text as a block that it cannot close: its fence is longer than any inside."""
    text = visible(text)
    runs = re.findall(r"`{3,}", text)
    fence = "`" * (max(map(len, runs), default=2) + 1)
    return f"{fence}{kind}\n{text}\n{fence}"

"""Commands in comments: `/ao retry` and the others, read from text that anybody may write.

A command is a line that begins with `/ao`. What stands in code, in a quotation or in an HTML
comment is only talked about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

MOST = 5  # commands of one comment; who has more to say can say it again
ATTEMPTS = 50
DOLLARS = 1000.0


class Command(NamedTuple):
    """A command as it was given. `word` is lower case; `argument` has no space around it."""

    word: str
    argument: str = ""


class Form(NamedTuple):
    """How a command is written, what it does, and whether it takes this argument."""

    usage: str
    does: str
    takes: Callable[[str], bool]


def _nothing(argument: str) -> bool:
    return not argument


def _name(argument: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][\w.-]{0,60}", argument, re.ASCII) is not None


FORMS = {
    "retry": Form("retry", "a new round: fresh attempts, whatever stopped it", _nothing),
    "stop": Form("stop", "ends the task and its run; the branch stays", _nothing),
    "pause": Form("pause", "starts nothing new until `/ao resume`; a run may finish", _nothing),
    "resume": Form("resume", "goes on, on top of commits that are not ours", _nothing),
    "budget": Form(
        "budget +N",
        "N attempts more; `budget +$5`: 5 dollars more",
        lambda argument: added(argument) is not None,
    ),
    "agent": Form("agent NAME", "that agent is the first choice from now on", _name),
    "why": Form("why", "says what the task waits for, and what would change it", _nothing),
    "take-over": Form("take-over", "ends the task and assigns you", _nothing),
}


@lru_cache(maxsize=512)  # many questions of one pass read the same comments
def parse(body: str) -> tuple[Command, ...]:
    """The commands of a comment, in their order; words that do not exist among them."""
    return tuple(c for line in _spoken(body) if (c := _command(line)) is not None)[:MOST]


@lru_cache(maxsize=512)
def remains(body: str) -> bool:
    """Whether the comment says anything besides its commands."""
    spoken = {line for line in _spoken(body) if _command(line) is not None}
    return any(line.strip() and line not in spoken for line in _lines(body))


def is_right(command: Command) -> bool:
    """Whether there is such a command and it takes this argument."""
    form = FORMS.get(command.word)
    return form is not None and form.takes(command.argument)


def added(argument: str) -> tuple[int, float] | None:
    """Attempts and dollars of `/ao budget`, or None: `+2` and `+$2.50`."""
    found = re.fullmatch(r"\+(\$?)(\d{1,4}(?:\.\d{1,2})?)", argument, re.ASCII)
    if found is None:
        return None
    amount = float(found[2])
    if found[1]:
        return (0, amount) if 0 < amount <= DOLLARS else None
    return (int(amount), 0.0) if amount.is_integer() and 1 <= amount <= ATTEMPTS else None


def table() -> str:
    """The list of commands, for people."""
    rows = [f"| `/ao {form.usage}` | {form.does} |" for form in FORMS.values()]
    return "\n".join(["| command | does |", "|---|---|", *rows])


# ---- the text of a comment -----------------------------------------------------------------

_COMMAND = re.compile(r" {0,3}/ao(?!\S)[ \t]*(.*)")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)")
_CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_GONE = "\x00"  # stands where something was taken out: what follows does not begin its line


def _command(line: str) -> Command | None:
    found = _COMMAND.fullmatch(line)
    if found is None:
        return None
    word, _, argument = found[1].strip().partition(" ")
    return Command(word.lower()[:40], argument.strip()[:100])


def _lines(body: str) -> list[str]:
    return body.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _spoken(body: str) -> list[str]:
    """The lines that are neither code nor quotation nor hidden."""
    if "/ao" not in body:
        return []
    paragraphs: list[list[str]] = [[]]
    for line in _shown(body):
        if line is None or not line.strip():
            paragraphs.append([])
            continue
        now = paragraphs[-1]
        # indented text is code; below a quotation's line what follows belongs to it, as
        # Markdown has it, until a blank line
        if now or not line.startswith(("    ", "\t")):
            now.append(line)
    spoken = ["\n".join(lines) for lines in paragraphs if lines and not _quotes(lines[0])]
    return [line for text in spoken for line in _CODE.sub(_blank, text).split("\n")]


def _blank(found: re.Match[str]) -> str:
    return f"{_GONE}\n" * found[0].count("\n") + _GONE


def _without_comments(line: str) -> tuple[str, bool]:
    """The line without HTML comments, and whether one goes on in the next line."""
    shown, hides, rest = line.partition("<!--")
    while hides:
        _, end, after = rest.partition("-->")
        if not end:
            return shown, True
        before, hides, rest = after.partition("<!--")
        shown += _GONE + before
    return shown, False


def _quotes(line: str) -> bool:
    return line.lstrip(" ").startswith(">")


def _shown(body: str) -> Iterator[str | None]:
    """The lines outside code fences, without HTML comments; None where a block begins or ends."""
    fence = ""
    hidden = False
    for line in _lines(body):
        marks = _FENCE.fullmatch(line)
        if hidden:
            _, end, rest = line.partition("-->")
            hidden = not end
            if end:
                yield _GONE + rest
        elif fence:
            if marks and marks[1].startswith(fence) and not marks[2].strip():
                fence = ""
        elif marks:
            fence = marks[1]
            yield None
        else:
            before, hidden = _without_comments(line)
            if _quotes(before):
                yield None
            yield before

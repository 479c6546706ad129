"""A reviewer's `suggestion` blocks, applied by us to the letter: what they wrote is what is
committed, and no agent has to be asked.

What does not fit the checkout (another head, a file that is gone) is left as it is, with the
words that say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ao_actions.core.observed import Thread
from ao_actions.core.protection import Protected

_OPENS = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})suggestion[ \t]*")
_CLOSES = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})[`~]*[ \t]*")
APPLIED = "Applied as suggested."


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Lines `start` to `end` (from 1, both of them) of a file are to be these. `alone`: the
    comment asks for nothing else."""

    name: str  # of the thread in the brief
    path: str
    start: int
    end: int
    lines: tuple[str, ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """What was applied, and why the rest was not: thread's name to words. `alone` are the
    threads for which there is nothing left to do."""

    done: dict[str, str]
    left: dict[str, str]
    alone: frozenset[str]


def of(name: str, thread: Thread) -> Suggestion | None:
    """The suggestion in the thread's last comment: the only one there, for lines that still are
    where it was made."""
    body = thread.comments[-1].body.replace("\r\n", "\n") if thread.comments else ""
    found, rest = _blocks(body.split("\n"))
    if len(found) != 1 or thread.line is None:
        return None
    return Suggestion(
        name=name,
        path=thread.path,
        start=thread.start_line or thread.line,
        end=thread.line,
        lines=found[0],
        alone=not "".join(rest).strip(),
    )


def _blocks(lines: list[str]) -> tuple[list[tuple[str, ...]], list[str]]:
    """The lines in each closed block, and those outside of all."""
    found: list[tuple[str, ...]] = []
    rest: list[str] = []
    open_for_good: set[str] = set()  # fences that nothing closes: nobody looks for them twice
    place = 0
    while place < len(lines):
        opening = _OPENS.fullmatch(lines[place])
        fence = opening["fence"] if opening else ""
        end = None
        if fence and fence not in open_for_good:
            end = next((n for n in range(place + 1, len(lines)) if _closes(lines[n], fence)), None)
        if end is None:
            open_for_good |= {fence}
            rest.append(lines[place])
            place += 1
        else:
            found.append(tuple(lines[place + 1 : end]))
            place = end + 1
    return found, rest


def _closes(line: str, fence: str) -> bool:
    closing = _CLOSES.fullmatch(line)
    return closing is not None and closing["fence"].startswith(fence)


def apply(
    root: Path, threads: Iterable[tuple[str, Thread]], protected: Protected | None = None
) -> Applied:
    """Write the threads' suggestions into a fresh checkout, but for protected paths."""
    rules = protected or Protected()
    wanted = [made for name, thread in threads if (made := of(name, thread)) is not None]
    done: dict[str, str] = {}
    left: dict[str, str] = {}
    touched: dict[str, int] = {}  # the first line that was changed, for each file
    # from the bottom up: what is applied moves no line that is still to come
    for made in sorted(wanted, key=lambda each: (each.path, -each.end, -each.start)):
        if made.end >= touched.get(made.path, made.end + 1):
            left[made.name] = "Another suggestion is for the same lines: that one was applied."
        elif rules.refused(made.path) or rules.labelled(made.path):
            left[made.name] = "The suggestion was not applied: the path is protected from us."
        elif why_not := _write(root, made):
            left[made.name] = why_not
        else:
            done[made.name] = APPLIED
            touched[made.path] = made.start
    alone = frozenset(made.name for made in wanted if made.alone)
    return Applied(done, left, alone)


def _write(root: Path, made: Suggestion) -> str:
    """Change one file; or why it cannot be changed."""
    parts = PurePosixPath(made.path).parts
    places = [root.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    if ".." in parts or any(place.is_symlink() for place in places) or not places[-1].is_file():
        return "The suggestion was not applied: the file is not there any more."
    lines = places[-1].read_bytes().splitlines(keepends=True)
    if not 1 <= made.start <= made.end <= len(lines):
        return "The suggestion was not applied: the file has no such lines any more."
    end = b"\r\n" if lines[made.end - 1].endswith(b"\r\n") else b"\n"
    new = [line.encode() + end for line in made.lines]
    if new and not lines[made.end - 1].endswith(b"\n"):
        new[-1] = new[-1].removesuffix(end)
    places[-1].write_bytes(b"".join([*lines[: made.start - 1], *new, *lines[made.end :]]))
    return ""

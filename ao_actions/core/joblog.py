"""From a job's raw log to what an agent can use (design 8).

The log is written by the code under test, so it is data: whatever its size or encoding it is
read in linear time, and what leaves here holds no credential of a known shape, no colour, no
invisible character and nothing that a runner would take for a command.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from ao_actions.core import masking, signature
from ao_actions.core.extractors import EXTRACTORS, GENERIC, Extractor

LIMIT = 12_000  # characters of an excerpt
LARGEST = 64 * 1024 * 1024  # bytes that are read; of a larger log its two ends
LONGEST = 2_000  # characters of a line
CONTEXT = 5  # lines before the first failure
NAMES = 200  # failures that are remembered by name, and characters of a name
MATCHES = 5_000  # failures that are looked at
REACH = 4_000_000  # characters at the end in which any word of failure is looked for

GAP = "[...]"
EXIT = "Process completed with exit code"  # the runner's last line of a step, whatever failed
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z ?", re.MULTILINE)
# colours, cursor movements (CSI), and titles or links (OSC)
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,40}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)?|\x1b."
)
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
_BLANK = re.compile(r"\n{3,}")
_LAYER = re.compile(r"#\d+ \d+\.\d{1,3} ")  # what docker puts before a build's own output
_PROGRESS = re.compile(
    r".{0,200}[━█▏▎▍▌▋▊▉╸╺]{3}"
    r"|\s*\d{1,3}% ?[|\[(]"
    r"|(?:\[INFO\] )?(?:Downloading|Downloaded|Progress) (?:from|\(\d)"
    r"|\s*(?:Compiling|Downloading|Downloaded|Fetching|Unpacking|Get:\d+) \S"
    r"|(?:remote: )?(?:Counting|Compressing|Receiving|Resolving) (?:objects|deltas): "
    r"|(?:#\d+ )?sha256:[0-9a-f]{64} [\d.]+[kMG]?B / "
    r"|[0-9a-f]{12}: (?:Pull|Wait|Verif|Download|Extract|Already)"
)
_ECHO = re.compile(r"^##\[group\](Run [^\n]*)\n(?:[^\n]*\n){0,400}?##\[endgroup\]$", re.MULTILINE)
_STEP = re.compile(r"^(?=##\[group\]Run )", re.MULTILINE)
_FAILED = "##[error]"
# What a runner takes for a command: `##[word]` anywhere, `::word` at a line's start. It puts
# `##[error]` itself before a line that a problem matcher knows.
_ERROR = re.compile(r"#{2,}\[error\]")
_MARKER = re.compile(r"#{2,}\[")
_COLONS = re.compile(r"^([^\S\n]*):{2,}[\s:]*", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLog:
    """What a log says of a failure.

    `text` is for the agent; `failures` name what failed, sorted, without what changes between
    runs; `certain`: only tools that give the same answer each time have complained.
    """

    text: str = ""
    failures: tuple[str, ...] = ()
    certain: bool = False


def decode(raw: bytes) -> str:
    """The text of a log, whatever its bytes are. Of more than `LARGEST` its two ends."""
    encoding = _encoding(raw)
    if len(raw) <= LARGEST:
        return raw.decode(encoding, "replace")
    half = LARGEST // 2
    parts = (raw[:half].decode(encoding, "replace"), raw[-half:].decode(encoding, "replace"))
    return f"\n{GAP}\n".join(parts)


def clean(log: str) -> str:
    """The whole log, fit to lie beside the brief."""
    return _neutral(_plain(log)).strip("\n")


def read(log: str, *, limit: int = LIMIT) -> JobLog:
    """The failing steps of a log, cut to `limit` characters by meaning: the first failure with
    what stands before it, and the summary."""
    plain = _plain(log)
    body = _failing(plain)
    found = _matching(body)
    if not found:  # a tool may have printed what looks like the start of a step
        whole = _neutral(plain)
        found = _matching(whole)
        body = whole if found else body
    if not found:
        body = body[-REACH:]
    rows = found or {GENERIC: _failures(GENERIC, body)}
    names = {name for failures in rows.values() for name in failures}
    return JobLog(
        # a cut may leave the middle of a line at the start of one
        text=_neutral(_cut(body, next(iter(rows)), limit)),
        failures=tuple(sorted(names)[:NAMES]) or _last_words(body),
        certain=all(row.certain for row in rows),
    )


def _encoding(raw: bytes) -> str:
    for bom, encoding in _BOMS:
        if raw.startswith(bom):
            return encoding
    sample = raw[:4096]
    if sample[1::2].count(0) * 2 > len(sample) // 2:
        return "utf-16-le"
    return "utf-16-be" if sample[::2].count(0) * 2 > len(sample) // 2 else "utf-8"


def _plain(log: str) -> str:
    """Without stamps, colours, hidden characters, secrets and progress; markers still stand."""
    text = _STAMP.sub("", log.replace("\r\n", "\n"))
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPE.sub("", text)
    text = _BLANK.sub("\n\n", masking.masked(_HIDDEN.sub("", text)))
    return _thinned(text)


def _thinned(text: str) -> str:
    """Only what a terminal would still show of each line; no progress, no repetition."""
    kept: list[str] = []
    last, again = "", 0
    for full in text.split("\n"):
        line = full.rstrip("\r").rsplit("\r", 1)[-1] if "\r" in full else full
        if len(line) > LONGEST:
            line = f"{line[: LONGEST // 2]} {GAP} {line[-LONGEST // 2 :]}"
        if line.startswith("#"):
            line = _LAYER.sub("", line, count=1)
        if _PROGRESS.match(line):
            continue
        if line == last:
            again += 1
            continue
        if again and last:
            kept.append(f"[the same line {again} more times]")
        kept.append(line)
        last, again = line, 0
    if again and last:
        kept.append(f"[the same line {again} more times]")
    return "\n".join(kept)


def _failing(plain: str) -> str:
    """The steps that failed, each from its command to its error; all of it where none says so."""
    steps = [step for step in _STEP.split(plain) if _FAILED in step]
    if not steps:
        return _neutral(plain)
    ends = [step.find("\n", step.rfind(_FAILED)) for step in steps]
    cut = (step if end < 0 else step[:end] for step, end in zip(steps, ends, strict=True))
    return _neutral("\n".join(_ECHO.sub(r"\1", step) for step in cut))


def _neutral(text: str) -> str:
    """With nothing that a runner would take for a command, were it printed once more."""
    if "##" in text:
        text = _MARKER.sub("[", _ERROR.sub("", text))
    return _COLONS.sub(r"\1", text) if "::" in text else text


def _matching(body: str) -> dict[Extractor, list[str]]:
    """The rows that find a failure, with the failures' names."""
    hinted = (row for row in EXTRACTORS if any(hint in body for hint in row.hints))
    found = {row: _failures(row, body) for row in hinted}
    return {row: names for row, names in found.items() if names}


def _failures(row: Extractor, body: str) -> list[str]:
    return [
        f"{row.tool}: {name}"[:NAMES]
        for match in islice(row.names.finditer(body), MATCHES)
        if (name := _name(row, [group for group in match.groups() if group]))
    ]


def _name(row: Extractor, groups: list[str]) -> str:
    plain: list[Callable[[str], str]] = [signature.name] * len(groups)
    if row.said:
        plain[-1] = signature.message
    return " ".join(make(group) for make, group in zip(plain, groups, strict=True))


def _last_words(body: str) -> tuple[str, ...]:
    """What names a failure that nothing names: the log's last lines."""
    lines = [line for line in body[-4 * LONGEST :].splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(EXIT)] or lines
    return tuple(sorted({signature.message(line)[:NAMES] for line in lines[-3:]}))


def _cut(body: str, row: Extractor, limit: int) -> str:
    """`body` in at most `limit` characters: around its first failure, and its summary."""
    body = body.strip("\n")
    if len(body) <= limit:
        return body
    room = max(0, limit - len(GAP) - 2)
    first = (row.first.search(body) if row.first else None) or row.names.search(body)
    start = _lines_before(body, first.start() if first else 0)
    ends = [match.start() for match in row.summary.finditer(body)] if row.summary else []
    summary = max(ends[-1] if ends else 0, len(body) - room // 2)
    if ends and ends[-1] > start:
        summary = ends[-1]
    if summary - start < room // 2:
        return body[start : start + limit].strip("\n")
    tail = body[summary : summary + room // 2]
    return f"{body[start : start + room - len(tail)]}\n{GAP}\n{tail}"[:limit]


def _lines_before(body: str, place: int) -> int:
    for _ in range(CONTEXT + 1):
        place = max(0, body.rfind("\n", 0, place))
    return place

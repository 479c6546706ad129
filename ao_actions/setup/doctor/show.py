"""The rows as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from ao_actions.core import text
from ao_actions.setup.doctor.check import Level
from ao_actions.setup.doctor.examine import Row

COLORS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red", Level.UNKNOWN: "cyan"}
_PLURAL = {
    Level.OK: "ok",
    Level.WARN: "to look at",
    Level.FAIL: "failed",
    Level.UNKNOWN: "unknown",
}


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """For each check what was found; where it is not well, why it matters and how to mend it."""
    width = max(len(row.check.name) for row in rows)
    indent = " " * (9 + width + 2)
    for row in rows:
        finding = row.finding
        level = click.style(f"{finding.level:<8}", fg=COLORS[finding.level])
        yield f"{level} {row.check.name:<{width}}  {_flat(finding.what)}"
        if finding.level is not Level.OK:
            yield f"{indent}why:  {row.check.why}"
            yield f"{indent}mend: {_flat(finding.mend)}"
        if row.fixed:
            yield f"{indent}{click.style(f'fix:  {_flat(row.fixed)}', bold=True)}"
    yield ""
    yield summary(rows)


def summary(rows: Sequence[Row]) -> str:
    counts = {
        level: sum(row.finding.level is level for row in rows)
        for level in (Level.OK, Level.FAIL, Level.WARN, Level.UNKNOWN)
    }
    parts = [f"{count} {_PLURAL[level]}" for level, count in counts.items() if count]
    return f"{len(rows)} checks: {', '.join(parts)}"


def _flat(words: str) -> str:
    return " ".join(text.visible(words).split())

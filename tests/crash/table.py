"""The crash points as a table, effect by moment and where in the lives, at the end of a run."""

from itertools import chain

import pytest

from tests.crash.effects import ARTIFACT, EFFECTS
from tests.crash.scythe import When

OUTCOMES = ("passed", "failed", "error")


def summarise(terminalreporter: pytest.TerminalReporter) -> None:
    stats = terminalreporter.stats
    reports = chain.from_iterable(stats.get(word, ()) for word in OUTCOMES)
    cells: dict[tuple[str, str], str] = {}
    where: dict[str, dict[str, None]] = {}
    for report in reports:
        point = dict(getattr(report, "user_properties", ())).get("crash")
        if point is not None:
            effect, when, stages = point
            ok = report.outcome == "passed"
            cells[effect, when] = f"{len(stages)} ok" if ok else "FAILED"
            where.setdefault(effect, {}).update(dict.fromkeys(stages))
    if not cells:
        return
    terminalreporter.section("crash points: killed before, during and after")
    rows = [("", *When, "where")]
    rows += [
        (effect, *(cells.get((effect, when), "-") for when in When), ", ".join(where[effect]))
        for effect in (*EFFECTS, ARTIFACT)
        if effect in where
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        terminalreporter.write_line("  ".join(map(str.ljust, row, widths)).rstrip())

"""The crash points as a table, effect by moment, at the end of a run."""

from itertools import chain

import pytest

from tests.crash.scythe import When

SUITE = "tests/crash/test_crash.py::test_"
OUTCOMES = ("passed", "failed", "error")


def summarise(terminalreporter: pytest.TerminalReporter) -> None:
    stats = terminalreporter.stats
    reports = chain.from_iterable(stats.get(word, ()) for word in OUTCOMES)
    cells: dict[tuple[str, str], list[str]] = {}
    for report in reports:
        point = dict(getattr(report, "user_properties", ())).get("crash")
        if point is not None:
            effect, when, count = point
            word = f"{count} ok" if report.outcome == "passed" else "FAILED"
            cells.setdefault((effect, when), []).append(word)
    if not cells:
        return
    terminalreporter.section("crash points: killed before, during and after")
    rows = [("", *When)]
    rows += [
        (effect, *(", ".join(cells.get((effect, when), ["-"])) for when in When))
        for effect in dict.fromkeys(effect for effect, _ in cells)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        terminalreporter.write_line("  ".join(map(str.ljust, row, widths)).rstrip())

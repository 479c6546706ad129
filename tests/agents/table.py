"""The conformance suite's results as a table, agent by case, at the end of a run."""

from collections.abc import Iterable
from itertools import chain

import pytest

from tests.agents.rows import ROWS

SUITE = "tests/agents/test_conformance.py::test_"
OUTCOMES = ("passed", "failed", "error")


def summarise(terminalreporter: pytest.TerminalReporter) -> None:
    reports = chain.from_iterable(terminalreporter.stats.get(word, ()) for word in OUTCOMES)
    lines = table(report for report in reports if isinstance(report, pytest.TestReport))
    if lines:
        terminalreporter.section("agents by case (seconds)")
        for line in lines:
            terminalreporter.write_line(line)


def table(reports: Iterable[pytest.TestReport]) -> list[str]:
    """Its lines; none if the suite was not run."""
    cells: dict[tuple[str, str], list[pytest.TestReport]] = {}
    for report in reports:
        case, bracket, parameter = report.nodeid.removeprefix(SUITE).partition("[")
        if report.nodeid.startswith(SUITE) and bracket:
            cells.setdefault((_agent(parameter.removesuffix("]")), case), []).append(report)
    cases = list(dict.fromkeys(case for _, case in cells))
    names = [row.name for row in ROWS if any(agent == row.name for agent, _ in cells)]
    if not names:
        return []
    rows = [("", *(case.replace("_", " ") for case in cases))]
    rows += [
        (_title(name), *(_cell(cells.get((name, case), ())) for case in cases)) for name in names
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _agent(parameter: str) -> str:
    found = (row.name for row in ROWS if f"{parameter}-".startswith(f"{row.name}-"))
    return max(found, key=len, default="")


def _title(name: str) -> str:
    stand_in = any(row.stand_in for row in ROWS if row.name == name)
    return f"{name} (stand-in)" if stand_in else name


def _cell(reports: Iterable[pytest.TestReport]) -> str:
    reports = list(reports)
    if not reports:
        return "-"
    seconds = sum(report.duration for report in reports)
    outcomes = {report.outcome for report in reports}
    return f"ok {seconds:.1f}" if outcomes == {"passed"} else "FAILED"

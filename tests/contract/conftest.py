"""One tour for all contract tests, and the account of them at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.contract import tour as touring
from tests.contract.deviations import DEVIATIONS, Deviation

Judge = Callable[[str, list[str]], list[str]]
Count = Callable[[str, int], None]


@pytest.fixture(scope="session")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[touring.Tour]:
    with touring.opened(tmp_path_factory.mktemp("tour") / "world") as made:
        touring.whole(made)
        yield made


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """Tells what a test has checked, and how much of it."""
    return lambda what, number: record_property("contract", f"{number:6} {what}")


@pytest.fixture
def judge(record_property: Callable[[str, object], None]) -> Judge:
    """Of what was found wrong somewhere, that which no known deviation covers."""

    def left(where: str, found: list[str]) -> list[str]:
        unknown = []
        for what in found:
            covering = [each for each in DEVIATIONS if each.covers(where, what)]
            for each in covering:
                record_property("deviation", DEVIATIONS.index(each))
            unknown += [] if covering else [f"{where}: {what}"]
        return unknown

    return left


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = terminalreporter.stats.get("passed", ())
    told = [pair for report in passed for pair in getattr(report, "user_properties", ())]
    counts = [value for name, value in told if name == "contract"]
    if not counts:
        return
    terminalreporter.section("contracts")
    for line in counts:
        terminalreporter.line(str(line))
    terminalreporter.line(f"{len(DEVIATIONS):6} known deviations")
    met = {value for name, value in told if name == "deviation"}
    for number, each in enumerate(DEVIATIONS):
        terminalreporter.line(_line(each, seen=number in met))


def _line(each: Deviation, *, seen: bool) -> str:
    return f"       {each.where} {each.what}{'' if seen else ' (not met)'}: {each.reason}"

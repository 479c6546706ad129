"""One tour for all contract tests, and the account of them at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract import tour as touring
from tests.contract.deviations import DEVIATIONS, Deviation

COUNTS: dict[str, int] = {}
MET: set[Deviation] = set()


@pytest.fixture(scope="session")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[touring.Tour]:
    with touring.opened(tmp_path_factory.mktemp("tour") / "world") as made:
        touring.whole(made)
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not COUNTS:
        return
    terminalreporter.section("contracts")
    for what, count in COUNTS.items():
        terminalreporter.line(f"{count:6} {what}")
    terminalreporter.line(f"{len(DEVIATIONS):6} known deviations")
    for each in DEVIATIONS:
        mark = "" if each in MET else " (not met in this run)"
        terminalreporter.line(f"       {each.where} {each.what}{mark}: {each.reason}")

"""How many hostile cases there are of each class, at the end of a run.

A module, or a test, names its class: `pytestmark = pytest.mark.hostile("bundle tricks")`.
"""

from collections import Counter
from itertools import chain

import pytest

OUTCOMES = ("passed", "failed", "error")
NAME = "hostile"


def classify(item: pytest.Item) -> None:
    """Make the test's class part of its report, which another process may print."""
    marker = item.get_closest_marker(NAME)
    if marker is not None:
        item.user_properties.append((NAME, marker.args[0]))


def summarise(terminalreporter: pytest.TerminalReporter) -> None:
    stats = terminalreporter.stats
    reports = list(chain.from_iterable(stats.get(word, ()) for word in OUTCOMES))
    total = Counter(kind for report in reports for kind in _classes(report))
    held = Counter(kind for report in stats.get("passed", ()) for kind in _classes(report))
    if not total:
        return
    terminalreporter.section("hostile cases by class (held / tried)")
    for kind, count in sorted(total.items()):
        terminalreporter.write_line(f"{held[kind]:4} / {count:<4} {kind}")
    terminalreporter.write_line(f"{held.total():4} / {total.total():<4} in all")


def _classes(report: object) -> list[str]:
    if not isinstance(report, pytest.TestReport):
        return []
    return [str(value) for name, value in report.user_properties if name == NAME]

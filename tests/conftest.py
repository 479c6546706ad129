"""What every run of the tests prints, which are extra, and that no example is timed."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.agents import table as agents
from tests.crash import table as crash
from tests.hostile import table as hostile
from tests.hub import Hub, Writer, make_hub, make_writer

QUICK = ("claude-code", "codex", "cursor")  # a second or two per run

# By default an example that takes 0.2 s fails: on a busy machine any does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    agents.summarise(terminalreporter)
    crash.summarise(terminalreporter)
    hostile.summarise(terminalreporter)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for whole runs begins first (last, it would be waited for by itself); the agents
    that take long are `extra`; hostile cases are counted by class."""
    items.sort(key=lambda item: not {"e2e", "test_hostile_agent.py"} & set(item.path.parts))
    for item in items:
        hostile.classify(item)
        _, bracket, agent = item.name.partition("[")
        real = bracket and item.path.name == "test_conformance.py"
        if real and not agent.startswith(QUICK):
            item.add_marker(pytest.mark.extra)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """The remote of a ledger, looked at from the outside."""
    return make_hub(tmp_path)


@pytest.fixture
def writer(tmp_path: Path, hub: Hub) -> Writer:
    return make_writer(tmp_path, hub)

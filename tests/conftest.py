"""What every run of the tests prints, which are extra, and that no example is timed."""

import pytest
from hypothesis import settings

from tests.agents.table import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

QUICK = ("claude-code", "codex", "cursor")  # a second or two per run

# By default an example that takes 0.2 s fails: on a busy machine any does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The agents that take long are `extra`."""
    for item in items:
        _, bracket, agent = item.name.partition("[")
        real = bracket and item.path.name == "test_conformance.py"
        if real and not agent.startswith(QUICK):
            item.add_marker(pytest.mark.extra)

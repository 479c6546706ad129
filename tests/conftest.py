"""What every run of the tests prints, how they are shared out, and that no example is timed."""

import pytest
from hypothesis import settings

from tests.agents.table import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

QUICK = ("[claude-code", "[codex", "[cursor")  # a second or two per run

# By default an example that takes 0.2 s fails: on a busy machine any does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup`: a file's tests stay together, for their fixtures are shared; but
    the real agents are many minutes in one file, so there each agent is a group. All but two
    of them are `extra`."""
    for item in items:
        group = str(item.path)
        if item.path.name == "test_conformance.py" and "[" in item.name:
            agent = item.name[item.name.index("[") :]
            group += agent
            if not agent.startswith(QUICK):
                item.add_marker(pytest.mark.extra)
        item.add_marker(pytest.mark.xdist_group(group))

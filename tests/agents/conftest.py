"""A git checkout, an assignment in it, and the real command lines of the agents."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ao_actions.agents import AGENTS, Assignment, Program
from tests.agents.assignment import MakeAssignment
from tests.agents.processes import processes_with


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with one commit."""
    path = tmp_path / "checkout"
    path.mkdir()
    (path / "README.md").write_text("hello\n")
    me = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    for arguments in (("init", "-q"), ("add", "."), (*me, "commit", "-q", "-m", "first")):
        subprocess.run(["git", *arguments], cwd=path, check=True)
    return path


@pytest.fixture
def assign(tmp_path: Path, checkout: Path) -> MakeAssignment:
    """Make an assignment; a keyword replaces a default."""

    def make(**changes: Any) -> Assignment:
        brief = tmp_path / "brief.md"
        brief.write_text(changes.pop("brief", "Make the greeting friendlier.\n"))
        values: dict[str, Any] = {
            "checkout": checkout,
            "brief": brief,
            "scratch": tmp_path / "scratch",
            "model": None,
            "command": None,
            "seconds": 120,
            "turns": None,
            "max_usd": None,
            "environment": {},
        }
        return Assignment(**{**values, **changes})

    return make


@pytest.fixture
def left_over(tmp_path: Path) -> Callable[[], list[str]]:
    """The command lines of processes that still have the assignment's HOME.

    Not the way in which the product finds them, on purpose.
    """
    return lambda: processes_with(f"HOME={tmp_path / 'scratch' / 'home'}")


@pytest.fixture(scope="session")
def agents() -> Path:
    """Where the pinned agents are kept for all runs of the tests."""
    repository = Path(__file__).parents[2]
    return Path(os.environ.get("AO_TEST_CACHE") or repository / ".cache" / "agents")


@pytest.fixture(scope="session")
def installed(agents: Path) -> Callable[[str], Program]:
    """Pinned agents by name, each installed once."""
    return lambda name: AGENTS[name].install(agents)


@pytest.fixture(scope="session")
def claude(installed: Callable[[str], Program]) -> Program:
    return installed("claude-code")

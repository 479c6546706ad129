"""Pull requests of forks are nobody's task, whatever their branch is called."""

from __future__ import annotations

from typing import Any

import pytest

from ao_actions.forge import nodes, observe
from tests.integration.conftest import Factory

FIX = {"src/code.py": "def answer():\n    return 42\n"}
HEADS: dict[str, Any] = {
    "a fork by another name of the same owner": {"id": 4711},
    "a fork that was deleted": None,
}


@pytest.fixture
def pull(factory: Factory) -> Any:
    """Our own, as GitHub answers."""
    number = factory.issue()
    factory.reconcile()
    factory.publish(number, files=FIX)
    (found,) = observe.pulls_of(factory.client(), f"ao/{number}")
    return found


@pytest.mark.parametrize("head", HEADS)
def test_a_pull_request_from_a_fork_is_not_ours(pull: Any, head: str) -> None:
    assert nodes.is_own(pull)
    assert not nodes.is_own({**pull, "head": {**pull["head"], "repo": HEADS[head]}})

"""AO_AGENTS: a machine that has agents installed already."""

from __future__ import annotations

from pathlib import Path

import pytest

from ao_actions.errors import ConfigError
from ao_actions.work.workspace import places


@pytest.mark.parametrize("more", [{}, {"AO_WORK_ROOT": "/srv/ao"}])
def test_only_the_agents_are_elsewhere(more: dict[str, str]) -> None:
    usual = places({"RUNNER_TEMP": "/srv/temp", **more}, "acme/widgets", 1)
    ours = {"RUNNER_TEMP": "/srv/temp", "AO_AGENTS": "/opt/agents", **more}
    prepared = places(ours, "acme/widgets", 1)
    assert prepared.agents == Path("/opt/agents")
    assert prepared.checkout == usual.checkout
    assert usual.agents != prepared.agents


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(ConfigError, match="AO_AGENTS must be an absolute path, not 'agents'"):
        places({"AO_AGENTS": "agents"}, "acme/widgets", 1)

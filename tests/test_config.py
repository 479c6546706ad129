"""`.github/ao.yml`: every problem is named, with the key and what is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ao_actions.config import KEYS, AgentSettings, Config, load, parse
from ao_actions.errors import ConfigError


def test_an_empty_file_is_the_defaults() -> None:
    assert parse("") == Config()


def test_a_full_file() -> None:
    config = parse(
        "agents: [{name: command, command: 'python agent.py'}, claude-code]\n"
        "verify: make test\nmax_parallel: 5\nusd_per_task: 7\nlabel_prefix: 'bot:'\n"
    )
    assert config.agents[0] == AgentSettings(name="command", command="python agent.py")
    assert config.verify == ("make test",)
    assert (config.max_parallel, config.usd_per_task) == (5, 7.0)
    assert config.labels.ready == "bot:ready"
    assert config.policy().labels.needs_human == "bot:needs-human"
    assert config.policy().agents == ("command", "claude-code")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("max_paralel: 2", ["'max_paralel'", "did you mean 'max_parallel'"], id="near"),
        pytest.param("zzz: 1", ["'zzz'", "known: agents"], id="nothing near"),
        pytest.param("max_parallel: 0", ["max_parallel", "from 1 to 100", "0"], id="too small"),
        pytest.param("max_parallel: true", ["max_parallel", "True"], id="a yes is no number"),
        pytest.param("usd_per_task: -1", ["usd_per_task", "above 0"], id="negative money"),
        pytest.param("auth: magic", ["auth", "token, pat or app"], id="no such auth"),
        pytest.param("agents: []", ["agents", "at least one"], id="no agent"),
        pytest.param("agents: [a, a]", ["agents", "none of them twice"], id="twice"),
        pytest.param("agents: command", ["command: PROGRAM"], id="command without a program"),
        pytest.param("agents: {name: x, cost: 1}", ["an agent has `name`"], id="agent's key"),
        pytest.param("verify: [1]", ["verify", "list of commands"], id="not a command"),
        pytest.param("branch_prefix: '../x'", ["branch_prefix"], id="a prefix that climbs"),
        pytest.param("branch_prefix: 'ao:'", ["no colon"], id="a colon in a branch"),
        pytest.param("- 1", ["key: value"], id="a list"),
        pytest.param("a: [", ["not YAML"], id="not YAML"),
    ],
)
def test_problems_are_named(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    for word in [".github/ao.yml", *words]:
        assert word in str(caught.value)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("max_parallel: x\nmax_attempts: y\nnope: 1\n")
    assert len(str(caught.value).splitlines()) == 3


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run `ao-actions init`"):
        load(tmp_path)
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "ao.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


def test_an_agent_that_is_not_in_the_list() -> None:
    assert Config().agent("claude-code").name == "claude-code"
    with pytest.raises(ConfigError, match="not in the list"):
        Config().agent("codex")


def test_no_more_keys_than_the_design_allows() -> None:
    assert len(KEYS) <= 25

"""`.github/ao.yml`: strict, and every problem named at once."""

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ao_actions import config, keys
from ao_actions.config import Config
from ao_actions.core.policy import Budget, Labels, Policy
from ao_actions.core.protection import Protected
from ao_actions.errors import ConfigError
from ao_actions.keys import AgentSettings, RuntimeSettings


def test_an_empty_file_is_the_defaults() -> None:
    assert config.parse("") == Config()
    assert config.parse("# nothing yet\n{}") == Config()


def test_the_defaults_are_the_policys() -> None:
    assert Config().policy() == Policy()


BUDGET = Budget(
    attempts=2,
    attempts_per_failure=1,
    review_rounds=3,
    usd_per_attempt=1.0,
    usd_per_task=2.5,
    usd_per_day=9.0,
)


def test_a_full_file() -> None:
    text = """
        agents: [claude-code, {name: command, command: my-agent --fast, model: m1}]
        verify: make test
        rules: |
          Be kind.
        protected: [".github/**", infra/]
        max_changed_files: 7
        max_changed_lines: 70
        turns: 30
        minutes: 20
        max_parallel: 5
        budget: {attempts: 2, attempts_per_failure: 1, review_rounds: 3, usd_per_attempt: 1,
          usd_per_task: 2.5, usd_per_day: 9}
        bots: [reviewer, "other[bot]"]
        overlap: hold
        auth: app
        schedule: "5 */6 * * *"
        ci_workflows: [CI, Lint]
        runner: self-hosted
        label_prefix: "bot:"
        branch_prefix: bot/
        environment: models
        sessions: never
        runtime: {docker: "python:3.12", network: bridge}
        ci_trust: auto
        agent_auth: oauth
        small_runner: ubuntu-slim
        overrides: {ao-work.yml: {name: mine}}
    """
    read = config.parse(text)
    assert read == Config(
        agents=(
            AgentSettings(name="claude-code"),
            AgentSettings(name="command", command="my-agent --fast", model="m1"),
        ),
        verify=("make test",),
        rules="Be kind.\n",
        protected=Protected(refuse=(".github/**", "infra/")),
        max_changed_files=7,
        max_changed_lines=70,
        turns=30,
        minutes=20,
        max_parallel=5,
        budget=BUDGET,
        bots=("reviewer[bot]", "other[bot]"),
        overlap="hold",
        auth="app",
        schedule="5 */6 * * *",
        ci_workflows=("CI", "Lint"),
        runner="self-hosted",
        label_prefix="bot:",
        branch_prefix="bot/",
        environment="models",
        sessions="never",
        runtime=RuntimeSettings(kind="docker", image="python:3.12", network="bridge"),
        ci_trust="auto",
        agent_auth="oauth",
        small_runner="ubuntu-slim",
        overrides={"ao-work.yml": {"name": "mine"}},
        labels=Labels(
            ready="bot:ready",
            working="bot:working",
            review="bot:review",
            needs_human="bot:needs-human",
            paused="bot:paused",
            priority="bot:priority",
            allow="bot:allow",
        ),
    )
    assert {name for name in keys.KEYS if f"{name}:" in text} == set(keys.KEYS)
    assert read.policy() == Policy(
        max_parallel=5,
        budget=BUDGET,
        agents=("claude-code", "command"),
        bots=("reviewer[bot]", "other[bot]"),
        hold_overlaps=True,
        attempt_limit=timedelta(minutes=20),
        branch_prefix="bot/",
        labels=read.labels,
    )


def test_what_a_mapping_of_protected_paths_leaves_out_has_its_default() -> None:
    read = config.parse("protected: {label: [migrations/], ask: package.json}").protected
    assert read == Protected(label=("migrations/",), ask=("package.json",))
    assert read.refuse == Protected().refuse


def test_keys_and_fields_are_the_same() -> None:
    derived = {"labels"}
    assert set(keys.KEYS) == {field.name for field in fields(Config)} - derived
    assert len(keys.KEYS) <= 25, "the budget of design 13"


# ---- what is refused -----------------------------------------------------------------------


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        config.parse(text)
    return str(error.value).splitlines()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("agent: claude-code", "unknown key 'agent': did you mean 'agents'?"),
        ("max_paralel: 3", "unknown key 'max_paralel': did you mean 'max_parallel'?"),
        ("42: 3", "unknown key '42' (known: agents, verify, "),
        ("max_parallel: 0", "max_parallel: a whole number from 1 to 100 is wanted, not 0"),
        ("max_parallel: 101", "max_parallel: a whole number from 1 to 100 is wanted, not 101"),
        ("max_parallel: true", "max_parallel: a whole number from 1 to 100 is wanted, not True"),
        ("max_parallel: 2.5", "max_parallel: a whole number from 1 to 100 is wanted, not 2.5"),
        ("max_parallel: '3'", "max_parallel: a whole number from 1 to 100 is wanted, not '3'"),
        ("minutes:", "minutes: a whole number from 1 to 330 is wanted, not None"),
        ("usd_per_task: 5", "usd_per_task is now `usd_per_task` of the mapping `budget:`"),
        ("max_attempts: 5", "max_attempts is now `attempts` of the mapping `budget:`"),
        ("budget: 5", "budget: a mapping of amounts is wanted, not 5"),
        (
            "budget: {usd: 1}",
            "budget: a mapping of amounts is wanted, not {'usd': 1} ('usd' is none of attempts, ",
        ),
        *(
            (
                f"budget: {{usd_per_day: {yaml}}}",
                f"budget: a mapping of amounts is wanted, not {{'usd_per_day': {value}}} "
                "(usd_per_day: an amount of dollars above 0, or null is wanted)",
            )
            for yaml, value in [("0", 0), (".nan", "nan"), (".inf", "inf"), ("yes", True)]
        ),
        (
            "protected: {allow: [a]}",
            "protected: a list of path patterns, or a mapping of such lists is wanted, not "
            "{'allow': ['a']} ('allow' is none of refuse, label, ask)",
        ),
        ("protected: {ask: [1]}", "protected: a list of path patterns, or a mapping of such lists"),
        ("bots: 5", "bots: a list of bots' names is wanted, not 5"),
        ("auth: apps", "auth: token, pat or app is wanted, not 'apps'"),
        ("auth: [app]", "auth: token, pat or app is wanted, not ['app']"),
        ("rules: 5", "rules: a text is wanted, not 5"),
        ("verify: [make test, 5]", "verify: a list of commands is wanted, not ['make test', 5]"),
        ("verify: {a: b}", "verify: a list of commands is wanted, not {'a': 'b'}"),
        ('verify: "a\\nb"', "verify: a list of commands is wanted, not 'a\\nb'"),
        ('runner: " "', "runner: a runner label is wanted, not ' '"),
        ("agents: []", "agents: a list of agents is wanted, not [] (at least one, none of them"),
        ("agents: [a, a]", "agents: a list of agents is wanted, not ['a', 'a'] (at least one"),
        ("agents: 5", "agents: a list of agents is wanted, not 5 (an agent has `name`"),
        ("agents: {model: m1}", "agents: a list of agents is wanted, not {'model': 'm1'} (an"),
        ("agents: {name: a, key: b}", "agents: a list of agents is wanted, not {'name': 'a', "),
        ("agents: {name: a, model: 5}", "agents: a list of agents is wanted, not {'name': 'a', "),
        ("agents: command", "agents: a list of agents is wanted, not 'command' (the agent `comm"),
        ("agents: {name: a, command: b}", "agents: a list of agents is wanted, not {'name': 'a'"),
        (
            "runtime: root",
            "runtime: auto, process, user, `egress: [HOSTS]` or `docker: IMAGE` is wanted, not '",
        ),
        (
            "runtime: {network: a}",
            "runtime: auto, process, user, `egress: [HOSTS]` or `docker: IMAGE` is w",
        ),
        (
            "runtime: {docker: -v/:/}",
            "runtime: auto, process, user, `egress: [HOSTS]` or `docker: IMAGE`",
        ),
        (
            "runtime: {egress: [a.b], docker: c}",
            "runtime: auto, process, user, `egress: [HOSTS]` or",
        ),
        ("sessions: yes", "sessions: auto, always or never is wanted, not True"),
        ("branch_prefix: 'ao:'", "branch_prefix: a prefix is wanted, not 'ao:' (a branch name"),
        ("branch_prefix: /ao", "branch_prefix: a prefix is wanted, not '/ao' (letters, digits"),
        ("branch_prefix: -ao/", "branch_prefix: a prefix is wanted, not '-ao/' (letters, digits"),
        ("branch_prefix: a..b/", "branch_prefix: a prefix is wanted, not 'a..b/' (letters"),
        ("branch_prefix: a b/", "branch_prefix: a prefix is wanted, not 'a b/' (letters"),
        ("branch_prefix: a//", "branch_prefix: a prefix is wanted, not 'a//' (git takes no"),
        ("branch_prefix: a/.b/", "branch_prefix: a prefix is wanted, not 'a/.b/' (git takes no"),
        ("branch_prefix: a.lock/", "branch_prefix: a prefix is wanted, not 'a.lock/' (git takes"),
        ("label_prefix: 'a,b'", "label_prefix: a prefix is wanted, not 'a,b' (letters, digits"),
    ],
)
def test_a_problem(text: str, problem: str) -> None:
    [line] = problems(text)
    assert line.startswith(f".github/ao.yml: {problem}")


@pytest.mark.parametrize(
    ("value", "hosts"),
    [
        ("[]", ()),
        ("Example.com.", ("example.com",)),
        ("[a.example, '*.b.example']", ("a.example", "*.b.example")),
    ],
)
def test_hosts_that_an_agent_may_reach(value: str, hosts: tuple[str, ...]) -> None:
    read = config.parse(f"runtime: {{egress: {value}}}")
    assert read.runtime == RuntimeSettings(kind="user", egress=hosts)


@pytest.mark.parametrize("name", ["*", "*.com", "localhost", "10.0.0.1", "https://a.b", "a.b:443"])
def test_what_is_no_host(name: str) -> None:
    [line] = problems(f"runtime: {{egress: ['{name}']}}")
    assert line.startswith(".github/ao.yml: runtime: ")
    assert line.endswith("is no name of a host)")


def test_all_problems_at_once() -> None:
    found = problems("agentes: x\nmax_parallel: 0\nauth: magic\n")
    assert [line.split(": ")[1] for line in found] == [
        "unknown key 'agentes'",
        "max_parallel",
        "auth",
    ]


def test_what_is_not_yaml() -> None:
    [line] = problems("agents: [")
    assert line.startswith(".github/ao.yml is not YAML: ")


@pytest.mark.parametrize("text", ["- agents", "agents", "5"])
def test_what_is_not_a_mapping(text: str) -> None:
    [line] = problems(text)
    assert line == ".github/ao.yml: the file must be a list of `key: value` lines"


def test_a_file_cannot_run_code(tmp_path: Path) -> None:
    target = tmp_path / "owned"
    [line] = problems(f"rules: !!python/object/apply:os.mkdir ['{target}']")
    assert "is not YAML" in line
    assert not target.exists()


@pytest.mark.parametrize("value", [1, 100])
def test_bounds_belong_to_the_range(value: int) -> None:
    assert config.parse(f"max_parallel: {value}").max_parallel == value


@pytest.mark.parametrize("prefix", ["ao/", "bots/ao-", "ao_", "a.b/"])
def test_prefixes_that_git_takes(prefix: str) -> None:
    assert config.parse(f"branch_prefix: {prefix}").branch_prefix == prefix


# ---- the file ------------------------------------------------------------------------------


def put(root: Path, content: bytes) -> Path:
    path = root / config.PATH
    path.parent.mkdir()
    path.write_bytes(content)
    return root


def test_load(tmp_path: Path) -> None:
    assert config.load(put(tmp_path, b"max_parallel: 9\n")).max_parallel == 9


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run `ao-actions init`"):
        config.load(tmp_path)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.github/ao\.yml cannot be read"):
        config.load(put(tmp_path, b"rules: \xff\n"))


def test_a_file_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / config.PATH).mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path)


def test_the_settings_of_an_agent() -> None:
    settings = Config(agents=(AgentSettings(name="codex", model="m1"),))
    assert settings.agent("codex").model == "m1"
    with pytest.raises(ConfigError, match=re.escape("'claude-code' is not in the list any more")):
        settings.agent("claude-code")


def test_each_key_says_what_it_means() -> None:
    said: list[Any] = [key for key in keys.KEYS.values() if key.wanted and key.meaning]
    assert len(said) == len(keys.KEYS)

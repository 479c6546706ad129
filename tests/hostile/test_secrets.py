"""What an agent looks for in its surroundings: the job's tokens, the model's key."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ao_actions import meter
from ao_actions.agents import AGENTS, Assignment, run
from ao_actions.agents.launch import environment_for
from ao_actions.agents.providers import CREDENTIALS
from ao_actions.core.model import Outcome
from ao_actions.errors import AoError
from ao_actions.git import Git, Remote
from ao_actions.meter import Meter, Upstream
from ao_actions.runtime import Job
from ao_actions.work import metering, session, verify
from tests.integration.conftest import Factory
from tests.integration.test_publish import claimed
from tests.integration.test_work import with_agent
from tests.meter.test_process import eventually

pytestmark = pytest.mark.hostile("secrets")

# What a job has in its environment, and what would steer a program of the agent's or of ours.
JOB = (
    *("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE"),
    *("GITHUB_STEP_SUMMARY", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
    *("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_CACHE_URL", "RUNNER_TEMP", "RUNNER_TRACKING_ID"),
    *("INPUT_TOKEN", "INPUT_PUSH-TOKEN", "AO_METER", "AO_HOME", "AO_PUSH_TOKEN", "AO_TOKEN"),
    *("NODE_OPTIONS", "PYTHONPATH", "PYTHONSTARTUP", "BASH_ENV", "ENV", "PERL5OPT", "RUBYOPT"),
    *("GIT_SSH_COMMAND", "GIT_CONFIG_PARAMETERS", "GIT_EXTERNAL_DIFF", "SSH_AUTH_SOCK"),
    *("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "NPM_TOKEN"),
)
MARK = "of-the-job"
KEY = "sk-the-real-key-of-the-model"


def assignment(root: Path, **more: object) -> Assignment:
    for name in ("checkout", "scratch"):
        (root / name).mkdir(exist_ok=True)
    (root / "brief.md").write_text("Look around.\n")
    made = Assignment(
        checkout=root / "checkout",
        brief=root / "brief.md",
        scratch=root / "scratch",
        model=None,
        command=f"cp /proc/self/environ {root}/agent",
        seconds=60,
        turns=None,
        max_usd=None,
    )
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The environments of an agent and of a verify command, in a job that has all of `JOB`."""
    root = tmp_path_factory.mktemp("seen")
    with pytest.MonkeyPatch.context() as patch:
        for name in JOB:
            patch.setenv(name, MARK)
        given = assignment(root)
        run(AGENTS["command"], given, now=datetime.now(UTC))
        verify.run((f"cp /proc/self/environ {root}/verify",), given, seconds=60)
    found = {}
    for who in ("agent", "verify"):
        pairs = (root / who).read_bytes().decode().rstrip("\0").split("\0")
        found[who] = dict(pair.split("=", 1) for pair in pairs)
    return found


@pytest.mark.parametrize("name", JOB)
def test_the_job_s_environment_stays_the_job_s(seen: dict[str, dict[str, str]], name: str) -> None:
    for environment in seen.values():
        assert environment["HOME"]
        assert name not in environment
        assert MARK not in environment.values()


@pytest.mark.parametrize("name", sorted(n for n, a in AGENTS.items() if a.credentials))
def test_a_metered_agent_has_no_key(tmp_path: Path, name: str) -> None:
    """Although the step that runs it was given all keys, as an override of the workflow could."""
    agent = AGENTS[name]
    credential = agent.credentials[0]
    job = {
        metering.VARIABLE: f"http://{'d' * 24}@127.0.0.1:9 {credential}",
        **dict.fromkeys(CREDENTIALS, KEY),
    }
    measured = metering.choose(agent, job)
    assert measured.endpoint is not None
    handed = {each: job[each] for each in agent.secrets if each in job}
    given = assignment(tmp_path, endpoint=measured.endpoint, environment=handed, model="a/b")
    assert KEY not in environment_for(agent, given).values()
    assert not any(KEY in text for text in agent.files(given).values())


def test_the_key_is_in_no_process_s_environment_or_command(tmp_path: Path) -> None:
    upstream = Upstream(name="anthropic", url="https://a.example", header="x-api-key", key=KEY)
    it = meter.start([upstream], usd=None, seconds=60, log=tmp_path / "log")
    try:
        for process in Path("/proc").glob("[0-9]*"):
            for name in ("environ", "cmdline"):
                with suppress(OSError):
                    assert KEY.encode() not in (process / name).read_bytes(), process
        assert KEY not in (tmp_path / "log").read_text()
        assert KEY not in it.url
    finally:
        it.close()


# ---- the meter ends with its attempt -----------------------------------------------------------


def attempt(factory: Factory, number: int, environment: dict[str, str]) -> session.Attempt:
    client = factory.client()
    return session.Attempt(
        client=client,
        ledger=factory.ledger(),
        remote=Remote(f"file://{factory.root}/nowhere.git"),
        config=factory.config,
        places=session.Places.under(factory.root / "runner"),
        job=Job(run_id=factory.work_run(number).id, run_attempt=1),
        environment=environment,
        say=factory.said.append,
    )


def answers(it: Meter) -> bool:
    try:
        it.account()
    except AoError:
        return False
    return True


@pytest.mark.parametrize("early", ["the checkout fails", "it is superseded"])
def test_no_meter_outlives_an_attempt_without_an_agent(factory: Factory, early: str) -> None:
    number = claimed(factory)
    upstream = Upstream(name="anthropic", url="https://a.example", header="x-api-key", key=KEY)
    it = meter.start([upstream], usd=None, seconds=60, log=None)
    job = {metering.VARIABLE: f"{it.url} ANTHROPIC_API_KEY"}
    epoch = factory.task(number).epoch + (early == "it is superseded")
    done = session.work(attempt(factory, number, job), number, epoch)
    assert (done.outcome if done else None) in (Outcome.AGENT_ERROR, None)
    assert eventually(lambda: not answers(it))


def test_an_agent_that_cannot_be_metered_is_not_promised_it(factory: Factory) -> None:
    number = claimed(factory)
    told = attempt(factory, number, {"AO_AGENT_KEY": KEY})
    assert session.start_meter(told, number, factory.task(number).epoch) == ""
    assert factory.said[-1] == "no meter: command cannot be pointed at it"


# ---- our own git ------------------------------------------------------------------------------


def test_our_git_is_not_given_the_job_s_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("GITHUB_TOKEN", "GH_TOKEN", "AO_PUSH_TOKEN", "AO_METER", "ACTIONS_RUNTIME_TOKEN")
    for name in names:
        monkeypatch.setenv(name, MARK)
    git = Git.scratch(tmp_path / "s.git")
    git.run("config", "alias.look", f"!cp /proc/self/environ {tmp_path}/environ")
    git.run("look")
    assert MARK.encode() not in (tmp_path / "environ").read_bytes()


def test_a_prompt_that_asks_for_the_keeper_s_token(factory: Factory) -> None:
    """The agent tries every process that it can see; none that it can read has the job's token."""
    number = claimed(factory)
    script = (
        'cat /proc/$PPID/environ /proc/self/environ | tr "\\0" "\\n" > found.txt 2>/dev/null\n'
        "git config --list --show-origin >> found.txt; cat .git/config ~/.netrc >> found.txt\n"
        "true\n"
    )
    told = attempt(factory, number, {"GITHUB_TOKEN": factory.bot})
    client = told.client
    told = replace(
        told,
        config=with_agent(factory, script),
        remote=Remote(client.address.repository(client.repository), factory.bot),
    )
    done = session.work(told, number, factory.task(number).epoch)
    assert done is not None
    assert done.outcome is Outcome.CHANGES
    assert factory.bot not in (told.places.checkout / "found.txt").read_text()

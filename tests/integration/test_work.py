"""The agent job: `session.work` on a real claim, with real programs as agents."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ao_actions import publish
from ao_actions.agents import AGENTS
from ao_actions.config import Config
from ao_actions.core.model import Outcome
from ao_actions.git import Remote
from ao_actions.keys import AgentSettings
from ao_actions.modelserver import Answer, ModelServer, Say, Use
from ao_actions.runtime import Job
from ao_actions.work import session
from ao_actions.work.handoff import Handoff
from tests.integration.conftest import NAME, Factory
from tests.integration.test_publish import FIX, check, claimed, remark


def with_agent(factory: Factory, script: str, **more: Any) -> Config:
    """A configuration whose agent is this shell script."""
    path = factory.root / "agent.sh"
    path.write_text(script)
    agents = (AgentSettings(name="command", command=f"bash {path}"),)
    return replace(factory.config, agents=agents, **more)


def work(
    factory: Factory,
    number: int,
    config: Config,
    environment: Mapping[str, str] | None = None,
    run_attempt: int = 1,
) -> Handoff | None:
    client = factory.client()
    attempt = session.Attempt(
        client=client,
        ledger=factory.ledger(),
        remote=Remote(client.address.repository(NAME), factory.bot),
        config=config,
        places=session.Places.under(factory.root / "runner"),
        job=Job(run_id=factory.work_run(number).id, run_attempt=run_attempt),
        environment=environment or {},
        say=factory.said.append,
    )
    return session.work(attempt, number, factory.task(number).epoch)


def then_publish(factory: Factory, number: int, config: Config | None = None) -> Outcome:
    folder = factory.root / "runner" / "handoff"
    work = factory.publication(factory.work_run(number), folder)
    work = replace(work, config=config or work.config)
    return publish.publish(work, number, factory.task(number).epoch)


def test_a_program_works_and_its_work_is_published(factory: Factory) -> None:
    number = claimed(factory)
    config = with_agent(
        factory,
        'grep -q "Return 42" "$AO_BRIEF" && sed -i s/41/42/ src/code.py && git commit -qam mine\n'
        "echo It returns 42 now.",
    )
    done = work(factory, number, config)
    assert done is not None
    assert (done.outcome, done.message) == (Outcome.CHANGES, "It returns 42 now.")
    assert then_publish(factory, number) is Outcome.CHANGES
    log = factory.hub.world.git(NAME, "log", "--format=%an", f"main..ao/{number}").split()
    assert log == ["ao-actions"]
    assert "return 42" in factory.hub.world.git(NAME, "show", f"ao/{number}:src/code.py")


def test_an_agent_sees_no_token_and_no_remote(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = claimed(factory)
    monkeypatch.setenv("GITHUB_TOKEN", factory.bot)
    config = with_agent(
        factory, "env > env.txt; git remote -v > remotes.txt; cat .git/config > config.txt"
    )
    environment = {"GITHUB_TOKEN": factory.bot, "AO_AGENT_KEY": "for-the-agent"}
    work(factory, number, config, environment)
    tree = factory.root / "runner" / "checkout"
    seen = (tree / "env.txt").read_text()
    assert "AO_AGENT_KEY=for-the-agent" in seen
    assert factory.bot not in seen + (tree / "config.txt").read_text()
    assert "GITHUB_" not in seen
    assert (tree / "remotes.txt").read_text() == ""


def test_failing_verify_commands_go_back_to_the_agent(factory: Factory) -> None:
    number = claimed(factory)
    script = (
        'if grep -q "verify commands fail" "$AO_BRIEF"; then echo good > state.txt\n'
        "else echo bad > state.txt; fi\n"
    )
    config = with_agent(factory, script, verify=("grep -q good state.txt",))
    done = work(factory, number, config)
    assert done is not None
    assert done.outcome is Outcome.CHANGES
    assert [v.passed for v in done.verified] == [True]
    assert then_publish(factory, number, config) is Outcome.CHANGES
    (pull,) = factory.pulls()
    assert "- `grep -q good state.txt` passed" in factory.repo.issues[pull.number].body


def test_verify_commands_that_never_pass_are_not_published(factory: Factory) -> None:
    number = claimed(factory)
    config = with_agent(factory, "date +%N > state.txt", verify=("false",))
    done = work(factory, number, config)
    assert done is not None
    assert (done.outcome, done.detail) == (Outcome.AGENT_ERROR, "the verify command fails: false")
    assert then_publish(factory, number) is Outcome.AGENT_ERROR
    assert factory.pulls() == []


@pytest.mark.parametrize("private", [True, False], ids=["private", "public"])
def test_a_transcript_is_kept_in_private_repositories_without_keys(
    factory: Factory, *, private: bool
) -> None:
    factory.repo.private = private
    number = claimed(factory)
    config = with_agent(factory, 'echo "the key is $AO_AGENT_KEY"')
    work(factory, number, config, {"AO_AGENT_KEY": "a-secret-value"})
    kept = factory.root / "runner" / "handoff" / "transcript.txt"
    assert kept.exists() is private
    if private:
        assert "the key is ***" in kept.read_text()


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("true", Outcome.NO_CHANGE),
        ("echo half > half.txt; exit 1", Outcome.AGENT_ERROR),
        ("exit 75", Outcome.LIMITED),
    ],
    ids=["no change", "failure", "limited"],
)
def test_outcomes(factory: Factory, script: str, outcome: Outcome) -> None:
    number = claimed(factory)
    done = work(factory, number, with_agent(factory, script))
    assert done is not None
    assert done.outcome is outcome
    assert then_publish(factory, number) is outcome
    assert factory.branch(f"ao/{number}") is None


def test_an_agent_that_cannot_start_still_leaves_a_hand_off(factory: Factory) -> None:
    number = claimed(factory)
    agents = (AgentSettings(name="command", command="/no/such/program"),)
    done = work(factory, number, replace(factory.config, agents=agents))
    assert done is not None
    assert done.outcome is Outcome.AGENT_ERROR
    assert then_publish(factory, number) is Outcome.AGENT_ERROR


def test_a_re_run_starts_no_agent(factory: Factory) -> None:
    number = claimed(factory)
    config = with_agent(factory, f"touch {factory.root}/started")
    assert work(factory, number, config, run_attempt=2) is None
    assert not (factory.root / "started").exists()
    assert not (factory.root / "runner" / "handoff").exists()


def test_the_brief_has_the_review_threads_and_their_replies_come_back(factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    check(factory, number, "success")
    remark(factory, number, "Name the number, please.")
    factory.pass_time(minutes=3)
    factory.reconcile()
    script = (
        'grep -q "Name the number" "$AO_BRIEF" && grep -q "### T1 at" "$AO_BRIEF" || exit 1\n'
        "printf 'ANSWER = 42\\n\\n\\ndef answer():\\n    return ANSWER\\n' > src/code.py\n"
    )
    report = json.dumps({"replies": [{"thread": "T1", "body": "It is named ANSWER."}]})
    done = work(factory, number, with_agent(factory, f"{script}echo '{report}' > \"$AO_RESULT\""))
    assert done is not None
    assert done.outcome is Outcome.CHANGES, done
    then_publish(factory, number)
    (pull,) = factory.pulls()
    assert "It is named ANSWER." in pull.review_comments[-1].body


def test_claude_code_resolves_an_issue(factory: Factory) -> None:
    """The real CLI, pinned, in the agent job, against a scripted model; then published."""
    number = claimed(factory)
    claim_agent(factory, number, "claude-code")
    code = factory.root / "runner" / "checkout" / "src" / "code.py"
    script = (
        Answer((Use("Read", {"file_path": str(code)}),)),
        Answer((Use("Edit", {"file_path": str(code), "old_string": "41", "new_string": "42"}),)),
        Answer((Say("The answer is 42 now."),)),
    )
    config = replace(
        factory.config,
        agents=(AgentSettings(name="claude-code"),),
        verify=(f"{sys.executable} -c 'from src.code import answer; assert answer() == 42'",),
    )
    cache = Path(os.environ.get("AO_TEST_CACHE", Path(__file__).parents[2] / ".cache" / "agents"))
    cache.mkdir(parents=True, exist_ok=True)  # else the link leads nowhere
    (factory.root / "runner").mkdir()
    (factory.root / "runner" / "agents").symlink_to(cache.absolute(), target_is_directory=True)
    with ModelServer(script) as server:
        environment = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "a-key"}
        done = work(factory, number, config, environment)
        asked = [request for request in server.asked if request.body]
    assert done is not None
    assert (done.outcome, done.message) == (Outcome.CHANGES, "The answer is 42 now."), done
    assert done.spent is not None
    assert done.spent.tokens > 0
    assert "Return 42" in json.dumps(asked[0].body["messages"])
    assert then_publish(factory, number) is Outcome.CHANGES
    record = factory.task(number)
    assert record.attempts[0].spent == done.spent
    assert AGENTS["claude-code"].version is not None


def claim_agent(factory: Factory, number: int, agent: str) -> None:
    """Let the live claim be another agent's, as another configuration would have made it."""
    ledger = factory.ledger()
    tip = ledger.read()
    record = tip.book.tasks[number]
    assert record.claim is not None
    changed = replace(record, claim=replace(record.claim, agent=agent))
    draft = ledger.draft(tip, tip.book.put(changed), ["another agent"], at=record.claim.claimed_at)
    assert ledger.push(draft)

"""The real Claude Code through a real meter: it works as before, and ends when it should."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ao_actions import meter
from ao_actions.agents import AGENTS, Outcome, Result, run
from ao_actions.meter import Account, LimitKind, Upstream
from ao_actions.modelserver import Answer, Failure, ModelServer, Say, Turn, Use
from ao_actions.modelserver.limits import subscription_limit
from tests.agents.assignment import MakeAssignment

CLAUDE = AGENTS["claude-code"]
KEY = "sk-ant-real-key-of-a-test"
STEP = Answer((Use("Bash", {"command": "env", "description": "look"}),), 100_000, 1000)
DONE = Answer((Say("DONE"),))

Play = Callable[..., tuple[Result, Account, ModelServer]]


@pytest.fixture
def play(assign: MakeAssignment, claude: Path) -> Iterator[Play]:
    def play(
        script: Iterable[Turn], *, usd: float | None = None
    ) -> tuple[Result, Account, ModelServer]:
        with ModelServer(script) as server:
            upstream = Upstream(name="anthropic", url=server.url, header="x-api-key", key=KEY)
            it = meter.start([upstream], usd=usd, seconds=120, log=None)
            keys = {"ANTHROPIC_API_KEY": it.key, "ANTHROPIC_BASE_URL": it.base("anthropic")}
            assignment = assign(environment=keys)
            result = run(CLAUDE, assignment, now=datetime.now(UTC), program=claude)
            account = it.close()
        assert server.unknown == []
        return result, account, server

    return play


def test_it_works_and_both_count_the_same(play: Play) -> None:
    result, account, server = play([STEP, STEP, DONE])
    assert (result.outcome, result.message) == (Outcome.DONE, "DONE")
    assert account.usd == pytest.approx(result.usage.usd)
    assert account.output_tokens == result.usage.output_tokens
    assert (account.unmetered, account.refused, account.errors) == (0, 0, {})
    assert {request.headers["x-api-key"] for request in server.asked} == {KEY}
    # the agent's shell printed its environment, and the real key is not in it
    assert "ANTHROPIC_BASE_URL" in str(server.asked[-1].body)
    assert KEY not in str(server.asked[-1].body)


def test_it_ends_when_the_budget_is_spent(play: Play) -> None:
    result, account, server = play([STEP] * 9, usd=0.5)
    assert result.outcome is Outcome.OUT_OF_BUDGET
    assert "ao-actions: the budget of this attempt ($0.50) is spent" in result.detail
    # an answer is 0.42: the second one oversteps the budget, a third is not asked for
    assert len(server.asked) == 2
    assert account.usd == pytest.approx(0.84)
    assert account.refused == 1


def test_it_ends_when_a_limit_stands(play: Play) -> None:
    reset = int((datetime.now(UTC) + timedelta(hours=2)).timestamp())
    result, account, server = play([STEP, Failure(429, "slow down", subscription_limit(reset))])
    assert result.outcome is not Outcome.DONE
    assert len(server.asked) == 2  # with a key it would have asked five times
    assert account.limit is not None
    assert account.limit.kind is LimitKind.USAGE
    assert account.limit.until == datetime.fromtimestamp(reset, UTC)
    assert account.limited == 1

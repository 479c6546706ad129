"""The real Claude Code, pinned, against a scripted model: what the adapter relies on is true.

Each test runs the command line that a job runs, through `agents.run`, in a real git checkout.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ao_actions.agents import AGENTS, Outcome, Program, Result, providers, run
from ao_actions.modelserver import Answer, Cut, Failure, Hang, ModelServer, Request, Say, Turn, Use
from ao_actions.modelserver.limits import subscription_limit
from tests.agents.assignment import MakeAssignment

pytestmark = pytest.mark.extra
CLAUDE = AGENTS["claude-code"]
KEY = {"ANTHROPIC_API_KEY": "key-of-a-test"}
DONE = Answer((Say("DONE"),))


@dataclass(frozen=True, slots=True)
class Played:
    result: Result
    asked: tuple[Request, ...]

    def transcript(self) -> str:
        assert self.result.transcript is not None
        return self.result.transcript.read_text()


Play = Callable[..., Played]


@pytest.fixture
def play(assign: MakeAssignment, claude: Program) -> Play:
    def play(
        script: Iterable[Turn], *, environment: Mapping[str, str] = KEY, **changes: Any
    ) -> Played:
        with ModelServer(script) as server:
            own = {"ANTHROPIC_BASE_URL": server.url, **environment}
            endpoint = providers.direct(CLAUDE, own)
            others = {name: own[name] for name in own if name.startswith("CLAUDE_CODE_MAX")}
            assignment = assign(environment=others, endpoint=endpoint, **changes)
            result = run(CLAUDE, assignment, now=datetime.now(UTC), program=claude)
        assert server.unknown == []
        return Played(result, tuple(server.asked))

    return play


def bash(command: str, **more: Any) -> Answer:
    return Answer((Use("Bash", {"command": command, "description": "a step", **more}),))


def tool(request: Request, name: str) -> Any:
    return next(tool for tool in request.body["tools"] if tool["name"] == name)


def test_an_edit(play: Play, checkout: Path) -> None:
    write = Use("Write", {"file_path": str(checkout / "new.txt"), "content": "friendlier\n"})
    played = play([Answer((Say("I write."), write)), DONE], brief="Write new.txt.\n" * 20_000)
    result = played.result
    assert (result.outcome, result.detail) == (Outcome.DONE, "claude-code finished"), result
    assert (checkout / "new.txt").read_text() == "friendlier\n"
    assert result.message == "DONE"
    assert result.session is not None
    assert (result.usage.input_tokens, result.usage.output_tokens) == (2000, 100)
    assert result.usage.turns == 2
    assert result.usage.usd is not None
    assert result.usage.usd > 0
    first = played.asked[0]
    # 300 kB: more than an argument may hold, so the brief came by standard input.
    assert json.dumps(first.body["messages"]).count("Write new.txt.") == 20_000
    assert first.headers["x-api-key"] == "key-of-a-test"
    assert first.body["stream"] is True
    assert f'"claude_code_version":"{CLAUDE.version}"' in played.transcript()


def test_a_shell_command(
    play: Play, checkout: Path, monkeypatch: pytest.MonkeyPatch, left_over: Callable[[], list[str]]
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "the-token-of-the-job")
    played = play([bash("env > seen.txt; git add -A; (setsid sleep 1000 &)"), DONE])
    assert played.result.outcome is Outcome.DONE
    seen = (checkout / "seen.txt").read_text()
    assert "the-token-of-the-job" not in seen
    assert "TERM=dumb" in seen
    assert left_over() == []


def test_nothing_may_run_in_the_background(play: Play) -> None:
    played = play([DONE])
    assert "run_in_background" not in tool(played.asked[0], "Bash")["input_schema"]["properties"]
    assert "CronCreate" not in played.transcript()


def test_an_edit_outside_is_denied_and_noted(play: Play, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    write = Use("Write", {"file_path": str(outside), "content": "x"})
    played = play([Answer((write,)), DONE])
    assert played.result.outcome is Outcome.DONE
    assert played.result.detail.endswith("1 tool calls were not allowed (Write)")
    assert not outside.exists()


def test_it_may_write_its_report(play: Play, tmp_path: Path) -> None:
    report = {"replies": [{"thread": "PRRT_1", "body": "Renamed it."}]}
    path = tmp_path / "scratch" / "report" / "result.json"
    write = Use("Write", {"file_path": str(path), "content": json.dumps(report)})
    played = play([Answer((write,)), DONE])
    assert played.result.replies == (("PRRT_1", "Renamed it."),)
    assert played.result.message == "DONE"


def test_a_rate_limit(play: Play) -> None:
    played = play([Failure(429, "slow down", {"retry-after": "3600"})])
    result = played.result
    assert (result.outcome, result.until, result.proven) == (Outcome.LIMITED, None, True)
    assert result.detail.endswith("Request rejected (429) · slow down")
    assert len(played.asked) == 1


def test_a_subscription_limit_names_its_end(play: Play) -> None:
    reset = int(time.time()) + 3600
    played = play(
        [Failure(429, "limit", subscription_limit(reset))],
        environment={"CLAUDE_CODE_OAUTH_TOKEN": "token-of-a-test"},
    )
    result = played.result
    assert (result.outcome, result.proven) == (Outcome.LIMITED, True)
    assert result.until == datetime.fromtimestamp(reset, UTC)
    assert "You've hit your 5-hour limit" in result.detail


@pytest.mark.parametrize(
    ("turn", "outcome", "detail"),
    [
        pytest.param(Failure(529), Outcome.LIMITED, "529 scripted failure", id="overloaded"),
        pytest.param(Failure(500, "boom"), Outcome.ERROR, "500 boom", id="a server's fault"),
        pytest.param(Cut(), Outcome.ERROR, "Connection to the API was lost", id="a cut stream"),
        pytest.param(Failure(403), Outcome.ERROR, "scripted failure", id="forbidden"),
    ],
)
def test_errors(play: Play, turn: Turn, outcome: Outcome, detail: str) -> None:
    played = play([turn], environment={**KEY, "CLAUDE_CODE_MAX_RETRIES": "0"})
    assert played.result.outcome is outcome
    assert detail in played.result.detail


def test_one_cut_is_survived(play: Play) -> None:
    assert play([Cut(once=True), DONE]).result.outcome is Outcome.DONE


def test_a_wrong_key_is_not_tried_for_ever(play: Play) -> None:
    played = play([Failure(401, "invalid x-api-key")])
    assert played.result.outcome is Outcome.ERROR
    assert "Invalid API key" in played.result.detail
    assert len(played.asked) == 5  # our CLAUDE_CODE_MAX_RETRIES; it would be 11


def test_no_key_at_all(play: Play) -> None:
    played = play([DONE], environment={})
    assert played.result.outcome is Outcome.ERROR
    assert "Not logged in" in played.result.detail
    assert played.asked == ()


def test_turns_are_bounded(play: Play) -> None:
    played = play([bash("true"), bash("true"), DONE], turns=1)
    assert played.result.outcome is Outcome.TIMEOUT
    assert "maximum number of turns (1)" in played.result.detail
    assert played.result.usage.output_tokens == 50


def test_cost_is_bounded(play: Play) -> None:
    played = play([bash("true"), bash("true"), DONE], max_usd=0.001)
    assert played.result.outcome is Outcome.OUT_OF_BUDGET
    assert "maximum budget ($0.001)" in played.result.detail
    assert len(played.asked) == 1


def test_a_session_goes_on_and_costs_only_its_own(play: Play) -> None:
    first = play([DONE]).result
    again = play([DONE], session=first.session, brief="And now the tests.\n")
    assert again.result.outcome is Outcome.DONE
    assert again.result.session == first.session
    assert again.result.usage == first.usage
    said = json.dumps(again.asked[0].body["messages"])
    assert "Make the greeting friendlier." in said
    assert "And now the tests." in said


def test_a_model_that_never_answers(play: Play, left_over: Callable[[], list[str]]) -> None:
    played = play([Hang()], seconds=8)
    assert played.result.outcome is Outcome.TIMEOUT
    assert played.result.detail == "stopped at the limit of 8 s"
    assert len(played.asked) == 1
    assert left_over() == []


def test_a_command_that_never_ends(
    play: Play, checkout: Path, left_over: Callable[[], list[str]]
) -> None:
    # Claude Code starts it in a session of its own: the group's end is not its end.
    played = play([bash("trap '' TERM; echo $$ > up; while :; do sleep 1000; done")], seconds=8)
    assert played.result.outcome is Outcome.TIMEOUT
    assert (checkout / "up").exists()
    assert left_over() == []

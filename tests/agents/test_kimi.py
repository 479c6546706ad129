"""How a run of Kimi Code is judged, by excerpts of what 2.1.0 really printed, and what only it
does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents import (
    AGENTS,
    Outcome,
    Program,
    Result,
    Usage,
    providers,
    run,
)
from ao_actions.agents.kimi import Kimi
from ao_actions.modelserver import Answer, Limit, ModelServer, Run, Say
from tests.agents.assignment import MakeAssignment
from tests.agents.judging import ASSIGNED, NOW, endpoint, judge, lines, mixed

KIMI = Kimi()
SESSION = "session_8ccfb7d7-0947-406b-9308-2dc000d8a6c5"
BUDGET = "ao-actions: the budget of this attempt ($2.00) is spent"

VERSION = {"role": "meta", "type": "system.version", "version": "2.1.0"}
HINT = {"role": "meta", "type": "session.resume_hint", "session_id": SESSION}
CALL = {"role": "assistant", "content": "I write", "tool_calls": [{"type": "function", "id": "1"}]}
TOOL = {"role": "tool", "tool_call_id": "1", "content": "Wrote 3 bytes"}
DONE = {"role": "assistant", "content": "DONE"}


def retrying(status: int | None, text: str) -> dict[str, Any]:
    fields = {"failed_attempt": 1, "max_attempts": 4, "delay_ms": 543.4}
    said = {"error_name": "APIError", "error_message": text, "status_code": status}
    return {"role": "meta", "type": "turn.step.retrying", **fields, **said}


def error(text: str) -> bytes:
    """What stands at the end of standard error, behind the output of tools."""
    said = f"error: failed to run prompt: {text}\nSee log: /h/.kimi-code/logs/kimi-code.log\n"
    return b"some tool's output\n" + said.encode()


PROMPT = {"type": "turn.prompt", "origin": {"kind": "user"}, "turnId": 0}
USED = {"inputOther": 800, "output": 50, "inputCacheRead": 150, "inputCacheCreation": 50}
RECORD = {"type": "usage.record", "usage": USED}


def read(*records: dict[str, Any] | bytes, session: str | None = None, **end: Any) -> Result:
    return judge(KIMI, *records, assigned=replace(ASSIGNED, session=session), **end)


def test_a_good_run() -> None:
    wire = lines([PROMPT, RECORD, PROMPT, RECORD, RECORD, b"{half"])
    records = (VERSION, CALL, TOOL, DONE, HINT)
    assert read(*records, files={"wire": wire}) == Result(
        outcome=Outcome.DONE,
        detail="kimi finished",
        message="DONE",
        usage=Usage(input_tokens=2000, output_tokens=100, turns=2),
        session=SESSION,
    )


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"", id="none"),
        pytest.param(
            lines([RECORD, RECORD]), id="the end of a long one, without this run's prompt"
        ),
    ],
)
def test_tokens_that_are_not_known(wire: bytes) -> None:
    assert read(VERSION, DONE, HINT, files={"wire": wire}).usage == Usage(turns=1)


def test_a_run_without_an_answer_has_used_nothing() -> None:
    wire = lines([PROMPT, RECORD])  # an earlier run's
    judged = read(VERSION, code=1, stderr=error("x"), files={"wire": wire})
    assert judged.usage == Usage()


@pytest.mark.parametrize(
    ("records", "run", "outcome", "detail"),
    [
        pytest.param(
            [VERSION],
            {"code": 1, "stderr": error("provider.auth_error: 401 Invalid Authentication")},
            Outcome.ERROR,
            "401 Invalid Authentication; does the secret MOONSHOT_API_KEY hold a valid key?",
            id="a wrong key",
        ),
        pytest.param(
            [VERSION],
            {"code": 1, "stderr": error("No model configured. Run `kimi` and use /login.")},
            Outcome.ERROR,
            "does the secret MOONSHOT_API_KEY hold a valid key?",
            id="no key",
        ),
        pytest.param(
            [VERSION, CALL, TOOL],
            {"code": 1, "stderr": error(f"provider.auth_error: 403 {BUDGET}")},
            Outcome.OUT_OF_BUDGET,
            BUDGET,
            id="the meter's budget",
        ),
        pytest.param(
            [VERSION],
            {"code": 1, "stderr": error("provider.api_error: 429 You exceeded your current quota")},
            Outcome.ERROR,
            "429 You exceeded your current quota",
            id="no credit: a human's matter, time does not mend it",
        ),
        pytest.param(
            [VERSION, CALL, TOOL],
            {"code": 1, "stderr": error("loop.max_steps_exceeded: Turn exceeded maxSteps=1.")},
            Outcome.TIMEOUT,
            "maxSteps=1",
            id="turns",
        ),
        pytest.param(
            [VERSION, retrying(None, "terminated"), {"role": "assistant", "content": "half"}],
            {"code": 1, "stderr": error("provider.connection_error: terminated")},
            Outcome.ERROR,
            "kimi: provider.connection_error: terminated",
            id="a cut stream",
        ),
        pytest.param(
            [DONE, HINT], {"code": 1}, Outcome.DONE, "finished", id="exit 1 after success"
        ),
        pytest.param(
            [DONE, HINT],
            {"code": -9, "timed_out": True},
            Outcome.DONE,
            "finished and was then stopped",
            id="stopped after the end",
        ),
        pytest.param(
            [VERSION, CALL],
            {"code": 143, "timed_out": True, "stderr": error("stale")},
            Outcome.TIMEOUT,
            "stopped at the limit of 600 s",
            id="stopped",
        ),
        pytest.param(
            [b"kimi-cli is no longer maintained"],
            {"code": 0},
            Outcome.ERROR,
            "ended without a result (exit code 0)",
            id="exit 0 with nothing done: a stub",
        ),
        pytest.param([HINT, DONE], {}, Outcome.ERROR, "without a result", id="it went on"),
    ],
)
def test_verdicts(records: list[Any], run: dict[str, Any], outcome: Outcome, detail: str) -> None:
    judged = read(*records, **run)
    assert judged.outcome is outcome
    assert detail in judged.detail


@pytest.mark.parametrize(
    ("records", "run", "until", "proven"),
    [
        pytest.param(
            [VERSION, CALL, TOOL, retrying(429, "429 Rate limit. Please try again in 90s.")],
            {"stderr": error("provider.rate_limit: 429 Rate limit. Please try again in 90s.")},
            NOW + timedelta(seconds=90),
            True,
            id="it tried again, and says when",
        ),
        pytest.param(
            [retrying(429, "429 x")],
            {"code": 143, "timed_out": True},
            None,
            True,
            id="it was stopped as it waited",
        ),
        pytest.param([retrying(503, "503 overloaded")], {}, None, True, id="overloaded"),
        pytest.param(
            [VERSION, CALL, TOOL],
            {"stderr": error("provider.rate_limit: 429 slow down")},
            None,
            False,
            id="only a line among the output of tools",
        ),
    ],
)
def test_limits(
    records: list[Any], run: dict[str, Any], until: datetime | None, *, proven: bool
) -> None:
    judged = read(*records, **{"code": 1, **run})
    assert (judged.outcome, judged.until, judged.proven) == (Outcome.LIMITED, until, proven)


def test_a_limit_that_was_got_over() -> None:
    assert read(VERSION, retrying(429, "x"), DONE, HINT).outcome is Outcome.DONE


def test_the_session_of_a_run_that_failed() -> None:
    def session(state: bytes) -> str | None:
        return read(retrying(429, "x"), code=1, files={"state": state}).session

    assert session(b'{\n "id": "%s",\n "version": 2\n}' % SESSION.encode()) == SESSION
    assert session(b'{"id": "../../etc"}') is None
    assert session(b'{"id": 1}') is None
    assert session(b"?") is None


def test_a_session_that_is_not_there() -> None:
    state = {"state": lines([{"id": SESSION}])}
    for why in ("not found.", "was created under a different directory."):
        no = error(f'Session "{SESSION}" {why}')
        judged = read(VERSION, code=1, stderr=no, session=SESSION, files=state)
        assert (judged.outcome, judged.session_refused) == (Outcome.ERROR, True)
        assert judged.session is None
        assert not read(VERSION, code=1, stderr=no).session_refused
        assert not read(VERSION, CALL, code=1, stderr=no, session=SESSION).session_refused


@given(
    records=mixed(VERSION, CALL, TOOL, DONE, HINT, retrying(429, "x")),
    wire=mixed(PROMPT, RECORD),
    code=st.integers(-15, 255),
    timed_out=st.booleans(),
)
def test_any_record_is_judged(
    records: list[Any], wire: list[Any], code: int, *, timed_out: bool
) -> None:
    files = {"wire": lines(wire), "state": lines(wire)}
    assert isinstance(
        read(
            *records, code=code, timed_out=timed_out, stderr=b"\xff", files=files, session=SESSION
        ),
        Result,
    )


def test_how_it_is_called(assign: MakeAssignment) -> None:
    first, again = (KIMI.argv(assign(session=session), ("kimi",)) for session in (None, SESSION))
    assert str(assign().brief) in first[1]
    assert "written anew" not in first[1]
    assert "written anew" in again[1]
    assert again[-1] == f"--session={SESSION}"
    direct = endpoint("MOONSHOT_API_KEY", "moonshot", url=None)
    environment = KIMI.environment(assign(endpoint=direct, model="kimi-k3", turns=30))
    assert environment["KIMI_MODEL_NAME"] == "kimi-k3"
    assert environment["KIMI_MODEL_API_KEY"] == "key-of-a-test"
    assert environment["KIMI_MODEL_BASE_URL"] == "https://api.moonshot.ai/v1"
    assert environment["KIMI_LOOP_MAX_STEPS_PER_TURN"] == "30"
    assert not [name for name in KIMI.environment(assign()) if name.startswith("KIMI_MODEL")]


# ---- the real program -----------------------------------------------------------------------

Play = Callable[..., Result]


@pytest.fixture
def play(assign: MakeAssignment, installed: Callable[[str], Program], checkout: Path) -> Play:
    def play(*script: Answer | Limit, **changes: Any) -> Result:
        with ModelServer(script, cwd=checkout) as server:
            job = {"MOONSHOT_API_KEY": "key-of-a-test", "MOONSHOT_BASE_URL": f"{server.url}/v1"}
            assignment = assign(endpoint=providers.direct(AGENTS["kimi"], job), **changes)
            return run(KIMI, assignment, now=datetime.now(UTC), program=installed("kimi"))

    return play


def test_turns_are_bounded(play: Play) -> None:
    judged = play(Answer((Run("true"),)), Answer((Run("true"),)), turns=1)
    assert judged.outcome is Outcome.TIMEOUT, judged
    assert "maxSteps=1" in judged.detail
    assert judged.usage == Usage(input_tokens=1000, output_tokens=50, turns=1)


def test_it_tells_when_a_limit_ends(play: Play) -> None:
    limit = Limit("rate", message="Rate limit reached. Please try again in 600s.")
    judged = play(Answer((Say("I begin."), Run("true"))), limit)
    assert (judged.outcome, judged.proven) == (Outcome.LIMITED, True), judged
    assert judged.until is not None
    assert judged.session is not None

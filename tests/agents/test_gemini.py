"""How a run of Gemini CLI is judged, by excerpts of what 0.61.0 really printed, and what only it
does."""

import json
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
from ao_actions.modelserver import Answer, ModelServer, Run, Say, Use
from tests.agents.assignment import MakeAssignment
from tests.agents.judging import ASSIGNED, NOW, endpoint, judge, mixed

GEMINI = AGENTS["gemini"]
SESSION = "b8da6d34-9759-4dfb-b716-54eb9db7dded"
QUOTA = "You have exhausted your daily quota on this model."
BUDGET = "ao-actions: the budget of this attempt ($2.00) is spent"

INIT = {"type": "init", "session_id": SESSION, "model": "gemini-2.5-pro"}
TOLD = {"type": "message", "role": "user", "content": "the brief"}
USE = {"type": "tool_use", "tool_name": "write_file", "tool_id": "1", "parameters": {}}
USED = {"type": "tool_result", "tool_id": "1", "status": "success"}


def said(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": text, "delta": True}


def result(**changes: Any) -> dict[str, Any]:
    stats = {"total_tokens": 2100, "input_tokens": 2000, "output_tokens": 100, "tool_calls": 1}
    return {"type": "result", "status": "success", "stats": stats, **changes}


def failed(text: str) -> dict[str, Any]:
    return result(status="error", error={"type": "unknown", "message": text})


def api_error(status: int, text: str) -> dict[str, Any]:
    return failed(f"[API Error: {json.dumps({'error': {'code': status, 'message': text}})}]")


def read(*records: dict[str, Any] | bytes, session: str | None = None, **end: Any) -> Result:
    return judge(GEMINI, *records, assigned=replace(ASSIGNED, session=session), **end)


def test_a_good_run() -> None:
    records = (INIT, TOLD, said("I write"), USE, USE, USED, USED, said("DO"), said("NE"), result())
    assert read(*records) == Result(
        outcome=Outcome.DONE,
        detail="gemini finished",
        message="DONE",
        usage=Usage(input_tokens=2000, output_tokens=100, turns=2),
        session=SESSION,
    )


@pytest.mark.parametrize(
    ("records", "run", "outcome", "detail"),
    [
        pytest.param(
            [INIT, api_error(401, "API key not valid")],
            {"code": 401 % 256},
            Outcome.ERROR,
            "gemini: API key not valid; does the secret GEMINI_API_KEY hold a valid key?",
            id="a wrong key",
        ),
        pytest.param(
            [INIT, api_error(400, "API key not valid. Please pass a valid API key.")],
            {"code": 400 % 256},
            Outcome.ERROR,
            "pass a valid API key; does the secret GEMINI_API_KEY hold a valid key?",
            id="a wrong key, as the real provider says it",
        ),
        pytest.param(
            [],
            {"code": 41, "stderr": b"When using Gemini API, ...\nUpdate your environment!\n"},
            Outcome.ERROR,
            "without a result (exit code 41): it has no key: put one into the secret GEMINI_API_",
            id="no key",
        ),
        pytest.param(
            [INIT, api_error(403, BUDGET)],
            {"code": 403 % 256},
            Outcome.OUT_OF_BUDGET,
            f"gemini: {BUDGET}",
            id="the meter's budget",
        ),
        pytest.param(
            [INIT, USE, USED, failed("Reached max session turns for this session.")],
            {"code": 53},
            Outcome.TIMEOUT,
            "gemini: Reached max session turns",
            id="turns",
        ),
        pytest.param(
            [INIT, {"type": "error", "message": "ended without a finish reason."}, failed("")],
            {"code": 0},
            Outcome.ERROR,
            "gemini: ended without a finish reason.",
            id="exit 0 with an error inside: a cut stream",
        ),
        pytest.param(
            [result(status="error")], {}, Outcome.ERROR, "does not say why", id="an error, no word"
        ),
        pytest.param([result(status=None)], {}, Outcome.ERROR, "why", id="no word of success"),
        pytest.param(
            [failed("[API Error: {oh]")], {"code": 244}, Outcome.ERROR, "gemini: {oh", id="no JSON"
        ),
        pytest.param([result()], {"code": 1}, Outcome.DONE, "finished", id="exit 1 after success"),
        pytest.param(
            [result()],
            {"code": -9, "timed_out": True},
            Outcome.DONE,
            "finished and was then stopped",
            id="stopped after the end",
        ),
        pytest.param(
            [INIT, said("I")],
            {"code": 0, "timed_out": True},
            Outcome.TIMEOUT,
            "stopped at the limit of 600 s",
            id="stopped: it ends with 0 on TERM",
        ),
        pytest.param(
            [INIT, said("I")],
            {"code": 0},
            Outcome.ERROR,
            "ended without a result (exit code 0): it said nothing",
            id="no result",
        ),
        pytest.param(
            [result(), said("and then")], {}, Outcome.ERROR, "without a result", id="it went on"
        ),
    ],
)
def test_verdicts(records: list[Any], run: dict[str, Any], outcome: Outcome, detail: str) -> None:
    judged = read(*records, **run)
    assert judged.outcome is outcome
    assert detail in judged.detail


@pytest.mark.parametrize(
    ("records", "code", "until", "proven"),
    [
        pytest.param([failed(f"[API Error: {QUOTA}]\nWait.")], 173, None, True, id="a day's quota"),
        pytest.param(
            [failed("[API Error: You exceeded your current quota. Please retry in 90s.]")],
            173,
            NOW + timedelta(seconds=90),
            True,
            id="with its end",
        ),
        pytest.param([failed("[API Error: overloaded]")], 247, None, True, id="overloaded"),
        pytest.param([said(QUOTA), result()], 0, None, False, id="only its sentence, as an answer"),
    ],
)
def test_limits(records: list[Any], code: int, until: datetime | None, *, proven: bool) -> None:
    judged = read(*records, code=code)
    assert (judged.outcome, judged.until, judged.proven) == (Outcome.LIMITED, until, proven)


def test_a_limit_that_is_only_mentioned() -> None:
    assert read(said(f"The log says: {QUOTA}"), result()).outcome is Outcome.DONE


def test_denials_are_counted() -> None:
    denied = {"type": "x", "message": "Path not in workspace: /etc/passwd is outside"}
    judged = read(INIT, USE, {**USED, "status": "error", "error": denied}, said("OK"), result())
    assert judged.outcome is Outcome.DONE
    assert judged.detail.endswith("1 uses of files outside the checkout were denied")


def test_a_session_that_is_not_there() -> None:
    no = b"Error resuming session: No previous sessions found for this project.\n"
    judged = read(code=42, stderr=no, session=SESSION)
    assert (judged.outcome, judged.session_refused) == (Outcome.ERROR, True)
    assert "No previous sessions found" in judged.detail
    assert not read(code=42, stderr=no).session_refused
    assert not read(INIT, code=42, stderr=no, session=SESSION).session_refused


@given(
    records=mixed(INIT, TOLD, said("x"), USE, USED, result(), failed("[API Error: {}]")),
    code=st.integers(-15, 255),
    timed_out=st.booleans(),
)
def test_any_record_is_judged(records: list[Any], code: int, *, timed_out: bool) -> None:
    assert isinstance(
        read(*records, code=code, timed_out=timed_out, stderr=b"\xff", session=SESSION), Result
    )


def test_how_it_is_called(assign: MakeAssignment) -> None:
    assignment = assign(model="gemini-3-pro", turns=30, session=SESSION)
    argv = GEMINI.argv(assignment, ("node", "gemini.js"))
    assert argv[:2] == ["node", "gemini.js"]
    assert argv[-2:] == ["--model=gemini-3-pro", f"--resume={SESSION}"]
    assert "--model=gemini-2.5-pro" in GEMINI.argv(assign(), ("g",))
    settings = json.loads(GEMINI.files(assignment)["home/.gemini/settings.json"])
    assert settings["model"] == {"maxSessionTurns": 30}
    environment = GEMINI.environment(assign(endpoint=endpoint("GEMINI_API_KEY", "gemini")))
    assert environment["GEMINI_API_KEY"] == "key-of-a-test"
    assert environment["GOOGLE_GEMINI_BASE_URL"] == "http://127.0.0.1:1/v1"
    assert "GEMINI_API_KEY" not in GEMINI.environment(assign())


# ---- the real program -----------------------------------------------------------------------


def test_turns_words_and_places(
    assign: MakeAssignment, installed: Callable[[str], Program], tmp_path: Path, checkout: Path
) -> None:
    """A bound of turns; a brief full of `@`; the report may be written, other places not."""
    report = tmp_path / "scratch" / "report" / "result.json"
    outside = tmp_path / "outside.txt"
    script = [
        Answer((Use("write_file", {"file_path": str(outside), "content": "x"}),)),
        Answer(
            (Use("write_file", {"file_path": str(report), "content": '{"message": "Reported"}'}),)
        ),
        Answer((Run("true"),)),
        Answer((Say("never asked"),)),
    ]
    with ModelServer(script, cwd=checkout) as server:
        job = {"GEMINI_API_KEY": "key-of-a-test", "GOOGLE_GEMINI_BASE_URL": server.url}
        assignment = assign(
            brief="@maya says: look at @README.md, @src/none.py and @types/node.\n" * 500,
            turns=3,
            endpoint=providers.direct(GEMINI, job),
        )
        judged = run(GEMINI, assignment, now=datetime.now(UTC), program=installed("gemini"))
    assert judged.outcome is Outcome.TIMEOUT, judged
    assert "max session turns" in judged.detail
    assert "1 uses of files outside the checkout were denied" in judged.detail
    assert judged.message == "Reported"
    assert judged.usage.turns == 3
    assert not outside.exists()
    assert server.asked[0].text.count("@maya says") == 500

"""How a run of the Copilot CLI is judged, by excerpts of what 1.0.102 really printed and kept."""

import stat
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents import AGENTS, Outcome, Result, Usage
from ao_actions.agents.copilot import unpacked
from ao_actions.errors import AgentError
from tests.agents.judging import ANY_JSON, ASSIGNED, NOW, SESSION, endpoint, judge, lines

COPILOT = AGENTS["copilot"]
BY_KEY = replace(ASSIGNED, model="gpt-5.5", endpoint=endpoint("OPENAI_API_KEY", "openai"))
RESUMED = replace(BY_KEY, session=SESSION)


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data, "id": "i", "timestamp": "2026-11-22T11:40:53.614Z"}


BEGUN = event("user.message", content="Do it\n")
ANSWER = event("assistant.message", content="DONE", toolRequests=[])
CALL = event("assistant.message", content="", toolRequests=[{"name": "bash"}])
TURN = event("assistant.turn_start", turnId="0")
START = event("session.start", sessionId=SESSION)
RESUME = event("session.resume", eventCount=8)


def result(code: object = 0, session: object = SESSION) -> dict[str, Any]:
    return {"type": "result", "sessionId": session, "exitCode": code, "usage": {}}


def error(kind: str, message: object, **data: Any) -> dict[str, Any]:
    return event("session.error", errorType=kind, message=message, **data)


def failure(status: object, message: str, kind: str = "x") -> dict[str, Any]:
    raw = f'{{"message":"{message}","type":"{kind}","param":null,"code":null}}'
    return event("model.call_failure", statusCode=status, errorMessage=raw)


def used(inputs: object, outputs: object) -> dict[str, Any]:
    usage = {"inputTokens": inputs, "outputTokens": outputs, "cacheReadTokens": 200}
    return event("session.usage_record", usage=usage)


def read(*records: dict[str, Any] | bytes, kept: Any = (), **changes: Any) -> Result:
    files = {"events": lines(kept)} if kept else {}
    return judge(COPILOT, *records, files=files, **{"assigned": BY_KEY, **changes})


def test_a_good_run() -> None:
    kept = (START, used(1000, 50), used(1000, 50))
    assert read(BEGUN, TURN, CALL, TURN, ANSWER, result(), kept=kept) == Result(
        outcome=Outcome.DONE,
        detail="copilot finished",
        message="DONE",
        usage=Usage(input_tokens=2000, output_tokens=100, turns=2),
        session=SESSION,
    )


WRONG_KEY = (
    "Authentication failed with provider at http://127.0.0.1:1/v1 (HTTP 401).\n"
    "  Check your COPILOT_PROVIDER_API_KEY."
)
NO_LOGIN = (
    "Error: No authentication information found.\n\nTo authenticate:\n  • Run 'gh auth login'\n"
)
SPENT = "ao-actions: the budget of this attempt ($1.00) is spent"
NO_CREDIT = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("records", "run", "outcome", "detail"),
    [
        pytest.param(
            [BEGUN, ANSWER, result()], {"code": 1}, Outcome.DONE, "finished", id="exit 1 after it"
        ),
        pytest.param(
            [BEGUN, ANSWER, result()],
            {"code": -9, "timed_out": True},
            Outcome.DONE,
            "finished and was then stopped",
            id="stopped after the end",
        ),
        pytest.param(
            [BEGUN, CALL],
            {"code": -15, "timed_out": True},
            Outcome.TIMEOUT,
            "stopped at the limit of 600 s",
            id="stopped",
        ),
        pytest.param(
            [BEGUN, ANSWER, TURN, event("abort", reason="user_abort"), result()],
            {"timed_out": True},
            Outcome.TIMEOUT,
            "stopped at the limit of 600 s",
            id="interrupted, which it takes for an end",
        ),
        pytest.param(
            [BEGUN, TURN, CALL, event("abort", reason="user_abort"), result()],
            {},
            Outcome.ERROR,
            "ended without a result (exit code 0)",
            id="interrupted by somebody else",
        ),
        pytest.param(
            [BEGUN, error("query", "boom"), result(1)],
            {"code": 0},
            Outcome.ERROR,
            "copilot: boom",
            id="exit 0 with an error inside",
        ),
        pytest.param(
            [BEGUN, error("query", "boom"), result(0)],
            {},
            Outcome.ERROR,
            "copilot: boom",
            id="an error, though it says that all is well",
        ),
        pytest.param(
            [BEGUN, failure(500, "boom"), ANSWER, result()],
            {},
            Outcome.DONE,
            "finished",
            id="an error that it got over",
        ),
        pytest.param(
            [BEGUN, result("0")], {}, Outcome.ERROR, "without a result", id="an odd exit code"
        ),
        pytest.param(
            [BEGUN, error("authentication", WRONG_KEY, statusCode=401), result(1)],
            {"code": 1},
            Outcome.ERROR,
            "does the secret OPENAI_API_KEY hold a valid key?",
            id="a wrong key",
        ),
        pytest.param(
            [BEGUN, error("authentication", "Bad credentials"), result(1)],
            {"code": 1, "assigned": ASSIGNED},
            Outcome.ERROR,
            "does the secret COPILOT_GITHUB_TOKEN hold",
            id="a wrong token",
        ),
        pytest.param(
            [BEGUN, failure(403, SPENT), error("authentication", WRONG_KEY, statusCode=403)],
            {"code": 1},
            Outcome.OUT_OF_BUDGET,
            f"copilot: {SPENT}",
            id="the meter's budget, which it takes for a wrong key",
        ),
        pytest.param(
            [BEGUN, failure(429, NO_CREDIT, "insufficient_quota"), error("rate_limit", NO_CREDIT)],
            {"code": 1},
            Outcome.ERROR,
            "billing details",
            id="no credit: a human's matter, time does not mend it",
        ),
        pytest.param(
            [BEGUN, error("quota", "No billing.", errorCode="billing_not_configured")],
            {"code": 1},
            Outcome.ERROR,
            "No billing.",
            id="nobody pays at GitHub",
        ),
        pytest.param(
            [BEGUN, error("quota", "Session limit.", errorCode="session_quota_exceeded")],
            {"code": 1},
            Outcome.OUT_OF_BUDGET,
            "Session limit.",
            id="its own budget",
        ),
        pytest.param(
            [],
            {"code": 1, "stderr": NO_LOGIN.encode(), "assigned": ASSIGNED},
            Outcome.ERROR,
            "No authentication information found. (set one of OPENAI_API_KEY, ANTHROPIC_API_KEY, "
            "COPILOT_GITHUB_TOKEN)",
            id="no login",
        ),
        pytest.param(
            [BEGUN, b'{"type":"result","exitCode":0'],
            {},
            Outcome.ERROR,
            "ended without a result (exit code 0)",
            id="a record that is cut",
        ),
        pytest.param(
            [b"Segfault", b"[1]", b"{" * 5000, b"\xff\xfe", BEGUN, ANSWER, result()],
            {},
            Outcome.DONE,
            "finished",
            id="garbage around good records",
        ),
        pytest.param(
            [BEGUN, event("tool.execution_complete", error={"code": "denied"}), ANSWER, result()],
            {},
            Outcome.DONE,
            "1 tool calls were not allowed",
            id="denied",
        ),
    ],
)
def test_verdicts(
    records: list[dict[str, Any]], run: dict[str, Any], outcome: Outcome, detail: str
) -> None:
    judged = read(*records, **run)
    assert judged.outcome is outcome
    assert detail in judged.detail


@pytest.mark.parametrize(
    ("records", "until"),
    [
        pytest.param(
            [error("rate_limit", "429 Rate limit reached. Please try again in 3600s.")],
            NOW + timedelta(hours=1),
            id="a delay in the text",
        ),
        pytest.param(
            [error("rate_limit", "retried 5 times", statusCode=429)], None, id="no time given"
        ),
        pytest.param([error("query", "503 overloaded", statusCode=503)], None, id="overloaded"),
        pytest.param(
            [error("quota", "Used up.", errorCode="quota_exceeded")], None, id="GitHub's quota"
        ),
        pytest.param(
            [error("rate_limit", "x", errorCode="user_weekly_rate_limited")], None, id="a week's"
        ),
        pytest.param([failure(429, "slow down")], None, id="ended while it waited"),
    ],
)
def test_limits(records: list[dict[str, Any]], until: datetime | None) -> None:
    judged = read(BEGUN, *records, timed_out=True, code=-15)
    assert (judged.outcome, judged.until, judged.proven) == (Outcome.LIMITED, until, True)


def test_a_resumed_session_counts_what_this_run_used() -> None:
    kept = (START, used(9000, 900), RESUME, used(1000, 50))
    judged = read(BEGUN, ANSWER, result(), kept=kept, assigned=RESUMED)
    assert judged.usage == Usage(input_tokens=1000, output_tokens=50, turns=1)


def test_a_run_without_an_end_has_its_session_all_the_same() -> None:
    judged = read(BEGUN, CALL, kept=(START, used(1, 2)), timed_out=True, code=-9)
    assert (judged.session, judged.usage.input_tokens) == (SESSION, 1)


@pytest.mark.parametrize(
    "stderr",
    [
        b"Error: No session, task, or name matched '0'.\n\nTo resume by name: copilot\n",
        b"Error: Session '0' was found but could not be loaded.\nError: It is corrupted\n",
    ],
)
def test_a_session_that_is_refused(stderr: bytes) -> None:
    # what an earlier run kept is not this one's
    judged = read(code=1, stderr=stderr, kept=(START, used(1, 2)), assigned=RESUMED)
    assert (judged.outcome, judged.session_refused) == (Outcome.ERROR, True)
    assert (judged.session, judged.usage) == (None, Usage())
    assert not read(code=1, stderr=stderr).session_refused


def test_a_session_id_has_to_look_like_one() -> None:
    assert read(BEGUN, result(session="../../etc")).session is None


def test_a_report_goes_with_it() -> None:
    report = b'{"message": "For the PR", "replies": [{"thread": "T", "body": "B"}]}'
    judged = judge(COPILOT, BEGUN, ANSWER, result(), files={"report": report})
    assert (judged.message, judged.replies) == ("For the PR", (("T", "B"),))


@given(
    changes=st.dictionaries(st.sampled_from(["type", "data", "sessionId", "exitCode"]), ANY_JSON),
    data=st.dictionaries(
        st.sampled_from(
            ["message", "errorType", "errorMessage", "statusCode", "content", "usage", "error"]
        ),
        ANY_JSON,
    ),
    kind=st.sampled_from(["result", "session.error", "model.call_failure", "assistant.message"]),
)
def test_any_record_is_judged(changes: Any, data: Any, kind: str) -> None:
    records = ({"type": kind, "data": data, **changes}, {**used(1, 1), **changes})
    assert isinstance(read(BEGUN, *records, kept=records), Result)
    assert isinstance(read(BEGUN, *records, result(), event("session.error", **data)), Result)


def test_its_command_line() -> None:
    argv = COPILOT.argv(RESUMED, ("env", "copilot"))
    assert argv[:2] == ["env", "copilot"]
    assert "--allow-all" in argv
    assert argv[-2:] == ["--model=gpt-5.5", f"--resume={SESSION}"]
    with pytest.raises(AgentError, match="OPENAI_API_KEY needs a `model:`"):
        COPILOT.argv(replace(BY_KEY, model=None), ("copilot",))
    # GitHub chooses one
    assert not any("--model" in word for word in COPILOT.argv(ASSIGNED, ("copilot",)))


@pytest.mark.parametrize(
    ("provider", "credential", "url", "wire"),
    [
        ("openai", "OPENAI_API_KEY", "https://api.openai.com/v1", "responses"),
        ("anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com", None),
    ],
)
def test_its_environment(provider: str, credential: str, url: str, wire: str | None) -> None:
    at = endpoint(credential, provider, url=None)
    environment = COPILOT.environment(replace(BY_KEY, endpoint=at))
    assert environment["COPILOT_PROVIDER_BASE_URL"] == url
    assert environment["COPILOT_PROVIDER_TYPE"] == provider
    assert environment.get("COPILOT_PROVIDER_WIRE_API") == wire
    assert environment["COPILOT_OFFLINE"] == "true"
    assert COPILOT.environment(ASSIGNED).keys() == {"COPILOT_HOME", "USE_TGREP"}


def program(folder: Path, source: str) -> str:
    path = folder / "node_modules" / "@github" / "copilot-x" / "copilot"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{source}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_it_is_unpacked_once(tmp_path: Path) -> None:
    made = 'd="$COPILOT_PKG_CACHE_HOME/pkg/linux-x64/1.0.102" && mkdir -p "$d" && > "$d/index.js"'
    path = program(tmp_path, f'echo >> "$(dirname "$0")/times"; {made}')
    folder = Path(path).parent
    for _ in range(2):
        env, setting, found = unpacked(path)
    assert (env, found) == ("/usr/bin/env", path)
    assert setting == f"COPILOT_CLI_DIST_DIR={folder}/unpacked/linux-x64/1.0.102"
    assert (folder / "times").read_text() == "\n"
    assert sorted(path.name for path in folder.iterdir()) == ["copilot", "times", "unpacked"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("echo disk full >&2; exit 1", "could not be unpacked: disk full", id="fails"),
        pytest.param('mkdir "$COPILOT_PKG_CACHE_HOME/pkg"', "is not whole", id="makes nothing"),
    ],
)
def test_it_cannot_be_unpacked(tmp_path: Path, source: str, reason: str) -> None:
    with pytest.raises(AgentError, match=reason):
        unpacked(program(tmp_path, source))

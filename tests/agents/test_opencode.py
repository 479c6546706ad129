"""How a run of opencode is judged, by excerpts of what 1.18.33 really printed."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents import AGENTS, Outcome, Result, Usage
from tests.agents.judging import ANY_JSON, ASSIGNED, NOW, endpoint, judge, lines

OPENCODE = AGENTS["opencode"]
SESSION = "ses_dfcfe9869ffeXWUtBHc01dVUjo"
ASSIGNMENT = replace(ASSIGNED, endpoint=endpoint("ANTHROPIC_API_KEY", "anthropic"))
RESUMED = replace(ASSIGNMENT, session=SESSION)
IN_AN_HOUR = NOW + timedelta(hours=1)
EPOCH = int(IN_AN_HOUR.timestamp())


def record(kind: str, **part: Any) -> dict[str, Any]:
    stamp = int(NOW.timestamp() * 1000)
    return {"type": kind, "timestamp": stamp, "sessionID": SESSION, "part": part}


def text(said: object, message: str = "msg_1") -> dict[str, Any]:
    return record("text", type="text", text=said, messageID=message)


def step(reason: object = "stop", **changes: Any) -> dict[str, Any]:
    tokens = {"input": 500, "output": 40, "reasoning": 10, "cache": {"read": 400, "write": 100}}
    part = {"reason": reason, "tokens": tokens, "cost": 0.25, **changes}
    return record("step_finish", **part)


def error(status: object, message: object, **data: Any) -> dict[str, Any]:
    whole = {"message": message, "statusCode": status, **data}
    return {"type": "error", "sessionID": SESSION, "error": {"name": "APIError", "data": whole}}


def body(**fields: Any) -> str:
    return json.dumps({"error": fields})


BEGUN = record("step_start")
TOOL = record("tool_use", tool="write")


def log(said: str, time: str = "2026-11-22T12:00:01.000Z") -> bytes:
    """Lines of its log, on standard error."""
    return (
        f'timestamp={time} level=ERROR run=3359af5a message="stream error" providerID=anthropic '
        f'session.id={SESSION} mode=primary error.error="AI_APICallError: {said}"\nTerminated\n'
    ).encode()


def read(*records: dict[str, Any] | bytes, **changes: Any) -> Result:
    return judge(OPENCODE, *records, **{"assigned": ASSIGNMENT, **changes})


def test_a_good_run() -> None:
    records = (BEGUN, text("I write."), TOOL, step("tool-calls"), BEGUN, text("A", "msg_2"))
    assert read(*records, text("B", "msg_2"), step()) == Result(
        outcome=Outcome.DONE,
        detail="opencode finished",
        message="A\n\nB",
        usage=Usage(input_tokens=2000, output_tokens=100, usd=0.5, turns=2),
        session=SESSION,
    )


@pytest.mark.parametrize(
    ("records", "run", "outcome", "detail"),
    [
        pytest.param(
            [step()], {"code": 1}, Outcome.DONE, "finished", id="exit 1 after success: the record"
        ),
        pytest.param(
            [error(401, "invalid x-api-key")],
            {},
            Outcome.ERROR,
            "opencode: invalid x-api-key; does the secret ANTHROPIC_API_KEY hold a valid key?",
            id="exit 0 with an error inside",
        ),
        pytest.param(
            [error(401, "no"), BEGUN, step()], {}, Outcome.DONE, "finished", id="it got over that"
        ),
        pytest.param(
            [step("tool-calls"), error(403, "ao-actions: the budget of this task is used up")],
            {"code": 1},
            Outcome.OUT_OF_BUDGET,
            "the budget of this task is used up",
            id="the meter's refusal",
        ),
        pytest.param(
            [error(403, "Forbidden", responseBody=body(message="ao-actions: the budget is gone"))],
            {"code": 1},
            Outcome.OUT_OF_BUDGET,
            "opencode: Forbidden",
            id="the meter's refusal in the body",
        ),
        pytest.param(
            [error(429, "no more", responseBody=body(code="insufficient_quota"))],
            {"code": 1},
            Outcome.ERROR,
            "opencode: no more",
            id="no credit: a human's matter",
        ),
        pytest.param([error(500, "boom")], {"code": 1}, Outcome.ERROR, "opencode: boom", id="500"),
        pytest.param(
            [{"type": "error", "error": {"name": "ContextOverflowError"}}],
            {"code": 1},
            Outcome.ERROR,
            "opencode: ContextOverflowError",
            id="an error with nothing to say",
        ),
        pytest.param(
            [error(None, "Unexpected server error. Check server logs for details.")],
            {"stderr": b'timestamp=1 level=ERROR run=1 ref=e error="No providers" cause="x"\n'},
            Outcome.ERROR,
            "opencode: No providers",
            id="an error whose reason is in the log",
        ),
        pytest.param(
            [BEGUN, text("half"), step("length")],
            {},
            Outcome.ERROR,
            "the last answer ended by 'length'",
            id="an answer that was cut",
        ),
        pytest.param(
            [step("tool-calls")],
            {"stderr": b"permission requested: external_directory (/x); auto-rejecting\n"},
            Outcome.ERROR,
            "without a result (exit code 0): permission requested: external_directory",
            id="stopped by a permission",
        ),
        pytest.param(
            [BEGUN, TOOL],
            {"code": 143, "timed_out": True},
            Outcome.TIMEOUT,
            "stopped at the limit of 600 s",
            id="stopped",
        ),
        pytest.param(
            [step()],
            {"code": 143, "timed_out": True},
            Outcome.DONE,
            "finished and was then stopped",
            id="stopped after the end",
        ),
        pytest.param(
            [step(), BEGUN],
            {"code": 143, "timed_out": True},
            Outcome.TIMEOUT,
            "stopped at the limit",
            id="stopped after it went on",
        ),
        pytest.param(
            [BEGUN], {"code": 137}, Outcome.ERROR, "(signal 9): it said nothing", id="killed"
        ),
        pytest.param(
            [],
            {"code": 127, "stderr": b"opencode: 9: /x/opencode: not found\n"},
            Outcome.ERROR,
            "opencode could not be started: opencode: 9: /x/opencode: not found",
            id="not there",
        ),
        pytest.param(
            [lines([step()])[:-30]], {}, Outcome.ERROR, "without a result", id="a record is cut"
        ),
        pytest.param(
            [b"Segfault", b'{"a"', b"[1]", b"{" * 5000, b"\xff\xfe", step()],
            {},
            Outcome.DONE,
            "finished",
            id="garbage around a good record",
        ),
        pytest.param(
            [step("tool-calls"), step("tool-calls"), step()],
            {"assigned": replace(ASSIGNMENT, turns=2)},
            Outcome.TIMEOUT,
            "opencode used up its 2 turns",
            id="turns",
        ),
        pytest.param(
            [step("tool-calls"), step()],
            {"assigned": replace(ASSIGNMENT, turns=2)},
            Outcome.DONE,
            "finished",
            id="all of its turns were enough",
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
    ("data", "until"),
    [
        ({"responseHeaders": {"anthropic-ratelimit-unified-reset": str(EPOCH)}}, IN_AN_HOUR),
        ({"responseBody": body(resets_at=EPOCH)}, IN_AN_HOUR),
        ({"responseHeaders": {"retry-after": "3600"}}, IN_AN_HOUR),
        ({"responseHeaders": ["retry-after"], "responseBody": 3}, None),
        ({}, None),
    ],
)
def test_a_limit_and_its_end(data: dict[str, Any], until: object) -> None:
    judged = read(step("tool-calls"), error(429, "slow down", **data), code=1)
    assert (judged.outcome, judged.proven) == (Outcome.LIMITED, True)
    assert (judged.detail, judged.until) == ("opencode: slow down", until)


def test_overloaded_is_a_limit() -> None:
    assert read(error(529, "Overloaded")).outcome is Outcome.LIMITED


@pytest.mark.parametrize(
    ("stderr", "outcome", "until"),
    [
        pytest.param(
            log("Rate limit reached. Please try again in 3600s."),
            Outcome.LIMITED,
            IN_AN_HOUR,
            id="a limit with a time",
        ),
        pytest.param(log("You exceeded your quota"), Outcome.LIMITED, None, id="without one"),
        pytest.param(log("boom"), Outcome.TIMEOUT, None, id="another error"),
        pytest.param(
            log("Rate limit", "2026-11-22T11:59:59.000Z"), Outcome.TIMEOUT, None, id="got over"
        ),
        pytest.param(log("Rate limit", "noon"), Outcome.TIMEOUT, None, id="no time"),
        pytest.param(log("Rate limit", "0001-01-01"), Outcome.TIMEOUT, None, id="no usable time"),
        pytest.param(b"", Outcome.TIMEOUT, None, id="no log"),
    ],
)
def test_stopped_while_it_waits_for_a_limit(stderr: bytes, outcome: Outcome, until: object) -> None:
    judged = read(BEGUN, step("tool-calls"), timed_out=True, code=143, stderr=stderr)
    assert (judged.outcome, judged.until) == (outcome, until)
    assert judged.proven is (outcome is not Outcome.LIMITED)


def test_a_limit_in_the_models_words_is_none() -> None:
    judged = read(BEGUN, text("429 rate limit: the usage limit is reached"), step())
    assert judged.outcome is Outcome.DONE


def test_a_session_that_is_refused() -> None:
    judged = read(assigned=RESUMED, code=1, stderr=b"File not found\nSession not found\n")
    assert judged.session_refused
    assert (judged.outcome, judged.session) == (Outcome.ERROR, None)
    assert judged.detail.endswith("Session not found")
    assert not read(code=1, stderr=b"Session not found\n").session_refused
    assert not read(step(), assigned=RESUMED, stderr=b"Session not found").session_refused


def test_a_record_of_other_types_is_no_use() -> None:
    odd = {
        "type": "step_finish",
        "sessionID": "../../etc",
        "part": {"reason": "stop", "tokens": [1], "cost": "1"},
    }
    judged = read(text({"a": 1}), odd)
    assert (judged.usage, judged.message) == (Usage(turns=1), "")
    assert read(odd).session is None


def test_a_report_goes_with_it() -> None:
    report = b'{"message": "For the PR", "replies": [{"thread": "T", "body": "B"}]}'
    judged = read(text("DONE"), step(), files={"report": report})
    assert (judged.message, judged.replies) == ("For the PR", (("T", "B"),))
    assert read(step(), files={"report": b"?"}).detail.endswith("it is not JSON")


@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(("error", "text", "step_finish", "step_start"))},
            optional={
                "part": ANY_JSON
                | st.fixed_dictionaries({}, optional={"reason": ANY_JSON, "tokens": ANY_JSON}),
                "error": ANY_JSON
                | st.fixed_dictionaries(
                    {"data": st.fixed_dictionaries({"responseHeaders": ANY_JSON}) | ANY_JSON}
                ),
                "timestamp": ANY_JSON,
                "sessionID": ANY_JSON,
            },
        ),
        max_size=4,
    ),
    st.booleans(),
    st.binary(max_size=20) | st.builds(log, st.just("rate limit"), st.text(max_size=9)),
)
def test_any_record_is_judged(records: list[Any], timed_out: bool, stderr: bytes) -> None:  # noqa: FBT001
    assert read(*records, timed_out=timed_out, stderr=stderr).detail


def config(**changes: Any) -> Any:
    environment = OPENCODE.environment(replace(ASSIGNMENT, **changes))
    return json.loads(environment["OPENCODE_CONFIG_CONTENT"])


def test_its_settings() -> None:
    assert OPENCODE.environment(ASSIGNMENT)["ANTHROPIC_API_KEY"] == "key-of-a-test"
    where = endpoint("ANTHROPIC_API_KEY", "anthropic", url="http://127.0.0.1:1/anthropic/")
    made = config(endpoint=where, model="claude-new", turns=9)
    assert made["model"] == "anthropic/claude-new"
    assert made["provider"]["anthropic"] == {
        "options": {"baseURL": "http://127.0.0.1:1/anthropic/v1"},
        "models": {"claude-new": {}},
    }
    assert made["agent"]["build"]["steps"] == 10
    other = config(endpoint=endpoint("OPENAI_API_KEY", "openai"), model="openai/gpt-x")
    assert other["model"] == "openai/gpt-x"
    assert other["provider"]["openai"]["options"] == {"baseURL": "http://127.0.0.1:1/v1"}
    assert config(endpoint=endpoint("OPENAI_API_KEY", "openai", url=None))["provider"] == {
        "openai": {}
    }


def test_without_a_key_nothing_goes_to_a_free_model() -> None:
    made = config(endpoint=None, model="mine/model")
    assert made["disabled_providers"] == ["opencode"]
    assert made["model"] == "mine/model"
    assert "provider" not in made
    assert "KEY" not in "".join(OPENCODE.environment(replace(ASSIGNMENT, endpoint=None)))


def test_its_command_line() -> None:
    argv = OPENCODE.argv(RESUMED, ("/cache/opencode",))
    assert argv[:2] == ["/bin/sh", "-c"]
    assert argv[3:] == ["opencode", "/s/opencode", SESSION, "/cache/opencode"]
    assert OPENCODE.argv(ASSIGNMENT, ("o",))[5] == ""
    assert "key-of-a-test" not in str(argv)


def test_no_library_is_fetched() -> None:
    """What stands beside its settings looks as if the library were there."""
    files = OPENCODE.files(ASSIGNMENT)
    lock = json.loads(files["home/.config/opencode/package-lock.json"])
    assert lock["packages"][""]["dependencies"] == {"@opencode-ai/plugin": OPENCODE.version}

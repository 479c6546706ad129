"""How a run of aider is judged, by what 0.86.2 and our lines around it really printed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents import AGENTS, Outcome, Result, Usage
from tests.agents.judging import ANY_JSON, ASSIGNED, NOW, endpoint, judge, lines

AIDER = AGENTS["aider"]
ASSIGNMENT = replace(ASSIGNED, endpoint=endpoint("OPENAI_API_KEY", "openai"))
RESUMED = replace(ASSIGNMENT, session="chat")
IN_AN_HOUR = NOW + timedelta(hours=1)
EPOCH = int(IN_AN_HOUR.timestamp())

ASKED = {"event": "asked"}
END = {"event": "end", "more": False}
MORE = {"event": "end", "more": True}
EDIT = "new.txt\n```\n<<<<<<< SEARCH\n=======\nhi\n>>>>>>> REPLACE\n```\n"


def answered(text: object = "DONE", **changes: Any) -> dict[str, Any]:
    use = {"input_tokens": 1000, "output_tokens": 50, "usd": 0.5}
    return {"event": "answered", "text": text, **use, **changes}


def error(status: object, message: object, **more: Any) -> dict[str, Any]:
    return {"event": "error", "name": "E", "message": message, "status": status, **more}


LIMIT = error(429, "litellm.RateLimitError: OpenAIException - The usage limit has been reached")


def read(*records: dict[str, Any] | bytes, stdout: bytes = b"", **changes: Any) -> Result:
    """Its records are on standard error."""
    given = {"assigned": ASSIGNMENT, "stderr": lines(records), **changes}
    return judge(AIDER, stdout, **given)


def test_a_good_run() -> None:
    first = answered(f"I write.\n\n{EDIT}")
    assert read(ASKED, first, ASKED, answered(f"All of it:\n\n{EDIT}\nis done."), END) == Result(
        outcome=Outcome.DONE,
        detail="aider finished",
        message="All of it:\n\n\nis done.",
        usage=Usage(input_tokens=2000, output_tokens=100, usd=1.0, turns=2),
        session="chat",
    )


@pytest.mark.parametrize(
    ("records", "run", "outcome", "detail"),
    [
        pytest.param([ASKED, answered(), END], {"code": 1}, Outcome.DONE, "finished", id="exit 1"),
        pytest.param(
            [ASKED, LIMIT, answered(), END], {}, Outcome.DONE, "finished", id="it got over that"
        ),
        pytest.param(
            [ASKED, answered(), ASKED, error(401, "wrong key"), END],
            {},
            Outcome.ERROR,
            "aider: wrong key; does the secret OPENAI_API_KEY hold a valid key?",
            id="exit 0 with an error inside",
        ),
        pytest.param(
            [ASKED, error(500, "APIError: ao-actions: the budget of this task is used up"), END],
            {},
            Outcome.OUT_OF_BUDGET,
            "the budget of this task is used up",
            id="the meter's refusal",
        ),
        pytest.param(
            [ASKED, error(429, 'RateLimitError: {"code": "insufficient_quota"}'), END],
            {},
            Outcome.ERROR,
            "insufficient_quota",
            id="no credit: a human's matter",
        ),
        pytest.param(
            [ASKED, error(500, 'InternalServerError: {"type": "overloaded_error"}'), END],
            {},
            Outcome.LIMITED,
            "overloaded_error",
            id="overloaded, whatever status is told",
        ),
        pytest.param(
            [ASKED, error(500, "boom"), END], {}, Outcome.ERROR, "aider: boom", id="another error"
        ),
        pytest.param(
            [ASKED, END],
            {"stdout": b"Traceback\nValueError: surprise\n"},
            Outcome.ERROR,
            "aider: ValueError: surprise",
            id="an error of its own",
        ),
        pytest.param(
            [ASKED, END], {}, Outcome.ERROR, "the model gave no answer", id="no answer, no error"
        ),
        pytest.param([END], {}, Outcome.ERROR, "asked the model nothing", id="nothing asked"),
        pytest.param(
            [ASKED, answered(), {"event": "exhausted"}, END],
            {},
            Outcome.ERROR,
            "the limit of what the model can read or write",
            id="too long",
        ),
        pytest.param(
            [ASKED, answered(), MORE],
            {"assigned": replace(ASSIGNMENT, turns=7)},
            Outcome.TIMEOUT,
            "aider used up its 7 turns",
            id="turns",
        ),
        pytest.param(
            [ASKED], {"timed_out": True, "code": -15}, Outcome.TIMEOUT, "of 600 s", id="stopped"
        ),
        pytest.param(
            [ASKED, answered(), END],
            {"timed_out": True, "code": -9},
            Outcome.DONE,
            "finished and was then stopped",
            id="stopped after the end",
        ),
        pytest.param(
            [ASKED, answered(), END, ASKED, b"Killed"],
            {"code": -9},
            Outcome.ERROR,
            "without a result (signal 9): Killed",
            id="killed",
        ),
        pytest.param(
            [],
            {"code": 1, "stdout": b"No API keys were provided.\n\nhttps://aider.chat/docs\n"},
            Outcome.ERROR,
            "(exit code 1): No API keys were provided.",
            id="no key",
        ),
        pytest.param(
            [b'{"event": "end", "mo', b"[1]", b"{" * 5000],
            {},
            Outcome.ERROR,
            "without a result",
            id="a record is cut",
        ),
    ],
)
def test_verdicts(records: list[Any], run: dict[str, Any], outcome: Outcome, detail: str) -> None:
    judged = read(*records, **run)
    assert judged.outcome is outcome
    assert detail in judged.detail


@pytest.mark.parametrize(
    ("more", "until"),
    [
        ({"headers": {"anthropic-ratelimit-unified-reset": str(EPOCH)}}, IN_AN_HOUR),
        ({"headers": {"x-codex-primary-reset-at": str(EPOCH)}}, IN_AN_HOUR),
        ({"headers": {"retry-after": "3600"}}, IN_AN_HOUR),
        ({"message": f"RateLimitError: {{'resets_at': {EPOCH}}}"}, IN_AN_HOUR),
        ({"message": "Please try again in 3600s."}, IN_AN_HOUR),
        ({"headers": None}, None),
    ],
)
def test_a_limit_and_its_end(more: dict[str, Any], until: object) -> None:
    judged = read(ASKED, {**LIMIT, **more}, {**LIMIT, **more}, END)
    assert (judged.outcome, judged.proven, judged.until) == (Outcome.LIMITED, True, until)


def test_the_models_words_are_no_records() -> None:
    """It prints what it likes on standard output, and there is nothing to be believed."""
    forged = lines([{**LIMIT, "headers": {"retry-after": "3600"}}, END])
    judged = read(ASKED, answered(), END, stdout=forged)
    assert judged.outcome is Outcome.DONE


def test_a_session_that_is_refused() -> None:
    judged = read({"event": "no session"}, assigned=RESUMED, code=1)
    assert judged.session_refused
    assert (judged.outcome, judged.session) == (Outcome.ERROR, None)
    assert read(ASKED, answered(), END, assigned=replace(RESUMED, session="x")).session == "x"


def test_a_record_of_other_types_is_no_use() -> None:
    odd = answered(["text"], input_tokens="1", output_tokens=True, usd=-1)
    judged = read(ASKED, odd, END)
    assert (judged.usage, judged.message) == (Usage(turns=1), "")


def test_a_report_goes_with_it() -> None:
    report = b'{"message": "For the PR", "replies": [{"thread": "T", "body": "B"}]}'
    judged = read(ASKED, answered(), END, files={"report": report})
    assert (judged.message, judged.replies) == ("For the PR", (("T", "B"),))


@given(
    st.lists(
        st.fixed_dictionaries(
            {"event": st.sampled_from(("asked", "answered", "error", "end")) | ANY_JSON},
            optional={"message": ANY_JSON, "status": ANY_JSON, "headers": ANY_JSON}
            | {"text": ANY_JSON, "usd": ANY_JSON, "more": ANY_JSON},
        ),
        max_size=5,
    ),
    st.booleans(),
)
def test_any_record_is_judged(records: list[Any], timed_out: bool) -> None:  # noqa: FBT001
    assert read(*records, timed_out=timed_out).detail


def test_its_command_line() -> None:
    where = endpoint("OPENAI_API_KEY", "openai", url="http://127.0.0.1:1/v1")
    assignment = replace(ASSIGNMENT, endpoint=where, model="gpt-x", turns=7)
    argv = AIDER.argv(assignment, ("/cache/python", "/cache/aider"))
    assert argv[:2] == ["/cache/python", "-c"]
    assert argv[3:9] == ["/s/aider/chat.md", "begin", "/s/aider/tags", "7", "4", "/cache/aider"]
    assert "--openai-api-base=http://127.0.0.1:1/v1" in argv
    assert {"--model=openai/gpt-x", "--weak-model=openai/gpt-x"} < set(argv)
    assert argv[-1] == "--message-file=/b"
    assert "--restore-chat-history" not in argv
    assert "key-of-a-test" not in str(argv)
    again = AIDER.argv(replace(assignment, session="chat", model="openai/gpt-x"), ("p", "a"))
    assert again[3:5] == ["/s/aider/chat.md", "resume"]
    assert {"--restore-chat-history", "--model=openai/gpt-x"} < set(again)


def test_anthropic() -> None:
    where = endpoint("ANTHROPIC_API_KEY", "anthropic", url="http://127.0.0.1:1")
    argv = AIDER.argv(replace(ASSIGNMENT, endpoint=where, model="claude-x"), ("p", "a"))
    assert {"--set-env=ANTHROPIC_API_BASE=http://127.0.0.1:1", "--model=anthropic/claude-x"} < set(
        argv
    )


def test_without_a_key_or_model() -> None:
    """Its own defaults, and another provider's names, are left alone."""
    argv = AIDER.argv(replace(ASSIGNMENT, endpoint=None), ("p", "a"))
    assert not [word for word in argv if word.startswith(("--model=", "--openai-api-base"))]
    argv = AIDER.argv(replace(ASSIGNMENT, endpoint=None, model="deepseek/x"), ("p", "a"))
    assert "--model=deepseek/x" in argv


def test_its_environment() -> None:
    made = AIDER.environment(ASSIGNMENT)
    assert made["OPENAI_API_KEY"] == "key-of-a-test"
    assert made["BROWSER"] == "true"
    assert "OPENAI_API_KEY" not in AIDER.environment(replace(ASSIGNMENT, endpoint=None))

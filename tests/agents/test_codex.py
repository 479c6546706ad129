"""How a run of Codex is judged, by excerpts of what 0.169.0 really printed and kept."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents import AGENTS, Outcome, Result, Usage
from tests.agents.judging import (
    ANY_JSON,
    ASSIGNED,
    NOW,
    SESSION,
    endpoint,
    judge,
    lines,
)

CODEX = AGENTS["codex"]
IN_AN_HOUR = NOW + timedelta(hours=1)
EPOCH = int(IN_AN_HOUR.timestamp())
STARTED = {"type": "thread.started", "thread_id": SESSION}
BEGUN = {"type": "turn.started"}
HIT = (
    "You\u2019ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro), visit "
    "https://chatgpt.com/settings/usage to purchase more credits or try again at 1:05 PM."
)
ASSIGNMENT = replace(ASSIGNED, endpoint=endpoint("OPENAI_API_KEY", "openai"))
RESUMED = replace(ASSIGNMENT, session=SESSION)


def said(text: object) -> dict[str, Any]:
    item = {"id": "item_1", "type": "agent_message", "text": text}
    return {"type": "item.completed", "item": item}


def completed(**usage: Any) -> dict[str, Any]:
    given = {"input_tokens": 2000, "cached_input_tokens": 400, "output_tokens": 100, **usage}
    return {"type": "turn.completed", "usage": given}


def failed(text: object) -> dict[str, Any]:
    return {"type": "turn.failed", "error": {"message": text}}


def event(kind: str, **payload: Any) -> dict[str, Any]:
    """A record of the session's file."""
    return {"type": "event_msg", "payload": {"type": kind, **payload}}


def used(inputs: int, outputs: int, thread: str = SESSION) -> dict[str, Any]:
    usage = {"input_tokens": inputs, "output_tokens": outputs}
    return {
        "type": "token_usage_record",
        "payload": {"thread_id": thread, "turn_token_usage": usage},
    }


def ended(info: object) -> dict[str, Any]:
    return event("task_complete", error={"message": "m", "codex_error_info": info})


def window(percent: object, resets: object) -> dict[str, Any]:
    return {"used_percent": percent, "window_minutes": 300, "resets_at": resets}


def windows(primary: object, secondary: object = None) -> dict[str, Any]:
    return event("token_count", rate_limits={"primary": primary, "secondary": secondary})


TASK = event("task_started")
OURS = event("thread_settings_applied", thread_id=SESSION)


def read(*records: dict[str, Any] | bytes, kept: Any = (), **changes: Any) -> Result:
    files = {"rollout": lines((TASK, OURS, *kept))} if kept else {}
    return judge(CODEX, *records, files=files, **{"assigned": ASSIGNMENT, **changes})


def test_a_good_run() -> None:
    steps = (used(1000, 50), used(2000, 100))
    assert read(STARTED, BEGUN, said("I look."), said("DONE"), completed(), kept=steps) == Result(
        outcome=Outcome.DONE,
        detail="codex finished",
        message="DONE",
        usage=Usage(input_tokens=2000, output_tokens=100, turns=2),
        session=SESSION,
    )


@pytest.mark.parametrize(
    ("records", "run", "outcome", "detail"),
    [
        pytest.param(
            [BEGUN, completed()], {"code": 1}, Outcome.DONE, "codex finished", id="exit 1 after it"
        ),
        pytest.param(
            [BEGUN, completed()],
            {"code": -9, "timed_out": True},
            Outcome.DONE,
            "finished and was then stopped",
            id="stopped after the end",
        ),
        pytest.param(
            [BEGUN, completed(), BEGUN],
            {"code": -9, "timed_out": True},
            Outcome.TIMEOUT,
            "stopped at the limit of 600 s",
            id="stopped in another turn",
        ),
        pytest.param(
            [BEGUN, {"type": "error", "message": "Reconnecting... 1/3"}],
            {"code": -15, "timed_out": True},
            Outcome.TIMEOUT,
            "stopped at the limit of 600 s",
            id="an error that is not the last word",
        ),
        pytest.param(
            [BEGUN, failed("stream disconnected before completion")],
            {"code": 0},
            Outcome.ERROR,
            "codex: stream disconnected",
            id="exit 0 with an error inside",
        ),
        pytest.param([BEGUN, failed(None)], {}, Outcome.ERROR, "did not say why", id="no reason"),
        pytest.param(
            [BEGUN, failed("unexpected status 401 Unauthorized: bad key, url: http://x/")],
            {"code": 1},
            Outcome.ERROR,
            "does the secret OPENAI_API_KEY hold a valid key?",
            id="401",
        ),
        pytest.param(
            [
                BEGUN,
                failed("unexpected status 403 Forbidden: ao-actions: the budget of … is spent"),
            ],
            {"code": 1},
            Outcome.OUT_OF_BUDGET,
            "ao-actions: the budget of",
            id="the meter's budget",
        ),
        pytest.param(
            [BEGUN, failed("Quota exceeded. Check your plan and billing details.")],
            {"code": 1, "kept": [ended("usage_limit_exceeded")]},
            Outcome.ERROR,
            "billing details",
            id="no credit: a human's matter, time does not mend it",
        ),
        pytest.param(
            [BEGUN, failed("Codex ran out of room in the model's context window.")],
            {"code": 1},
            Outcome.ERROR,
            "context window",
            id="a full context",
        ),
        pytest.param(
            [],
            {"code": 2, "stderr": b"error: unexpected argument '--jsn'\n"},
            Outcome.ERROR,
            "without a result (exit code 2): error: unexpected argument",
            id="only errors",
        ),
        pytest.param(
            [BEGUN, b'{"type":"turn.completed","usage":{"inp'],
            {},
            Outcome.ERROR,
            "ended without a result (exit code 0)",
            id="a record that is cut",
        ),
        pytest.param(
            [b"Segfault", b"[1]", b"{" * 5000, b"\xff\xfe", BEGUN, completed()],
            {},
            Outcome.DONE,
            "codex finished",
            id="garbage around good records",
        ),
    ],
)
def test_verdicts(
    records: list[dict[str, Any]], run: dict[str, Any], outcome: Outcome, detail: str
) -> None:
    judged = read(STARTED, *records, **run)
    assert judged.outcome is outcome
    assert detail in judged.detail


@pytest.mark.parametrize(
    ("text", "kept", "until"),
    [
        pytest.param(
            HIT,
            [windows(window(100.0, EPOCH)), ended("usage_limit_exceeded")],
            IN_AN_HOUR,
            id="the window's end before the text's",
        ),
        pytest.param(
            HIT,
            [windows(window(100.0, EPOCH), window(100, EPOCH + 60))],
            IN_AN_HOUR + timedelta(minutes=1),
            id="of two that are used up the later",
        ),
        pytest.param(
            HIT,
            [windows(window(100.0, EPOCH), window(20, EPOCH + 60)), windows(None)],
            IN_AN_HOUR,
            id="one has room, and a later record has none",
        ),
        pytest.param(
            HIT,
            [windows(window(100.0, 1), window("100", EPOCH))],
            datetime(2026, 11, 22, 13, 5, tzinfo=UTC),
            id="a window that is long over, one that is none",
        ),
        pytest.param(HIT, [], datetime(2026, 11, 22, 13, 5, tzinfo=UTC), id="the text alone"),
        pytest.param(
            HIT.replace("1:05 PM", "Nov 23rd, 2026 7:23 AM"),
            [],
            datetime(2026, 11, 23, 7, 23, tzinfo=UTC),
            id="another day",
        ),
        pytest.param(
            "exceeded retry limit, last status: 429 Too Many Requests, request id: x",
            [],
            None,
            id="429",
        ),
        pytest.param(
            "Too many",
            [ended({"response_too_many_failed_attempts": {"http_status_code": 429}})],
            None,
            id="429 in the session's file",
        ),
        pytest.param(
            "rate limit exceeded: Rate limit reached. Please try again in 90s.",
            [ended("rate_limit_exceeded")],
            NOW + timedelta(seconds=90),
            id="a delay in the text",
        ),
        pytest.param(
            "Selected model is at capacity.", [ended("server_overloaded")], None, id="overloaded"
        ),
    ],
)
def test_limits(text: str, kept: list[dict[str, Any]], until: datetime | None) -> None:
    judged = read(STARTED, BEGUN, failed(text), kept=kept, code=1)
    assert (judged.outcome, judged.until, judged.proven) == (Outcome.LIMITED, until, True)


def test_a_limit_as_an_answer_is_not_proven() -> None:
    judged = read(STARTED, BEGUN, said(HIT), completed())
    assert (judged.outcome, judged.proven) == (Outcome.LIMITED, False)
    assert judged.until == datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
    mentioned = read(STARTED, BEGUN, said(f"The issue says: {HIT}"), completed())
    assert mentioned.outcome is Outcome.DONE


def test_another_sessions_file_is_not_believed() -> None:
    other = lines(
        [event("task_started"), used(9, 9, thread="other"), ended("usage_limit_exceeded")]
    )
    judged = judge(
        CODEX,
        *(STARTED, BEGUN, failed("boom")),
        files={"rollout": other},
        assigned=ASSIGNMENT,
    )
    assert (judged.outcome, judged.usage) == (Outcome.ERROR, Usage())


def test_a_resumed_session_counts_what_this_run_used() -> None:
    kept = [used(9000, 900), TASK, used(1000, 50)]
    judged = read(STARTED, BEGUN, completed(), kept=kept, assigned=RESUMED)
    assert judged.usage == Usage(input_tokens=1000, output_tokens=50, turns=1)
    # without its file the figure is the whole session's, and so not told
    assert read(STARTED, BEGUN, completed(), assigned=RESUMED).usage == Usage()
    assert read(STARTED, BEGUN, completed()).usage == Usage(input_tokens=2000, output_tokens=100)


def test_a_session_that_is_refused() -> None:
    stderr = b"Error: thread/resume: thread/resume failed: no rollout found for thread id\n"
    judged = read(code=1, stderr=stderr, assigned=RESUMED)
    assert (judged.outcome, judged.session_refused, judged.session) == (Outcome.ERROR, True, None)
    assert not read(code=1, stderr=stderr).session_refused


def test_a_session_id_has_to_look_like_one() -> None:
    assert read({"type": "thread.started", "thread_id": "../../etc"}).session is None


def test_a_report_goes_with_it() -> None:
    report = b'{"message": "For the PR", "replies": [{"thread": "T", "body": "B"}]}'
    judged = judge(CODEX, STARTED, BEGUN, completed(), files={"report": report})
    assert (judged.message, judged.replies) == ("For the PR", (("T", "B"),))


@given(
    changes=st.dictionaries(
        st.sampled_from(["type", "thread_id", "item", "usage", "error"]), ANY_JSON
    ),
    kept=st.dictionaries(st.sampled_from(["type", "error", "rate_limits", "thread_id"]), ANY_JSON),
    kind=st.sampled_from(["turn.completed", "turn.failed", "item.completed", "thread.started"]),
)
def test_any_record_is_judged(changes: Any, kept: Any, kind: str) -> None:
    record = {"type": kind, **changes}
    payloads = [{"type": kind, "payload": {**inner, **kept}} for inner in ({}, TASK, ended("x"))]
    assert isinstance(read(STARTED, BEGUN, record, failed("x"), kept=payloads), Result)
    assert isinstance(read(STARTED, BEGUN, record, kept=payloads), Result)


def test_its_command_line() -> None:
    start = ["/codex", "exec", "--json", "--skip-git-repo-check"]
    assert CODEX.argv(ASSIGNMENT, ("/codex",)) == [*start, "-"]
    assert CODEX.argv(replace(RESUMED, model="gpt-5.5"), ("/codex",)) == [
        *start,
        "--model=gpt-5.5",
        "resume",
        SESSION,
        "-",
    ]
    assert CODEX.environment(ASSIGNMENT) == {
        "CODEX_HOME": "/s/codex",
        "OPENAI_API_KEY": "key-of-a-test",
    }
    assert CODEX.environment(ASSIGNED) == {"CODEX_HOME": "/s/codex"}


@pytest.mark.parametrize(
    ("metered", "url", "retries"),
    [(True, 'http://h/"odd"', 3), (False, "http://h/v1", 0), (False, None, 0)],
)
def test_its_configuration(*, metered: bool, url: str | None, retries: int) -> None:
    given_ = endpoint("OPENAI_API_KEY", "openai", url=url, metered=metered)
    ((name, content),) = CODEX.files(replace(ASSIGNED, endpoint=given_)).items()
    assert name == "codex/config.toml"
    provider = tomllib.loads(content)["model_providers"]["ao"]
    assert provider["base_url"] == (url or "https://api.openai.com/v1")
    # a long `retry-after` would be slept through: only the meter lets none pass
    assert provider["stream_max_retries"] == retries
    assert "key-of-a-test" not in content


def test_its_session_is_one_file(tmp_path: Path) -> None:
    (pattern,) = CODEX.sessions
    folder = tmp_path / "codex/sessions/2026/11/22"
    folder.mkdir(parents=True)
    file = folder / f"rollout-2026-11-22T11-30-28-{SESSION}.jsonl"
    for path in (file, folder / "rollout-x-other.jsonl", tmp_path / "codex/auth.json"):
        path.touch()
    assert list(tmp_path.glob(pattern.format(session=SESSION))) == [file]

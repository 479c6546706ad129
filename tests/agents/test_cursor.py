"""How a run of Cursor's agent is judged, by its documentation: no real one was seen."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents import AGENTS, Outcome, Result, providers
from ao_actions.errors import ToolMissingError
from tests.agents.assignment import MakeAssignment
from tests.agents.cursor_stand_in import LIMIT
from tests.agents.judging import judge, mixed

CURSOR = AGENTS["cursor"]
SESSION = "5d2f5b0e-3a9d-4c55-8d5e-2f0f4f0c1a11"
INIT = {"type": "system", "subtype": "init", "session_id": SESSION}
RESULT = {"type": "result", "subtype": "success", "is_error": False, "result": "DONE"}


def read(*records: dict[str, Any] | bytes, **end: Any) -> Result:
    return judge(CURSOR, *records, **end)


@pytest.mark.parametrize(
    ("records", "run", "outcome", "detail"),
    [
        pytest.param([INIT, RESULT], {}, Outcome.DONE, "cursor finished", id="a good run"),
        pytest.param([RESULT], {"code": 1}, Outcome.DONE, "finished", id="exit 1 after success"),
        pytest.param(
            [INIT, {**RESULT, "is_error": True, "result": "it broke"}],
            {"code": 0},
            Outcome.ERROR,
            "cursor: it broke",
            id="exit 0 with an error inside",
        ),
        pytest.param([{**RESULT, "is_error": None}], {}, Outcome.ERROR, "DONE", id="no success"),
        pytest.param(
            [INIT],
            {"code": 1, "stderr": LIMIT.encode()},
            Outcome.LIMITED,
            "cursor: You've hit your usage limit",
            id="a limit",
        ),
        pytest.param(
            [{**RESULT, "result": "The issue says: You've hit your usage limit"}],
            {},
            Outcome.DONE,
            "finished",
            id="a limit that is only mentioned",
        ),
        pytest.param(
            [],
            {"code": 1, "stderr": b"Error: Authentication required. Run 'agent login'.\n"},
            Outcome.ERROR,
            "'agent login'; does the secret CURSOR_API_KEY hold a valid key?",
            id="no key",
        ),
        pytest.param(
            [INIT],
            {"code": -15, "timed_out": True, "stderr": b"log in"},
            Outcome.TIMEOUT,
            "stopped at the limit of 600 s",
            id="stopped",
        ),
        pytest.param([RESULT, INIT], {}, Outcome.ERROR, "without a result", id="it went on"),
    ],
)
def test_verdicts(records: list[Any], run: dict[str, Any], outcome: Outcome, detail: str) -> None:
    judged = read(*records, **run)
    assert judged.outcome is outcome
    assert detail in judged.detail
    # its limit names the day of the next bill only, and is a text
    assert (judged.until, judged.proven) == (None, outcome is not Outcome.LIMITED)


@given(
    records=mixed(INIT, RESULT),
    stderr=st.binary(max_size=40) | st.just(LIMIT.encode()),
    code=st.integers(-15, 255),
)
def test_any_record_is_judged(records: list[Any], stderr: bytes, code: int) -> None:
    assert isinstance(read(*records, code=code, stderr=stderr), Result)


def test_it_has_no_meter() -> None:
    assert providers.names(CURSOR) == ("CURSOR_API_KEY",)
    assert not CURSOR.about.observed


def test_how_it_is_called(assign: MakeAssignment) -> None:
    argv = CURSOR.argv(assign(model="composer-2"), ("cursor-agent",))
    assert argv[-3:-1] == ["--model", "composer-2"]
    assert str(assign().brief) in argv[-1]
    assert "--model" not in CURSOR.argv(assign(), ("cursor-agent",))


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def program(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    elsewhere, local = tmp_path / "bin", tmp_path / "home/.local/bin"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(elsewhere))
    with pytest.raises(ToolMissingError, match=r"cursor-agent is neither .* on this runner"):
        CURSOR.install(tmp_path)
    program(elsewhere / "agent")  # another vendor's
    with pytest.raises(ToolMissingError):
        CURSOR.install(tmp_path)
    local.mkdir(parents=True)
    (elsewhere / "agent").unlink()
    real = program(tmp_path / "home/.local/share/cursor-agent/versions/1/cursor-agent")
    (local / "agent").symlink_to(real)
    assert CURSOR.install(tmp_path) == (str(local / "agent"),)
    (local / "cursor-agent").symlink_to(real)
    assert CURSOR.install(tmp_path) == (str(local / "cursor-agent"),)

"""A script as YAML, and what is wrong with one."""

from pathlib import Path
from typing import Any

import pytest

from ao_actions.modelserver import (
    Answer,
    Cut,
    Edit,
    Failure,
    Hang,
    Limit,
    Run,
    Say,
    Scenario,
    Slow,
    Turn,
    Use,
    load,
    turns,
)

TURNS: list[tuple[dict[str, Any], Turn]] = [
    ({"say": "Hello."}, Answer((Say("Hello."),))),
    ({"run": "ls"}, Answer((Run("ls"),))),
    ({"edit": "a.txt", "content": "x"}, Answer((Edit("a.txt", "x"),))),
    (
        {"blocks": [{"say": "I run."}, {"use": "Bash", "input": {"command": "ls"}}]},
        Answer((Say("I run."), Use("Bash", {"command": "ls"}))),
    ),
    ({"use": "apply_patch", "input": "text"}, Answer((Use("apply_patch", "text"),))),
    (
        {"use": "Read", "input_tokens": 7, "output_tokens": 3, "cached_tokens": 2},
        Answer((Use("Read"),), input_tokens=7, output_tokens=3, cached_tokens=2),
    ),
    ({"say": "x", "slow": 1.5}, Slow(Answer((Say("x"),)), 1.5)),
    (
        {"status": 429, "message": "slow", "headers": {"retry-after": "2"}, "once": True},
        Failure(429, "slow", {"retry-after": "2"}, once=True),
    ),
    (
        {"status": 400, "kind": "k", "error": {"code": "c"}, "streamed": True},
        Failure(400, kind="k", error={"code": "c"}, streamed=True),
    ),
    ({"limit": "usage", "reset": 1795331640}, Limit("usage", 1795331640)),
    (
        {"limit": "rate", "retry_after": 2, "message": "m", "once": True, "streamed": True},
        Limit("rate", retry_after=2, message="m", once=True, streamed=True),
    ),
    ({"cut": "half"}, Cut(Answer((Say("half"),)))),
    ({"hang": True, "once": True}, Hang(once=True)),
]


@pytest.mark.parametrize(("data", "turn"), TURNS, ids=[next(iter(data)) for data, _ in TURNS])
def test_a_turn(data: dict[str, Any], turn: Turn) -> None:
    assert turns([data]) == (turn,)


def test_a_list_of_turns_is_one_scenario() -> None:
    assert load("- say: a\n- hang: true\n") == (Scenario((Answer((Say("a"),)), Hang())),)


def test_scenarios_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "script.yml"
    path.write_text("- when: 'Task é'\n  turns: [{say: a}]\n- turns: [{say: b}]\n", "utf-8")
    assert load(path) == (
        Scenario((Answer((Say("a"),)),), "Task é"),
        Scenario((Answer((Say("b"),)),)),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "script: not YAML: "),
        ("", "script: expected a list of turns or of scenarios"),
        ("say: x", "script: expected a list of turns or of scenarios"),
        ("- x", "script: turn 1: expected one of the keys say, use, "),
        ("- say: x\n- sya: y", "script: turn 2: expected one of the keys say, use, "),
        ("- say: x\n  run: y", "script: turn 1: expected one of the keys say, use, "),
        ("- say: x\n  input: {}", "script: turn 1: unknown key input beside say"),
        ("- say: 1", "script: turn 1: say: expected str, found 1"),
        ("- status: true", "script: turn 1: status: expected int, found True"),
        ("- limit: rate\n  retry_after: soon", "turn 1: retry_after: expected int or float, found"),
        ("- limit: tokens", "turn 1: limit: expected one of usage, rate, quota, overloaded"),
        ("- edit: a.txt", "turn 1, block 1: edit needs the key content"),
        ("- blocks: [{say: x}, {cut: y}]", "turn 1, block 2: expected one of the keys say, use, "),
        ("- when: x", "script: scenario 1: expected one of the keys turns, found {'when': 'x'}"),
        ("- turns: []\n- say: x", "script: scenario 2: expected one of the keys turns"),
        ("- when: x\n  turns: [{say: 1}]", "scenario 1: turn 1: say: expected str, found 1"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="script: ") as caught:
        load(text)
    assert message in str(caught.value)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "script.yml"
    path.write_text("- say: 1\n")
    with pytest.raises(ValueError, match=r"script\.yml: turn 1: say: expected str"):
        load(path)

"""`ao-actions agents` and `agents check`: the table, and an agent tried on this machine."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from ao_actions.agents import AGENTS
from ao_actions.agents.claude_code import PIN
from ao_actions.cli import cli
from ao_actions.insight import agents as insight

ROOT = Path(__file__).parents[2]
INSTALLED = os.environ.get("AO_TEST_CACHE") or str(ROOT / ".cache" / "agents")


def agents(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ao_actions", "agents", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_table_says_what_each_agent_supports() -> None:
    rows = {row["name"]: row for row in json.loads(agents("--json").stdout)["agents"]}
    assert list(rows) == list(AGENTS)
    assert rows["claude-code"] == {
        "name": "claude-code",
        "title": "Claude Code",
        "version": PIN.version,
        "known_versions": ["2.1.197", PIN.version],
        "source": "npm",
        "credentials": ["CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY"],
        "meter": True,
        "resume": True,
        "bounds": ["seconds", "turns", "usd"],
        "observed": True,
        "note": "",
    }
    assert rows["command"]["meter"] is False
    assert rows["command"]["version"] is None


def test_people_get_columns_and_notes() -> None:
    lines = agents().stdout.splitlines()
    assert lines[0].split()[:3] == ["name", "program", "version"]
    columns, _, notes = "\n".join(lines[1:]).partition("\n\n")
    assert [row.split()[0] for row in columns.splitlines()] == list(AGENTS)
    noted = {row["name"] for row in insight.rows() if row["note"] or not row["observed"]}
    assert {note.partition(":")[0] for note in notes.splitlines() if note} == noted


def test_an_agent_of_which_no_run_was_seen_is_marked() -> None:
    row = {**insight.rows()[0], "observed": False}
    assert "claude-code: made from its documentation: no run of it was seen" in insight.lines([row])


def test_claude_code_works_on_this_machine() -> None:
    done = agents("check", "claude-code", "--json", AO_AGENTS=INSTALLED)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["checked"]
    assert found["works"]
    steps = {step["what"]: step for step in found["steps"]}
    assert list(steps) == ["install", "edit", "shell", "meter", "limit", "resume"]
    assert all(step["works"] for step in steps.values())
    assert steps["meter"]["detail"].startswith("3000 tokens in, 150 out, $0.0")
    assert steps["limit"]["detail"].startswith("limited, until 20")


def test_a_program_that_does_not_work_is_an_error(tmp_path: Path) -> None:
    """It is there in the pinned version, and ends at once."""
    package = f"{PIN.agent}-{PIN.version}/node_modules/@anthropic-ai/claude-code-linux-x64"
    program = tmp_path / package / "claude"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho it is broken >&2\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    done = agents("check", "claude-code", AO_AGENTS=str(tmp_path))
    assert done.returncode == 9
    assert "edit     FAILS: error: claude-code ended without a result" in done.stdout
    assert "it is broken" in done.stdout
    assert "claude-code does not work on this machine: edit, shell, meter" in done.stderr


def test_what_cannot_be_checked_says_why() -> None:
    done = agents("check", "command")
    assert done.returncode == 0
    assert "command cannot be checked: it is a program of yours" in done.stdout
    found = json.loads(agents("check", "command", "--json").stdout)
    assert (found["checked"], found["works"], found["steps"]) == (False, None, [])


@pytest.mark.parametrize(
    ("name", "hint"),
    [("claude", "did you mean 'claude-code'?"), ("x", f"known: {', '.join(AGENTS)}")],
)
def test_an_unknown_name(name: str, hint: str) -> None:
    done = agents("check", name)
    assert done.returncode == 3
    assert f"no agent is called '{name}': {hint}" in done.stderr


@pytest.mark.parametrize("words", [["agents", "check"], ["demo", "--agent"]])
def test_the_shell_completes_names(words: list[str]) -> None:
    complete = ShellComplete(cli, {}, "ao-actions", "_AO_ACTIONS_COMPLETE")
    assert [item.value for item in complete.get_completions(words, "cl")] == ["claude-code"]

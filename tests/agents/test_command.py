"""`command` through `agents.run`, with small real programs."""

import json
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ao_actions.agents import AGENTS, Outcome, Result, Usage, run
from ao_actions.errors import AgentError
from tests.agents.assignment import MakeAssignment

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
COMMAND = AGENTS["command"]


@pytest.fixture
def play(assign: MakeAssignment) -> Callable[..., Result]:
    """Run a Python program as the agent."""

    def play(source: str, **changes: object) -> Result:
        command = shlex.join([sys.executable, "-c", source])
        return run(COMMAND, assign(command=command, **changes), now=NOW)

    return play


def test_a_program_edits_the_checkout(play: Callable[..., Result], checkout: Path) -> None:
    result = play(
        "import os, sys, pathlib\n"
        "brief = sys.stdin.read()\n"
        "assert brief == pathlib.Path(os.environ['AO_BRIEF']).read_text()\n"
        "assert os.getcwd() == os.environ['AO_CHECKOUT']\n"
        "pathlib.Path('README.md').write_text(brief)\n"
        "print('edited')\n"
    )
    assert result.outcome is Outcome.DONE, result
    assert result.message == "edited"
    assert (checkout / "README.md").read_text() == "Make the greeting friendlier.\n"
    assert result.transcript is not None
    assert result.transcript.read_text() == "edited\n"


@pytest.mark.parametrize(
    ("source", "outcome", "detail"),
    [
        pytest.param(
            "import sys; print('out'); sys.exit('no key\\n\\n')",
            Outcome.ERROR,
            "the command failed (exit code 1): no key",
            id="the last line of its errors is the reason",
        ),
        pytest.param(
            "import sys; print('\\x1b[31mred\\x1b[0m \\u202eevil'); sys.exit(2)",
            Outcome.ERROR,
            "the command failed (exit code 2): red evil",
            id="without errors the last line of output, made printable",
        ),
        pytest.param(
            "import os; os.kill(os.getpid(), 9)",
            Outcome.ERROR,
            "the command failed (signal 9): no output",
            id="a signal",
        ),
        pytest.param(
            "import sys; sys.exit(75)",
            Outcome.LIMITED,
            "the command asked to be tried again later (exit code 75)",
            id="EX_TEMPFAIL",
        ),
    ],
)
def test_how_it_ends(
    play: Callable[..., Result], source: str, outcome: Outcome, detail: str
) -> None:
    result = play(source)
    assert (result.outcome, result.detail, result.until) == (outcome, detail, None)


def test_a_hang_ends_at_the_limit(
    play: Callable[..., Result], left_over: Callable[[], list[str]]
) -> None:
    result = play("import time; print('working', flush=True); time.sleep(1000)", seconds=2)
    assert result.outcome is Outcome.TIMEOUT
    assert result.detail == "the command was stopped at its limit of 2 s"
    assert left_over() == []


def test_the_job_is_invisible(
    play: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, checkout: Path
) -> None:
    for name in ("GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "RUNNER_TEMP", "OTHER_SECRET"):
        monkeypatch.setenv(name, "hidden")
    play(
        "import json, os; json.dump(dict(os.environ), open('seen.json', 'w'))",
        environment={"MODEL_KEY": "k"},
    )
    seen = json.loads((checkout / "seen.json").read_text())
    assert "hidden" not in seen.values()
    python_adds = {"LC_CTYPE"}
    assert set(seen) - python_adds == {
        *("PATH", "HOME", "TMPDIR", "LANG", "TERM", "TZ", "NO_COLOR"),
        *("AO_BRIEF", "AO_CHECKOUT", "AO_RESULT", "AO_PROCESS_MARK", "MODEL_KEY"),
    }
    assert (seen["MODEL_KEY"], seen["TERM"], seen["TZ"]) == ("k", "dumb", "UTC")


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "Runner_Temp"])
def test_the_job_cannot_be_handed_over(assign: MakeAssignment, name: str) -> None:
    with pytest.raises(AgentError, match=name):
        run(COMMAND, assign(command="true", environment={name: "x"}), now=NOW)


def test_a_secret_is_not_passed_on(play: Callable[..., Result]) -> None:
    result = play(
        "import os, sys; key = os.environ['MODEL_KEY']; print('I used', key)\n"
        "sys.exit('wrong key ' + key + ' for ' + os.environ['MODEL'])",
        environment={"MODEL_KEY": "secret-0123", "MODEL": "a-model-name"},
    )
    assert result.message == "I used ***"
    assert result.detail.endswith("wrong key *** for a-model-name")


def test_a_report(play: Callable[..., Result]) -> None:
    report = {
        "message": "Made it friendlier.",
        "replies": [{"thread": "PRRT_1", "body": "Done."}],
        "usage": {"input_tokens": 10, "output_tokens": 2, "usd": 0.5, "turns": 1},
    }
    result = play(f"import os; open(os.environ['AO_RESULT'], 'w').write({json.dumps(report)!r})")
    assert (result.outcome, result.detail) == (Outcome.DONE, "the command finished")
    assert result.message == "Made it friendlier."
    assert result.replies == (("PRRT_1", "Done."),)
    assert result.usage == Usage(input_tokens=10, output_tokens=2, usd=0.5, turns=1)


@pytest.mark.parametrize(
    ("source", "note"),
    [
        pytest.param("open(path, 'w').write('{nonsense')", "it is not JSON", id="no JSON"),
        pytest.param("open(path, 'w').truncate(9**9)", "it is larger", id="huge (and sparse)"),
        pytest.param("os.symlink(secret, path)", None, id="a link to a file of ours"),
        pytest.param("os.mkfifo(path)", None, id="a pipe that never ends"),
        pytest.param("os.mkdir(path)", None, id="a directory"),
        pytest.param(
            "os.rmdir(os.path.dirname(path)); os.symlink(os.path.dirname(secret), "
            "os.path.dirname(path))",
            None,
            id="a link in place of its directory",
        ),
    ],
)
def test_a_report_that_is_none(
    play: Callable[..., Result], tmp_path: Path, source: str, note: str | None
) -> None:
    secret = tmp_path / "secret" / "result.json"
    secret.parent.mkdir()
    secret.write_text('{"message": "secret"}')
    script = f"import os; path = os.environ['AO_RESULT']; secret = {str(secret)!r}; {source}"
    script += "; print('said')"
    for _ in range(2):  # what one run leaves does not break the next in the same scratch directory
        result = play(script)
        assert (result.outcome, result.message) == (Outcome.DONE, "said")
        assert (note or "finished") in result.detail
    assert secret.exists()


def test_the_report_of_an_earlier_run_is_not_read_again(play: Callable[..., Result]) -> None:
    play("import os; open(os.environ['AO_RESULT'], 'w').write('{\"message\": \"first\"}')")
    assert play("print('second')").message == "second"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        pytest.param(None, "needs a `command:`", id="none"),
        pytest.param("  ", "needs a `command:`", id="blank"),
        pytest.param("echo 'open", "No closing quotation", id="an open quote"),
    ],
)
def test_a_command_that_is_none(assign: MakeAssignment, command: str | None, reason: str) -> None:
    with pytest.raises(AgentError, match=reason):
        run(COMMAND, assign(command=command), now=NOW)


def test_no_shell_reads_the_command(assign: MakeAssignment) -> None:
    result = run(COMMAND, assign(command="echo $HOME; exit 1"), now=NOW)
    assert (result.outcome, result.message) == (Outcome.DONE, "$HOME; exit 1")


def test_a_program_that_is_not_there(assign: MakeAssignment) -> None:
    result = run(COMMAND, assign(command="./no-such-agent --now"), now=NOW)
    assert result.outcome is Outcome.ERROR
    assert result.detail.startswith("command could not be started: ")
    assert "no-such-agent" in result.detail


def test_paths_have_to_exist(assign: MakeAssignment, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="not a directory"):
        run(COMMAND, assign(command="true", checkout=tmp_path / "none"), now=NOW)

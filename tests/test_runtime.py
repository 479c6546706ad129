"""The GitHub Actions environment, read and written."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions import runtime
from ao_actions.errors import AoError, AuthError
from ao_actions.runtime import Job

# ---- who we are ----------------------------------------------------------------------------


def test_the_job() -> None:
    env = {"GITHUB_RUN_ID": "500", "GITHUB_RUN_ATTEMPT": "2"}
    assert Job.current(env) == Job(run_id=500, run_attempt=2)
    assert Job.current({"GITHUB_RUN_ID": "500"}) == Job(run_id=500, run_attempt=1)


@pytest.mark.parametrize("env", [{}, {"GITHUB_RUN_ID": ""}, {"GITHUB_RUN_ID": "x"}])
def test_no_job(env: dict[str, str]) -> None:
    with pytest.raises(AoError, match="inside a GitHub Actions job"):
        Job.current(env)


@pytest.mark.parametrize(
    ("env", "token"),
    [
        ({"GITHUB_TOKEN": "a", "GH_TOKEN": "b"}, "a"),
        ({"GITHUB_TOKEN": "", "GH_TOKEN": "b"}, "b"),
        ({"GH_TOKEN": "b"}, "b"),
    ],
)
def test_the_token(env: dict[str, str], token: str) -> None:
    assert runtime.token(env) == token
    assert runtime.has_token(env)


def test_no_token() -> None:
    assert not runtime.has_token({"GITHUB_TOKEN": ""})
    with pytest.raises(AuthError, match="set GITHUB_TOKEN"):
        runtime.token({})


def test_where_to_work(tmp_path: Path) -> None:
    assert runtime.work_root({"RUNNER_TEMP": str(tmp_path)}) == tmp_path / "ao"
    assert runtime.work_root({}).is_absolute()


@pytest.mark.parametrize(
    ("option", "env", "name"),
    [
        ("o/r", {"GITHUB_REPOSITORY": "x/y"}, "o/r"),
        (None, {"GITHUB_REPOSITORY": "x/y"}, "x/y"),
    ],
)
def test_the_repository(option: str | None, env: dict[str, str], name: str) -> None:
    assert runtime.repository(option, env) == name


@pytest.mark.parametrize("option", ["r", "o/", "/r", "o/r/x", "https://github.com/o/r"])
def test_no_repository(option: str) -> None:
    with pytest.raises(AoError, match="which repository"):
        runtime.repository(option, {})


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/o/r.git", "o/r"),
        ("https://github.com/o/r", "o/r"),
        ("https://github.com/o/r/", "o/r"),
        ("git@github.com:o/r.git", "o/r"),
        ("ssh://git@github.com/o/r.git", "o/r"),
        ("http://127.0.0.1:8080/o/r.git", "o/r"),
    ],
)
def test_the_repository_of_a_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, name: str
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    subprocess.run(["git", "remote", "add", "origin", url], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    assert runtime.repository(None, {}) == name


@pytest.mark.parametrize("path", ["", "/nowhere"], ids=["no clone", "no git"])
def test_no_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if path:
        monkeypatch.setenv("PATH", path)
    with pytest.raises(AoError, match="use `--repository owner/name`"):
        runtime.repository(None, {})


# ---- what we say ---------------------------------------------------------------------------


def test_the_summary_grows(tmp_path: Path) -> None:
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    runtime.summary("# One", env)
    runtime.summary("two", env)
    assert (tmp_path / "summary").read_text() == "# One\ntwo\n"
    runtime.summary("nobody listens", {})


def test_the_summary_fits(tmp_path: Path) -> None:
    """GitHub counts bytes, and takes nothing of what is too long."""
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    runtime.summary("é" * runtime.SUMMARY_LIMIT, env)
    written = (tmp_path / "summary").read_bytes()
    assert runtime.SUMMARY_LIMIT - 1 <= len(written) <= runtime.SUMMARY_LIMIT + 1
    assert set(written.decode()) == {"é", "\n"}


def test_half_a_character_does_not_stop_the_summary(tmp_path: Path) -> None:
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    runtime.summary("a\ud800b", env)
    assert (tmp_path / "summary").read_text() == "a?b\n"


def test_an_output_is_one_line(tmp_path: Path) -> None:
    env = {"GITHUB_OUTPUT": str(tmp_path / "output")}
    runtime.output("path", "/srv/x", env)
    runtime.output("evil", "a\nother=b<<END", env)
    assert (tmp_path / "output").read_text() == "path=/srv/x\nevil=a other=b<<END\n"
    runtime.output("path", "nobody listens", {})


def test_a_secret_is_masked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    runtime.mask("100%\nsecret")
    runtime.mask("")
    assert capsys.readouterr().out == "::add-mask::100%25%0Asecret\n"
    monkeypatch.delenv("GITHUB_ACTIONS")
    runtime.mask("secret")
    assert capsys.readouterr().out == ""


def test_annotations(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    runtime.annotate("error", "50% wrong\n::error::forged")
    assert capsys.readouterr().out == "::error::50%25 wrong%0A::error::forged\n"
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    runtime.annotate("error", "wrong")
    assert capsys.readouterr() == ("", "error: wrong\n")


# ---- outside text in the log ---------------------------------------------------------------


def is_a_command(line: str) -> bool:
    """As the runner reads a line (actions/runner, src/Runner.Common/ActionCommand.cs)."""
    return line.lstrip().startswith("::") or "##[" in line


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param("a: b :: c\n# ok", "a: b :: c\n# ok", id="plain"),
        pytest.param("::set-env name=A::b", "> ::set-env name=A::b", id="a command"),
        pytest.param("x\n \t::error::y", "x\n>  \t::error::y", id="behind spaces"),
        pytest.param("x ##[error]y", "x ## [error]y", id="an old command, anywhere"),
        pytest.param("x\r::error::y", "x\n> ::error::y", id="behind a carriage return"),
    ],
)
def test_defuse(said: str, shown: str) -> None:
    assert runtime.defuse(said) == shown


@given(st.text(st.sampled_from(":# [\n\r\t\v\u2028\u00a0a")))
def test_no_line_is_a_command(said: str) -> None:
    assert not any(is_a_command(line) for line in runtime.defuse(said).split("\n"))


def test_a_process_that_hides_cannot_be_traced() -> None:
    code = "import ctypes; from ao_actions import runtime; runtime.hide(); "
    code += "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ("0" if sys.platform == "linux" else done.stdout.strip())

"""What the runner is told: nothing outside can speak to it in our name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ao_actions import runtime
from ao_actions.errors import AoError, AuthError


def test_a_message_cannot_become_another_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    runtime.annotate("error", "50%\n::add-mask::x")
    assert capsys.readouterr().out == "::error::50%25%0A::add-mask::x\n"


def test_outside_of_actions_an_error_is_plain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    runtime.annotate("error", "no")
    assert capsys.readouterr().err == "error: no\n"


@pytest.mark.parametrize(
    "line", ["::set-output name=x::y", "  ::add-path::/tmp", "##[command]rm", "a\n::debug::b"]
)
def test_outside_text_is_defused(line: str) -> None:
    for part in runtime.defuse(line).splitlines():
        assert not part.startswith(("::", "##["))


def test_outputs_and_summary_are_files(tmp_path: Path) -> None:
    env = {"GITHUB_OUTPUT": f"{tmp_path}/out", "GITHUB_STEP_SUMMARY": f"{tmp_path}/sum"}
    runtime.output("outcome", "two\nlines=here", env)
    runtime.summary("x" * 2_000_000, env)
    assert (tmp_path / "out").read_text() == "outcome=two lines=here\n"
    assert (tmp_path / "sum").stat().st_size < 1_000_000
    runtime.output("outcome", "nowhere", {})


def test_the_job_is_who_the_environment_says() -> None:
    job = runtime.Job.current({"GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "2"})
    assert (job.run_id, job.run_attempt) == (7, 2)
    for env in ({}, {"GITHUB_RUN_ID": "x"}):
        with pytest.raises(AoError, match="GITHUB_RUN_ID"):
            runtime.Job.current(env)


def test_the_token_comes_from_the_environment() -> None:
    assert runtime.token({"GH_TOKEN": "b"}) == "b"
    assert runtime.token({"GITHUB_TOKEN": "a", "GH_TOKEN": "b"}) == "a"
    with pytest.raises(AuthError, match="GITHUB_TOKEN"):
        runtime.token({})


@pytest.mark.parametrize("name", ["x", "a/b/c", "/b", "a/"])
def test_a_repository_is_owner_and_name(name: str) -> None:
    assert runtime.repository("a/b", {}) == "a/b"
    with pytest.raises(AoError, match="owner/name"):
        runtime.repository(name, {})


@pytest.mark.parametrize(
    "url",
    ["https://github.com/acme/widgets.git", "git@github.com:acme/widgets.git"],
)
def test_a_repository_is_found_in_a_clone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", url], check=True)
    monkeypatch.chdir(tmp_path)
    assert runtime.repository(None, {}) == "acme/widgets"

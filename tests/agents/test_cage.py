"""Which runtime `runtime: auto` is, and what is said of it."""

import sys

import pytest

from ao_actions.agents import runtimes
from ao_actions.agents.cage import Cage, settle

HOSTED = {"GITHUB_ACTIONS": "true", "RUNNER_ENVIRONMENT": "github-hosted"}


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="no job"),
        pytest.param({"RUNNER_ENVIRONMENT": "github-hosted"}, id="a variable that somebody set"),
        pytest.param({**HOSTED, "RUNNER_ENVIRONMENT": "self-hosted"}, id="a machine of one's own"),
        pytest.param({"GITHUB_ACTIONS": "true"}, id="a runner that does not say"),
    ],
)
def test_no_user_is_made_on_somebody_s_machine(environment: dict[str, str]) -> None:
    assert settle("auto", environment) == Cage("process", "this is not a runner of GitHub's")


@pytest.mark.parametrize("kind", ["process", "user", "docker"])
def test_an_explicit_choice_stands(kind: str) -> None:
    assert settle(kind, {}) == settle(kind, HOSTED) == Cage(kind)


def test_a_runner_of_github_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert settle("auto", HOSTED).why == "this is not Linux"
    monkeypatch.setattr(sys, "platform", "linux")
    expected = "user" if runtimes.may_be_root() else "process"
    assert settle("auto", HOSTED).kind == expected


def test_what_is_not_protected_is_said() -> None:
    said = Cage("process", "this is not Linux").said
    assert "runs as the runner's own user (this is not Linux): it can read and change" in said
    assert "`runtime: user`" in said
    for kind in ("user", "docker"):
        assert "own" in Cage(kind).said
        assert "sudo" not in Cage(kind).said

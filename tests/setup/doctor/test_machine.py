"""What doctor says of this machine and of the token that it was given."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from ao_actions.agents import AGENTS
from ao_actions.errors import AgentError, ToolMissingError
from ao_actions.localgithub.model import Protection, Ruleset
from ao_actions.localgithub.world import World
from ao_actions.setup.doctor import Level, agents

from .conftest import CI, Site


@pytest.mark.parametrize(("seconds", "level"), [(30, "ok"), (-120, "warn"), (900, "fail")])
def test_clock(site: Site, monkeypatch, seconds: int, level: str) -> None:
    now = World.now
    monkeypatch.setattr(World, "now", lambda world: now(world) + timedelta(seconds=seconds))
    expected = {} if level == "ok" else {"clock": level}
    assert site.ill() == expected


def fake_git(folder: Path, said: str) -> None:
    """Says that version, and is the real one in all else."""
    real = shutil.which("git")
    folder.mkdir()
    script = folder / "git"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{said}" || exec {real} "$@"\n')
    script.chmod(0o755)


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("git version 2.37.1", "fail"),
        ("git version 1.9", "fail"),
        ("git version 2.38.0.windows.1", "ok"),
        ("git version 3.0", "ok"),
        ("hello", "unknown"),
    ],
)
def test_git(site: Site, monkeypatch, tmp_path: Path, said: str, level: str) -> None:
    fake_git(tmp_path / "bin", said)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert site.examine()["git"].finding.level == level


def test_no_npm(site: Site, monkeypatch) -> None:
    def missing() -> None:
        raise ToolMissingError("install Node.js")

    monkeypatch.setattr(agents, "find_npm", missing)
    assert site.ill() == {"agents": "warn"}


def test_install_tries(site: Site, monkeypatch) -> None:
    tried: list[Path] = []
    site.install = True
    monkeypatch.setattr(type(AGENTS["claude-code"]), "install", lambda _, root: tried.append(root))
    assert site.ill() == {}
    assert len(tried) == 1
    assert not tried[0].exists()


def test_install_fails(site: Site, monkeypatch) -> None:
    def fail(_agent, _root) -> None:
        raise AgentError("npm could not install it: 404")

    site.install = True
    monkeypatch.setattr(type(AGENTS["claude-code"]), "install", fail)
    assert site.ill() == {"agents": "fail"}


def test_a_command_s_open_quote(site: Site) -> None:
    text = 'agents: {name: command, command: "./agent \'x"}\nci_workflows: [CI]\n'
    site.configure(text)
    assert site.ill()["agents"] == "fail"


def test_a_job_s_token_sees_no_settings_and_fails_nothing(site: Site) -> None:
    levels = {"contents": "write", "issues": "write", "pull-requests": "write", "actions": "write"}
    world = site.hub.world
    token = world.add_token(
        "github-actions[bot]", kind="job", repository=site.name, permissions=levels
    )
    site.token = token.value
    ill = site.ill()
    assert set(ill.values()) == {Level.UNKNOWN}
    assert {"create-pulls", "allowed-actions", "secrets"} <= set(ill)
    found = site.examine()["create-pulls"].finding
    assert "this token may not see it" in found.what
    assert "administrator" in found.mend


def test_a_token_without_the_right_to_read(site: Site) -> None:
    site.repo.private = True
    token = site.hub.world.add_token(
        "github-actions[bot]", kind="job", repository=site.name, permissions={"contents": "read"}
    )
    site.token = token.value
    found = site.examine()["token"].finding
    assert found.level == "fail"
    assert "may not read issues, pull requests, actions" in found.what


def test_what_cannot_be_mended_is_said(site: Site) -> None:
    site.repo.labels.clear()
    site.repo.collaborators["noor"] = "read"
    site.token = site.hub.world.add_token("noor").value
    row = site.examine(fix=True)["labels"]
    assert row.finding.level == "fail"
    assert row.fixed.startswith("not mended: ")


def test_the_clone_s_configuration_is_compared(site: Site, tmp_path: Path) -> None:
    from ao_actions.setup.doctor import CHECKS, Context, examine_all

    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "ao.yml").write_text("max_parallel: 1\n")

    def config() -> str:
        rows = examine_all(
            [c for c in CHECKS if c.name == "config"],
            lambda: Context(site.client(), site.ledger(), tmp_path, environment={}),
        )
        return f"{rows[0].finding.level}: {rows[0].finding.what}"

    assert config().startswith("warn: the clone's .github/ao.yml is not the one on main")
    site.write(ao=None)
    assert config().startswith("fail: .github/ao.yml is in the clone, but not on main")


def test_external_ci_is_known_by_what_it_reported(site: Site) -> None:
    site.repo.protection["main"] = Protection(["test", "buildkite/widgets"])
    assert site.ill() == {"required-checks": "fail"}
    sha = site.hub.world.ref_oid(site.name, "refs/heads/main")
    body = {"state": "success", "context": "buildkite/widgets"}
    site.client().request("POST", f"statuses/{sha}", body=body)
    assert site.ill() == {}


@pytest.mark.parametrize(
    ("job", "check"),
    [
        ("test: {name: 'Test ${{ matrix.os }}', strategy: {matrix: {os: [a]}}, ", "Test a"),
        ("test: {strategy: {matrix: {os: [a]}}, ", "test (a)"),
        ("test: {name: Unit tests, ", "Unit tests"),
    ],
)
def test_names_of_checks(site: Site, job: str, check: str) -> None:
    site.write(ci=CI.replace("test: {", job))
    site.repo.protection["main"] = Protection([check])
    assert site.ill() == {}


def test_a_merge_queue_that_ci_hears(site: Site) -> None:
    queue = Ruleset(1, "queue", include=["~DEFAULT_BRANCH"], rules=[{"type": "merge_queue"}])
    site.repo.rulesets.append(queue)
    site.write(ci=CI.replace("{pull_request: }", "{pull_request: , merge_group: }"))
    assert site.ill() == {}


def test_reviewers_of_an_environment_survive_its_mending(site: Site, monkeypatch) -> None:
    """PUT may reset what it does not name."""
    from ao_actions.setup.doctor import environment

    record = {
        "protection_rules": [
            {"type": "wait_timer", "wait_timer": 30},
            {
                "type": "required_reviewers",
                "prevent_self_review": True,
                "reviewers": [{"type": "User", "reviewer": {"id": 7, "login": "maya"}}],
            },
            {"type": "branch_policy"},
        ]
    }
    assert environment._kept(record) == {
        "wait_timer": 30,
        "prevent_self_review": True,
        "reviewers": [{"type": "User", "id": 7}],
    }

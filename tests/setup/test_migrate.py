"""agent-orchestrator.yaml as ours, and what has no counterpart."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ao_actions import errors
from ao_actions.errors import ConfigError
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.setup import migrate
from tests.setup.test_init import NAME, Place, clone, hub, place, repository

__all__ = ["clone", "hub", "place"]

FILE = """
port: 3000
readyThresholdMs: 300000
defaults: {runtime: tmux, agent: claude-code, workspace: worktree, notifiers: [desktop]}
projects:
  widgets:
    name: Widgets
    repo: acme/widgets
    path: ~/widgets
    defaultBranch: main
    sessionPrefix: wi
    agentConfig: {permissions: permissionless, model: claude-sonnet-4-5}
    agentRules: |
      Write tests: "always".
    agentRulesFile: rules.md
    postCreate: [pnpm install]
    tracker: {plugin: linear, teamId: x}
    frobnicate: 1
reactions:
  ci-failed: {auto: true, action: send-to-agent, retries: 6, escalateAfter: 2}
  approved-and-green: {auto: true, action: auto-merge}
notificationRouting: {urgent: [desktop]}
"""
OTHER = "projects:\n  a: {repo: acme/a}\n  b: {repo: acme/b, agent: amp}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "rules.md").write_text("Be brief.\n")
    path = tmp_path / "agent-orchestrator.yaml"
    path.write_text(FILE)
    return path


def test_what_has_a_counterpart_is_taken(file: Path) -> None:
    found = migrate.read(file)
    assert [(agent.name, agent.model) for agent in found.agents] == [
        ("claude-code", "claude-sonnet-4-5")
    ]
    assert found.rules == 'Write tests: "always".\n\nBe brief.'
    assert found.attempts == 7
    assert found.repository == "acme/widgets"


def test_every_other_key_is_named_with_what_takes_its_place(file: Path) -> None:
    left = dict(migrate.read(file).left)
    assert left["port"] == "no server and no dashboard runs"
    assert left["defaults.runtime"] == "GitHub Actions is the runtime"
    assert left["projects.widgets.tracker.plugin"] == "issues of GitHub only"
    assert left["projects.widgets.frobnicate"] == "not known"
    assert left["reactions.approved-and-green.action"] == "a human merges"
    assert left["notificationRouting.urgent"] == "GitHub notifies; no other way yet"
    document = yaml.safe_load(FILE)
    taken = " ".join(migrate.read(file).taken)
    for key in document["projects"]["widgets"]:
        mine = f"projects.widgets.{key}"
        assert any(name.startswith(mine) for name in left) or mine in taken or key in (
            "repo", "name"
        ), key  # fmt: skip


def test_one_project_of_several(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(OTHER)
    with pytest.raises(ConfigError, match="Say --project, one of: a, b"):
        migrate.read(path)
    with pytest.raises(ConfigError, match="no project 'c'"):
        migrate.read(path, project="c")
    assert migrate.read(path, repository="Acme/A").project == "a"
    chosen = migrate.read(path, project="b")
    left = dict(chosen.left)
    assert "this agent is not there yet" in left["projects.b.agent"]
    assert left["projects.a"].startswith("its own repository")
    assert chosen.agents[0].name == "claude-code"


def test_a_rules_file_outside_of_the_repository_is_not_read(file: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    inner = tmp_path / "sub" / "ao.yaml"
    inner.write_text(FILE.replace("rules.md", "../rules.md"))
    found = migrate.read(inner)
    assert "Be brief" not in found.rules
    assert "projects.widgets.agentRulesFile" in dict(found.left)


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [", "is not YAML"), ("- 1\n", "no `projects`"), ("projects: {a: 1}\n", "each must be"),
     ("projects: {}\n", "no `projects`")],
)  # fmt: skip
def test_what_is_no_configuration(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        migrate.read(tmp_path / "x.yaml")


def test_init_from_it_and_the_backlog(clone: Place, hub: LocalGitHub) -> None:
    clone.write("agent-orchestrator.yaml", FILE)
    clone.write("rules.md", "Be brief.\n")
    assert any("--from agent-orchestrator.yaml" in note for note in clone.ok("--diff")["notes"])
    for labels in (["agent:backlog"], ["bug"], ["agent:backlog"]):
        waiting = len(repository(hub).issues) + 1
        _issue(clone, labels)
        assert repository(hub).issues[waiting].labels == labels
    done = clone.init("--from", "agent-orchestrator.yaml")
    assert done.returncode == 0, done.stderr
    assert "backlog   hand over with: ao-actions add 1 3" in done.stdout
    assert "left      port: no server and no dashboard runs" in done.stdout
    config = yaml.safe_load(clone.read(".github/ao.yml"))
    assert config["agents"] == [{"name": "claude-code", "model": "claude-sonnet-4-5"}]
    assert config["rules"].endswith("Be brief.")
    args = ("init", "--from", "agent-orchestrator.yaml")
    clone.refused(errors.ConfigError, *args, says=("--from makes a new one",))
    assert NAME == "acme/widgets"


def _issue(clone: Place, labels: list[str]) -> None:
    import httpx

    httpx.post(
        f"{clone.env['GITHUB_API_URL']}/repos/{NAME}/issues",
        headers={"Authorization": f"token {clone.env['GITHUB_TOKEN']}"},
        json={"title": "x", "labels": labels},
    ).raise_for_status()

"""The whole factory: real workflows on act, real git and HTTP, a scripted agent and maintainer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ao_actions.agents import AGENTS, providers
from ao_actions.bookfiles import LEDGER, book_from
from ao_actions.demo import command, stage
from ao_actions.demo.factory import Demo
from ao_actions.demo.narrator import Narrator
from ao_actions.demo.project import Project, small_project
from ao_actions.demo.stage import Wish
from ao_actions.errors import ConfigError
from ao_actions.git import Git, Remote
from ao_actions.keys import AgentSettings
from ao_actions.ledger import Ledger
from ao_actions.localgithub.server import LocalGitHub
from tests.e2e.conftest import ao


def test_demo_every_task_is_done_in_the_way_that_was_announced(
    kept: tuple[Path, dict[str, Any]],
) -> None:
    result = kept[1]
    assert [task["phase"] for task in result["tasks"]] == ["done"] * 5
    told = [
        [(attempt["reason"], attempt["outcome"]) for attempt in task["attempts"]]
        for task in result["tasks"]
    ]
    assert told == [
        [("queued", "changes")],
        [("queued", "changes"), ("ci_failed", "changes")],
        [("queued", "changes"), ("changes_requested", "changes")],
        [("queued", "changes")],
        [("queued", "lost"), ("queued", "changes")],
    ]
    assert result["duplicates"] == 0
    assert len({task["pull"] for task in result["tasks"]}) == 5
    assert set(result["requests"]) == {"rest", "graphql", "git"}


def test_demo_real_runs_did_it(kept: tuple[Path, dict[str, Any]]) -> None:
    runs = kept[1]["runs"]
    work = [run["name"] for run in runs if run["workflow"] == "ao-work.yml"]
    assert len(work) == len(set(work)) == 8
    assert {run["event"] for run in runs if run["workflow"] == "ci.yml"} == {"pull_request"}
    assert [run["conclusion"] for run in runs if run["workflow"] == "ci.yml"].count("failure") == 1
    assert all(run["conclusion"] is not None for run in runs)


def test_demo_no_ledger_commit_has_more_claims_than_slots(
    kept: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    bare = kept[0] / "github" / "git" / "acme" / "tally.git"
    ledger = Ledger(Git.scratch(tmp_path / "l.git", Remote(str(bare))))
    git = ledger.git
    assert git.fetch(f"+{LEDGER}:{LEDGER}", depth=None)
    commits = git.run("rev-list", "--reverse", LEDGER).splitlines()
    books = [book_from(ledger.files(commit)) for commit in commits]
    assert max(book.live_claims() for book in books) == 2
    epochs = [book.fleet.epoch for book in books]
    assert epochs == sorted(epochs)
    assert len(ledger.history()) == 5


def test_demo_the_review_was_answered_on_its_thread(kept: tuple[Path, dict[str, Any]]) -> None:
    with LocalGitHub(kept[0] / "github", actions=False) as hub:
        repo = hub.world.repositories["acme/tally"]
        (pull,) = (p for p in repo.pulls.values() if p.threads)
        asked, answer = pull.review_comments
        assert asked.user == "maya"
        assert "Done in" in answer.body
        assert "a test says so" in answer.body
        bodies = [issue.body for n, issue in repo.issues.items() if n in repo.pulls]
        assert all("Closes #" in body for body in bodies)


@pytest.mark.extra
def test_demo_repo_runs_on_a_repository_of_ones_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "numbers.txt").write_text("1\n")
    git = Git(mine)
    git.run("init", "--quiet", str(mine))
    git.run("add", "--all")
    git.run("commit", "--quiet", "-m", "One")
    before = git.run("rev-parse", "HEAD")
    (tmp_path / "issues.yml").write_text("- title: Two\n  body: Add two.\n- title: Three\n")
    agent = tmp_path / "agent.sh"
    agent.write_text('name=$(grep -E "^(Two|Three)$" "$AO_BRIEF")\necho "$name" > "$name.txt"\n')
    done = ao(
        *("demo", "--repo", "mine", "--issues", "issues.yml", "--json"),
        *("--agent-command", f"bash {agent}", "--ci-command", "test -s numbers.txt"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    result = json.loads(done.stdout)
    assert result["repository"] == "acme/mine"
    assert [task["phase"] for task in result["tasks"]] == ["done", "done"]
    assert git.run("rev-parse", "HEAD") == before
    assert git.run("status", "--porcelain") == ""


OWN = {"repo": Path(), "issues": Path("i.yml"), "agent_command": "true"}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"repo": Path()}, "--issues"),
        ({**OWN, "agent": "claude-code"}, "leave out --repo"),
        ({**OWN, "scenario": "limits"}, "leave out --repo"),
        ({**OWN, "scenario": "feedback"}, "leave out --repo"),
        ({**OWN, "agent_command": "/no/such -x"}, "/no/such is no program on this machine"),
        ({**OWN, "agent_command": "'"}, "--agent-command ': No closing quotation"),
        ({"scenario": "feedback", "agent": "codex"}, "leave out --agent"),
        ({"scenario": "limits", "agent": "codex"}, "leave out --agent"),
        ({"scenario": "limits", "model_server": "http://127.0.0.1:1"}, "leave out --agent"),
        ({"model_server": "scripted"}, "needs --agent"),
        ({"agent": "codex", "model_server": "there"}, "'scripted' or a URL"),
        ({"agent": "codx", "model_server": "scripted"}, "did you mean 'codex'?"),
        ({"agent": "command", "model_server": "scripted"}, "it is a program of yours"),
        ({"agent": "codex"}, "set OPENAI_API_KEY (what it does then costs money)"),
    ],
)
def test_demo_options_that_do_not_go_together(
    options: dict[str, Any], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match=re.escape(word)):
        command.run(Wish(**options), as_json=True, serve=False)


def test_demo_wrong_options_are_exit_code_3(tmp_path: Path) -> None:
    done = ao("demo", "--repo", ".", cwd=tmp_path)
    assert done.returncode == 3
    assert "--issues" in done.stderr


@pytest.mark.parametrize(
    ("held", "agent_auth"),
    [("ANTHROPIC_API_KEY", "key"), ("CLAUDE_CODE_OAUTH_TOKEN", "oauth")],
)
def test_demo_hands_over_the_user_s_own_key(
    held: str, agent_auth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claude = AGENTS["claude-code"]
    for name in providers.names(claude):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(held, "a-key-of-mine")
    with ExitStack() as stack:
        demo = stage.prepare(Wish(agent="claude-code"), tmp_path, stack).demo
    assert demo.secrets == {held: "a-key-of-mine"}
    assert demo.agent_auth == agent_auth
    assert demo.cast.endswith(f"its model calls are paid with your {held}")


def test_demo_asks_somebody_s_own_server_with_a_key_that_is_none(tmp_path: Path) -> None:
    wish = Wish(agent="codex", model_server="http://127.0.0.1:8099/")
    with ExitStack() as stack:
        demo = stage.prepare(wish, tmp_path, stack).demo
    assert demo.secrets["OPENAI_BASE_URL"] == "http://127.0.0.1:8099/v1"
    assert demo.secrets["OPENAI_API_KEY"].startswith("sk-demo-")


@pytest.mark.parametrize(
    ("content", "word"),
    [("{}", "a list"), ("- body: x\n", "issue 1 has no `title`"), ("- [", "issues.yml")],
)
def test_demo_an_issue_file_of_another_form(tmp_path: Path, content: str, word: str) -> None:
    (tmp_path / "issues.yml").write_text(content)
    done = ao(
        *("demo", "--repo", ".", "--issues", "issues.yml", "--agent-command", "true"),
        cwd=tmp_path,
    )
    assert done.returncode == 3
    assert word in done.stderr


class Recorder(Narrator):
    """Keeps what the demo says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, text: str, style: str = "") -> None:
        self.said.append(text)


def test_with_the_workflow_s_own_token_ci_waits_for_a_human(tmp_path: Path) -> None:
    """`auth: token`: GitHub holds the runs back, the factory says so, a click lets them go."""
    root = tmp_path / "github"
    (root / "agent").mkdir(parents=True)
    project = small_project(tmp_path / "tree")
    recorder = Recorder()
    program = f"{sys.executable} -m ao_actions.demo.agent {root / 'agent'}"
    demo = Demo(
        project=Project(name=project.name, tree=project.tree, issues=project.issues[:1]),
        agents=(AgentSettings(name="command", command=program),),
        root=root,
        narrator=recorder,
        auth="token",
    )
    with demo.run() as result:
        pass
    assert [task["phase"] for task in result["tasks"]] == ["done"]
    assert "the maintainer approves CI on what the agent wrote" in recorder.said
    with LocalGitHub(root, actions=False) as hub:
        repo = hub.world.repositories["acme/tally"]
        assert {issue.user for n, issue in repo.issues.items() if n in repo.pulls} == {
            "github-actions[bot]"
        }


def test_gh_sees_issues_pulls_checks_and_runs(
    kept: tuple[Path, dict[str, Any]],
    tmp_path: Path,
) -> None:
    """`gh`, GitHub's own client, reads a world that the factory has worked in."""
    config = tmp_path / "gh"
    config.mkdir()
    socket = tmp_path / "hub.sock"
    (config / "config.yml").write_text(f"http_unix_socket: {socket}\n")
    with LocalGitHub(kept[0] / "github", socket=socket, actions=True) as hub:
        token = next(t.value for t in hub.world.tokens.values() if t.login == "maya")
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GH_CONFIG_DIR": str(config),
            "GH_TOKEN": token,
            "GH_REPO": "acme/tally",
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "GH_TELEMETRY": "false",
            "NO_COLOR": "1",
        }

        def gh(*args: str, code: int = 0) -> str:
            program = str(Path(sys.executable).parent / "gh")
            done = subprocess.run(
                [program, *args], env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == code, done.stderr
            return done.stdout

        def rows(*args: str) -> Any:
            return json.loads(gh(*args))

        closed = rows("issue", "list", "--state", "closed", "--json", "number,title,state")
        assert len(closed) == 5
        assert "Add a median" in gh("issue", "view", "1")
        merged = rows("pr", "list", "--state", "merged", "--json", "number,headRefName")
        assert {pull["headRefName"] for pull in merged} == {f"ao/{n}" for n in range(1, 6)}
        number = str(merged[0]["number"])
        assert "MERGED" in gh("pr", "view", number)
        assert "test\tpass" in gh("pr", "checks", number)
        runs = rows("run", "list", "--workflow", "ao-work.yml", "--json", "databaseId,displayTitle")
        assert any(run["displayTitle"] == "ao #1.1 queued" for run in runs)
        seen = gh("run", "view", str(runs[-1]["databaseId"]))
        assert "Publish" in seen

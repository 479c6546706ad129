"""Clients written by others: PyGithub and the GitHub CLI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from github import Auth, Github, GithubException, UnknownObjectException

from ao_actions.localgithub import seed
from ao_actions.localgithub.server import LocalGitHub

from .conftest import REPO, Hub

GH = shutil.which("gh", path=str(Path(sys.executable).parent)) or shutil.which("gh")


@pytest.fixture
def pygithub(hub: Hub) -> Iterator[Github]:
    client = Github(
        auth=Auth.Token(hub.token()),
        base_url=hub.server.api_url,
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )
    yield client
    client.close()


def test_pygithub_issues(hub: Hub, pygithub: Github) -> None:
    repo = pygithub.get_repo(REPO)
    assert pygithub.get_user().login == "octocat"
    made = [repo.create_issue(f"Issue {n}", labels=["bug"]) for n in range(35)]
    assert len(list(repo.get_issues(labels=["bug"]))) == 35
    issue = made[0]
    issue.create_comment("hello").edit("changed")
    issue.add_to_labels("ao:ready")
    issue.remove_from_labels("bug")
    issue.add_to_assignees("hubot")
    issue.edit(state="closed", state_reason="completed")
    again = repo.get_issue(issue.number)
    assert [label.name for label in again.labels] == ["ao:ready"]
    assert [comment.body for comment in again.get_comments()] == ["changed"]
    assert [event.event for event in again.get_timeline()][-2:] == ["assigned", "closed"]
    assert again.update() is False  # If-None-Match
    made[1].add_sub_issue(made[2].id)
    assert [each.number for each in made[1].get_sub_issues()] == [made[2].number]
    with pytest.raises(UnknownObjectException):
        repo.get_issue(999)


def test_pygithub_pull_request(hub: Hub, pygithub: Github) -> None:
    hub.commit("topic", notes__txt="one\ntwo\nthree\nfour\n")
    repo = pygithub.get_repo(REPO)
    pull = repo.create_pull(base="main", head="topic", title="P", body="text")
    assert (pull.mergeable, pull.mergeable_state) == (True, "clean")
    assert [file.filename for file in pull.get_files()] == ["notes.txt"]
    commit = pull.get_commits()[0]
    commit.create_status("success", context="ci")
    assert commit.get_combined_status().state == "success"
    comment = pull.create_review_comment("why?", commit, "notes.txt", line=4)
    pull.create_review_comment_reply(comment.id, "because")
    assert [each.body for each in pull.get_review_comments()] == ["why?", "because"]
    pull.create_review_request(reviewers=["hubot"])
    pull.add_to_labels("bug")
    pull.convert_to_draft()
    assert repo.get_pull(pull.number).draft is True
    pull.mark_ready_for_review()
    with pytest.raises(GithubException) as refused:
        repo.create_pull(base="main", head="topic", title="P")
    assert refused.value.status == 422
    assert pull.merge(merge_method="squash", sha=pull.head.sha).merged
    assert repo.get_pull(pull.number).merged_by.login == "octocat"


def test_pygithub_git_and_repository(hub: Hub, pygithub: Github) -> None:
    repo = pygithub.get_repo(REPO)
    tip = repo.get_branch("main").commit
    ref = repo.create_git_ref("refs/ao/x", tip.sha)
    commit = repo.create_git_commit("m", tip.commit.tree, [repo.get_git_commit(tip.sha)])
    ref.edit(commit.sha)
    assert repo.get_git_ref("ao/x").object.sha == commit.sha
    assert [each.ref for each in repo.get_git_matching_refs("ao/")] == ["refs/ao/x"]
    repo.create_file("dir/a.txt", "message", "text")
    file = repo.get_contents("dir/a.txt")
    assert not isinstance(file, list)
    assert file.decoded_content == b"text"
    repo.update_file("dir/a.txt", "again", "new", file.sha)
    assert repo.get_collaborator_permission("hubot") == "write"
    assert {each.login for each in repo.get_collaborators()} == {"octocat", "hubot"}
    hook = repo.create_hook("web", {"url": "http://127.0.0.1:9/"}, ["push"])
    assert [each.id for each in repo.get_hooks()] == [hook.id]
    query = "query($l:String!){user(login:$l){login}}"
    _, body = pygithub.requester.graphql_query(query, {"l": "hubot"})
    assert body["data"]["user"]["login"] == "hubot"


# -- gh


class Gh:
    """Runs the real gh, which believes in github.com, over the Unix socket."""

    def __init__(self, folder: Path, socket: Path, token: str) -> None:
        config = folder / f"gh-{token}"
        config.mkdir()
        (config / "config.yml").write_text(f"http_unix_socket: {socket}\n", encoding="utf-8")
        self._folder = folder
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GH_CONFIG_DIR": str(config),
            "GH_TOKEN": token,
            "GH_REPO": REPO,
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "GH_TELEMETRY": "false",
            "NO_COLOR": "1",
        }

    def __call__(self, *args: str, code: int = 0) -> str:
        done = subprocess.run(
            [str(GH), *args],
            env=self._env,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + (done.stderr if code else "")

    def json(self, *args: str) -> Any:
        return json.loads(self(*args))


@pytest.fixture
def socket_hub(tmp_path: Path) -> Iterator[tuple[LocalGitHub, Gh, Gh]]:
    assert GH is not None, "gh comes with the extra `test`"
    socket = tmp_path / "s"
    with LocalGitHub(tmp_path / "hub", actions=False, socket=socket) as server:
        world = server.world
        clients = []
        for login in ("octocat", "hubot"):
            world.add_user(login)
            clients.append(Gh(tmp_path, socket, world.add_token(login).value))
        repo = world.create_repository(REPO)
        repo.collaborators["hubot"] = "write"
        seed.commit_files(world, repo, {"a.txt": "1\n"}, "Initial commit")
        seed.commit_files(world, repo, {"a.txt": "1\n2\n"}, "Work", branch="topic")
        yield server, clients[0], clients[1]


def test_gh_issues(socket_hub: tuple[LocalGitHub, Gh, Gh]) -> None:
    _, gh, _ = socket_hub
    assert gh("api", "user", "--jq", ".login").strip() == "octocat"
    gh("issue", "create", "--title", "One", "--body", "text", "--label", "bug")
    gh("issue", "create", "--title", "Two", "--body", "", "--assignee", "@me")
    fields = "number,title,assignees"
    listed = gh.json("issue", "list", "--json", fields)
    assert [each["title"] for each in listed] == ["Two", "One"]
    assert listed[0]["assignees"][0]["login"] == "octocat"
    assert "One" in gh("issue", "list", "--search", "One label:bug")
    gh("issue", "edit", "1", "--add-label", "question", "--remove-label", "bug")
    gh("issue", "edit", "1", "--add-blocked-by", "2")
    gh("issue", "comment", "1", "--body", "hello")
    shown = gh.json("issue", "view", "1", "--json", "labels,comments,blockedBy,parent,subIssues")
    assert [each["name"] for each in shown["labels"]] == ["question"]
    assert [each["body"] for each in shown["comments"]] == ["hello"]
    assert [each["number"] for each in shown["blockedBy"]["nodes"]] == [2]
    assert "text" in gh("issue", "view", "1")
    gh("issue", "close", "1", "--reason", "not planned")
    assert gh.json("issue", "view", "1", "--json", "stateReason")["stateReason"] == "NOT_PLANNED"
    assert "Could not resolve" in gh("issue", "view", "99", code=1)
    pages = gh(
        "api", f"repos/{REPO}/issues?per_page=1&state=all", "--paginate", "--jq", ".[].number"
    )
    assert pages.split() == ["2", "1"]


def test_gh_pull_requests(socket_hub: tuple[LocalGitHub, Gh, Gh]) -> None:
    server, gh, other = socket_hub
    gh("pr", "create", "--title", "P", "--body", "text", "--head", "topic", "--base", "main")
    assert "P" in gh("pr", "list")
    assert "+2" in gh("pr", "diff", "1")
    gh("pr", "edit", "1", "--add-label", "bug", "--add-reviewer", "hubot")
    sha = server.world.ref_oid(REPO, "refs/heads/topic")
    status = f"repos/{REPO}/statuses/{sha}"
    gh("api", status, "-f", "state=failure", "-f", "context=ci")
    assert "fail" in gh("pr", "checks", "1", code=1)
    gh("api", status, "-f", "state=success", "-f", "context=ci")
    assert "pass" in gh("pr", "checks", "1")
    other("pr", "review", "1", "--approve")
    fields = "reviews,latestReviews,reviewDecision,statusCheckRollup,mergeStateStatus,files,commits"
    shown = gh.json("pr", "view", "1", "--json", f"{fields},closingIssuesReferences,headRefOid")
    assert shown["latestReviews"][0]["state"] == "APPROVED"
    assert (shown["mergeStateStatus"], shown["headRefOid"]) == ("CLEAN", sha)
    gh("pr", "merge", "1", "--squash")
    assert gh.json("pr", "view", "1", "--json", "state")["state"] == "MERGED"


def test_gh_labels(socket_hub: tuple[LocalGitHub, Gh, Gh]) -> None:
    _, gh, _ = socket_hub
    gh("label", "create", "ao:ready", "--color", "0e8a16")
    assert "already exists" in gh("label", "create", "ao:ready", code=1)
    assert "ao:ready" in gh("label", "list")


WORKFLOW = """
name: CI
on: workflow_dispatch
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: echo built-by-act
"""


def test_gh_runs_a_workflow(tmp_path: Path) -> None:
    assert GH is not None, "gh comes with the extra `test`"
    socket = tmp_path / "s"
    with LocalGitHub(tmp_path / "hub", socket=socket) as server:
        world = server.world
        world.add_user("octocat")
        gh = Gh(tmp_path, socket, world.add_token("octocat").value)
        repo = world.create_repository(REPO)
        seed.commit_files(world, repo, {".github/workflows/ci.yml": WORKFLOW}, "Add CI")
        world.drain()
        assert "CI" in gh("workflow", "list")
        gh("workflow", "run", "ci.yml")
        assert world.actions is not None
        assert world.actions.wait_idle(60)
        fields = "databaseId,status,conclusion,workflowName,headBranch"
        run = gh.json("run", "list", "--json", fields)[0]
        assert (run["status"], run["conclusion"]) == ("completed", "success")
        identity = str(run["databaseId"])
        assert "build" in gh("run", "view", identity)
        assert "built-by-act" in gh("run", "view", identity, "--log")

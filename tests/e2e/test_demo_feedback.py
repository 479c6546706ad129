"""The scenario `feedback`: what CI and people say of five pull requests, in real runs, and what
became of each word of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ao_actions.demo import feedback
from ao_actions.git import Git
from ao_actions.localgithub.model import PullRequest, Repository
from ao_actions.localgithub.server import LocalGitHub
from tests.e2e.conftest import ao

pytestmark = [pytest.mark.slow, pytest.mark.extra, pytest.mark.xdist_group("feedback")]
NAME = "acme/tally"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("feedback")
    done = ao("demo", "--scenario", "feedback", "--json", "--keep", "kept", cwd=folder)
    assert done.returncode == 0, done.stderr + done.stdout
    return folder / "kept", json.loads(done.stdout)


@pytest.fixture(scope="module")
def repo(played: tuple[Path, dict[str, Any]]) -> Iterator[Repository]:
    with LocalGitHub(played[0] / "github", actions=False) as hub:
        yield hub.world.repositories[NAME]


@pytest.fixture
def tasks(played: tuple[Path, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {task["title"]: task for task in played[1]["tasks"]}


@pytest.fixture
def git(played: tuple[Path, dict[str, Any]]) -> Git:
    return Git(played[0] / "github" / "git" / "acme" / "tally.git")


def pull_of(repo: Repository, task: dict[str, Any]) -> PullRequest:
    return repo.pulls[task["pull"]]


def test_every_attempt_has_the_reason_that_was_announced(
    tasks: dict[str, dict[str, Any]], played: tuple[Path, dict[str, Any]]
) -> None:
    told = {
        title: (
            task["phase"],
            [(a["reason"], a["outcome"], a["by_agent"]) for a in task["attempts"]],
        )
        for title, task in tasks.items()
    }
    review = ("changes_requested", "changes", True)
    assert told == {
        # flaky, red but not required, a stranger, a bot: nothing of it sends an agent
        feedback.MEDIAN: ("done", [("queued", "changes", True)]),
        feedback.MODE: (
            "done",
            [("queued", "changes", True), ("ci_failed", "changes", True), review],
        ),
        feedback.SPAN: (
            "done",
            [
                ("queued", "changes", True),
                review,
                ("changes_requested", "changes", False),
                ("changes_requested", "no_change", True),
            ],
        ),
        feedback.RUNNING: (
            "done",
            [("queued", "changes", True), ("conflicted", "changes", True), review, review],
        ),
        feedback.RATIO: (
            "withdrawn",
            [("queued", "no_change", True), ("queued", "changes", True)],
        ),
    }
    assert played[1]["agent_attempts"] == {
        "queued": 6,
        "ci_failed": 1,
        "conflicted": 1,
        "changes_requested": 5,
    }
    assert played[1]["duplicates"] == 0


def test_every_word_of_the_maintainer_is_handled_once(
    tasks: dict[str, dict[str, Any]], repo: Repository
) -> None:
    for title, task in tasks.items():
        said = Counter(key.split(":")[0] for key in task["handled"])
        assert len(task["handled"]) == len(set(task["handled"])), title
        pull, issue = pull_of(repo, task), repo.issues[task["issue"]]
        comments = [
            c for c in (*issue.comments, *repo.issues[pull.number].comments) if c.user == "maya"
        ]
        commands = [c for c in comments if c.body.startswith("/ao")]
        assert said["thread"] == len(pull.threads), title
        assert said["comment"] == len(comments) - len(commands), title
        assert said["command"] == len(commands), title
        words = [r for r in pull.reviews if r.user == "maya" and r.body and r.state != "APPROVED"]
        assert said["review"] == len(words), title


def test_each_thread_has_one_answer(repo: Repository) -> None:
    for pull in repo.pulls.values():
        for thread in pull.threads:
            asked, answer = (c for c in pull.review_comments if c.thread_id == thread.id)
            assert asked.user == "maya"
            assert answer.body.startswith("<!-- ao:reply thread:")


def test_a_failure_by_chance_is_run_once_more_and_no_more(
    tasks: dict[str, dict[str, Any]], repo: Repository
) -> None:
    by_chance = tasks[feedback.MEDIAN]["reruns"]
    assert [(rerun["checks"], rerun["asked"]) for rerun in by_chance] == [(["test"], 1)]
    (real,) = tasks[feedback.MODE]["reruns"]
    assert real["checks"] == ["test"]
    ci = [run for run in repo.runs if run.path.endswith("ci.yml")]
    assert sorted(run.run_attempt for run in ci if run.run_attempt > 1) == [2, 2]


def test_strangers_and_bots_change_nothing(
    tasks: dict[str, dict[str, Any]], repo: Repository
) -> None:
    task = tasks[feedback.MEDIAN]
    pull = pull_of(repo, task)
    reactions = {(r["to"], r["content"]) for r in task["reactions"]}
    assert reactions == {("/ao stop", "confused"), ("/ao why", "eyes")}
    answers = [reply["body"] for reply in task["replies"]]
    assert len(answers) == 2  # to `/ao why`, and one polite word to the stranger
    assert sum(f"@{feedback.STRANGER}" in body for body in answers) == 1
    assert {review.user for review in pull.reviews} == {"maya", feedback.BOT}


def test_several_reviews_in_a_row_are_one_attempt(
    tasks: dict[str, dict[str, Any]], git: Git
) -> None:
    tests = git.run("show", f"{tasks[feedback.MODE]['attempts'][-1]['head']}:tests/test_mode.py")
    for wanted in ("mode([5]) == 5", "mode([-1, -1, 2]) == -1", "mode([0.5]) == 0.5"):
        assert f"assert {wanted}" in tests


def test_a_suggestion_is_applied_to_the_letter_and_a_question_makes_no_commit(
    tasks: dict[str, dict[str, Any]], git: Git, repo: Repository
) -> None:
    task = tasks[feedback.SPAN]
    _, mended, applied, answered = task["attempts"]
    shown = git.run("diff", "--unified=0", mended["head"], applied["head"])
    changed = [line for line in shown.splitlines() if line[:1] in "+-" and line[1:2] not in "+-"]
    assert [line[1:] for line in changed if line[0] == "+"] == [feedback.SUGGESTION]
    assert answered["head"] is None
    assert pull_of(repo, task).head_sha == applied["head"]
    (reply,) = (r["body"] for r in task["replies"] if "built-ins" in r["body"])
    assert "Nothing was changed." in reply


def test_what_a_human_did_is_still_there(
    tasks: dict[str, dict[str, Any]], git: Git, repo: Repository
) -> None:
    task = tasks[feedback.RUNNING]
    _, merged, _, last = task["attempts"]
    assert len(git.run("rev-list", "--parents", "-1", merged["head"]).split()) == 3
    readme = git.run("show", f"{merged['head']}:README.md")
    assert "`tally.median` is new." in readme
    assert "`tally.running` is new." in readme
    # the last attempt stands on the maintainer's own commit
    assert git.run("log", "-1", "--format=%an", f"{last['head']}^").strip() == "maya"
    assert "not rounded" in git.run("show", f"{last['head']}:NOTES.md")
    # closed by a human: neither opened again, nor its branch touched
    ratio = tasks[feedback.RATIO]
    closed = pull_of(repo, ratio)
    assert not closed.merged
    assert repo.issues[closed.number].state == "closed"
    assert [p.number for p in repo.pulls.values() if p.head_ref == closed.head_ref] == [
        closed.number
    ]
    assert closed.head_sha == ratio["attempts"][-1]["head"]


def test_nothing_is_begun_while_it_is_paused(
    tasks: dict[str, dict[str, Any]], repo: Repository
) -> None:
    task = tasks[feedback.RUNNING]
    pull = pull_of(repo, task)
    said = {c.body.split()[1]: c for c in repo.issues[pull.number].comments if c.user == "maya"}
    assert {c.content for word in said.values() for c in word.reactions} == {"+1"}
    between = [
        run
        for run in repo.runs
        if run.path.endswith("ao-work.yml")
        and run.inputs["task"] == str(task["issue"])
        and said["pause"].created_at < run.created_at < said["resume"].created_at
    ]
    assert between == []

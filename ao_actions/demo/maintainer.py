"""The demo's scripted maintainer: for each issue a list of moves, by default to approve and merge.

It acts as a person would, through the API with a token of its own: a move is made when what it
waits for is to be seen on GitHub.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from ao_actions.localgithub.model import Comment, Issue, PullRequest, Repository
from ao_actions.localgithub.server import LocalGitHub

LOGIN = "maya"
PAUSE = 0.15
SETTLED = 180  # seconds after which nobody adds to a review any more


@dataclass(slots=True)
class Hands:
    """What a person can do to a task's issue and pull request."""

    hub: LocalGitHub
    issue: int
    pull: int
    head: str
    api: httpx.Client

    def approve(self) -> bool:
        """Approve and merge; False if it cannot be merged (yet)."""
        self.review("APPROVE")
        wanted = {"sha": self.head, "merge_method": "squash"}
        return self.api.put(f"pulls/{self.pull}/merge", json=wanted).is_success

    def review(self, event: str = "COMMENT", *, body: str = "", **lines: tuple[int, str]) -> bool:
        """A review with inline comments: by file name without its ending, line and text."""
        files = [file["filename"] for file in self.api.get(f"pulls/{self.pull}/files").json()]
        comments = [
            {"path": path, "line": line, "side": "RIGHT", "body": text}
            for name, (line, text) in lines.items()
            for path in files
            if path.rsplit("/", 1)[-1] == f"{name}.py"
        ]
        review = {"event": event, "commit_id": self.head, "body": body, "comments": comments}
        return self._send("POST", f"pulls/{self.pull}/reviews", review)

    def say(self, body: str) -> bool:
        return self._send("POST", f"issues/{self.pull or self.issue}/comments", {"body": body})

    def clarify(self, more: str) -> bool:
        """Add a sentence to the issue."""
        body = self.api.get(f"issues/{self.issue}").json()["body"]
        return self._send("PATCH", f"issues/{self.issue}", {"body": f"{body} {more}"})

    def commit(self, path: str, text: str) -> bool:
        """A commit of one's own on the branch of the pull request."""
        branch = self.api.get(f"pulls/{self.pull}").json()["head"]["ref"]
        content = base64.b64encode(text.encode()).decode()
        change = {"message": f"Add {path}", "content": content, "branch": branch}
        return self._send("PUT", f"contents/{path}", change)

    def mergeable(self) -> bool:
        """Whether it has no conflict with its base."""
        return self.api.get(f"pulls/{self.pull}").json()["mergeable"] is True

    def close(self) -> bool:
        return self._send("PATCH", f"pulls/{self.pull}", {"state": "closed"})

    def like(self, login: str) -> Hands:
        """The hands of somebody else."""
        token = self.hub.world.add_token(login).value
        headers = {"Authorization": f"Bearer {token}"}
        api = httpx.Client(base_url=self.api.base_url, headers=headers, timeout=30)
        return Hands(self.hub, self.issue, self.pull, self.head, api)

    def _send(self, verb: str, path: str, body: dict[str, Any]) -> bool:
        self.api.request(verb, path, json=body).raise_for_status()
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the maintainer sees of a task, and when they last did something there (`head`: the
    pull request's commit then)."""

    repo: Repository
    issue: Issue
    pull: PullRequest | None
    now: datetime
    since: datetime
    head: str

    def said(self) -> list[Comment]:
        """The newest last, of issue and pull request."""
        numbers = [self.issue.number, *([self.pull.number] if self.pull else [])]
        return [said for number in numbers for said in self.repo.issues[number].comments]


@dataclass(frozen=True, slots=True)
class Move:
    """`when` it is made, and `what` is done (False: it could not be); `told` to the audience."""

    when: Callable[[View], bool]
    what: Callable[[Hands], bool]
    told: str


def asked(view: View) -> bool:
    """The maintainer's review is wanted, of a commit that is new to them."""
    pull = view.pull
    return pull is not None and LOGIN in pull.requested_reviewers and pull.head_sha != view.head


def labelled(label: str) -> Callable[[View], bool]:
    return lambda view: label in view.issue.labels


def an_hour_later(view: View) -> bool:
    return (view.now - view.since).total_seconds() >= 3600


def both(*conditions: Callable[[View], bool]) -> Callable[[View], bool]:
    return lambda view: all(condition(view) for condition in conditions)


APPROVE = Move(asked, Hands.approve, "approves and merges")


@dataclass(slots=True)
class _Task:
    """How far the maintainer is with one."""

    moves: tuple[Move, ...]
    since: datetime
    made: int = 0
    head: str = ""

    @property
    def next(self) -> Move:
        return self.moves[min(self.made, len(self.moves) - 1)]


@dataclass(slots=True)
class Maintainer:
    """`script`: the moves for an issue, by its title. The last one is made as often as it can."""

    hub: LocalGitHub
    repository: str
    token: str
    say: Callable[[str], None]
    script: Mapping[str, tuple[Move, ...]] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _tasks: dict[int, _Task] = field(default_factory=dict)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="maintainer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        base = f"{self.hub.api_url}/repos/{self.repository}/"
        with httpx.Client(base_url=base, headers=headers, timeout=30) as api:
            while not self._stop.wait(PAUSE):
                for run_id in self._waiting():
                    api.post(f"actions/runs/{run_id}/approve").raise_for_status()
                    self.say("the maintainer approves CI on what the agent wrote")
                for view in self._due():
                    self._make(view, api)

    def _waiting(self) -> list[int]:
        """Runs that wait for approval, because a GITHUB_TOKEN opened their pull request."""
        with self.hub.world.lock:
            repo: Repository = self.hub.world.repositories[self.repository]
            return [run.id for run in repo.runs if run.conclusion == "action_required"]

    def _due(self) -> list[View]:
        """The tasks in which the next move is to be made now."""
        world = self.hub.world
        with world.lock:
            repo: Repository = world.repositories[self.repository]
            issues = [issue for issue in repo.issues.values() if not issue.is_pull]
            views = [self._view(repo, issue) for issue in issues if issue.state == "open"]
            return [view for view in views if self._tasks[view.issue.number].next.when(view)]

    def _view(self, repo: Repository, issue: Issue) -> View:
        now = self.hub.world.clock.now()
        moves = self.script.get(issue.title, (APPROVE,))
        task = self._tasks.setdefault(issue.number, _Task(moves, since=now))
        pulls = [
            pull
            for pull in repo.pulls.values()
            if re.match(rf"ao/{issue.number}(-|$)", pull.head_ref)
            and repo.issues[pull.number].state == "open"
        ]
        pull = pulls[-1] if pulls else None
        return View(repo=repo, issue=issue, pull=pull, now=now, since=task.since, head=task.head)

    def _make(self, view: View, api: httpx.Client) -> None:
        task, pull = self._tasks[view.issue.number], view.pull
        number, head = (pull.number, pull.head_sha) if pull else (0, "")
        hands = Hands(self.hub, view.issue.number, number, head, api)
        move = task.next
        if not move.what(hands):
            return
        task.made, task.head, task.since = task.made + 1, head, view.now
        self.say(f"the maintainer {move.told} (#{number or view.issue.number})")
        # nobody adds to it: what a pass waits for is over at once
        self.hub.world.clock.advance(SETTLED)

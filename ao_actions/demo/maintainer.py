"""The demo's scripted maintainer: reviews when asked to, merges what is approved.

It acts as a person would, through the API with a token of its own, and only when the factory
has asked for its review.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from ao_actions.localgithub.model import PullRequest, Repository
from ao_actions.localgithub.server import LocalGitHub

LOGIN = "maya"
PAUSE = 0.15
SETTLED = 180  # seconds after which nobody adds to a review any more


@dataclass(slots=True)
class Maintainer:
    """`remark`: path and text of an inline comment, once, on the pull request that has the file."""

    hub: LocalGitHub
    repository: str
    token: str
    say: Callable[[str], None]
    remark: tuple[str, str] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _reviewed: set[tuple[int, str]] = field(default_factory=set)
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
                    self._post(api, f"actions/runs/{run_id}/approve", {})
                    self.say("the maintainer approves CI on what the agent wrote")
                for number, head in self._asked():
                    self._review(api, number, head)

    def _waiting(self) -> list[int]:
        """Runs that wait for approval, because a GITHUB_TOKEN opened their pull request."""
        with self.hub.world.lock:
            repo: Repository = self.hub.world.repositories[self.repository]
            return [run.id for run in repo.runs if run.conclusion == "action_required"]

    def _asked(self) -> list[tuple[int, str]]:
        """Open pull requests that wait for this person, at a head not looked at yet."""
        with self.hub.world.lock:
            repo: Repository = self.hub.world.repositories[self.repository]
            waiting = [pull for pull in repo.pulls.values() if self._waits(repo, pull)]
            return [(pull.number, pull.head_sha) for pull in waiting]

    def _waits(self, repo: Repository, pull: PullRequest) -> bool:
        is_open = repo.issues[pull.number].state == "open"
        new = (pull.number, pull.head_sha) not in self._reviewed
        return is_open and new and LOGIN in pull.requested_reviewers

    def _review(self, api: httpx.Client, number: int, head: str) -> None:
        self._reviewed.add((number, head))
        files = {file["filename"] for file in api.get(f"pulls/{number}/files").json()}
        if self.remark and self.remark[0] in files:
            path, text = self.remark
            self.remark = None
            comment = {"path": path, "line": 4, "side": "RIGHT", "body": text}
            self._post(
                api,
                f"pulls/{number}/reviews",
                {"event": "REQUEST_CHANGES", "commit_id": head, "comments": [comment]},
            )
            self.say(f"the maintainer asks for a change to #{number}")
            # nobody adds to it: what a pass waits for is over at once
            self.hub.world.clock.advance(SETTLED)
            return
        self._post(api, f"pulls/{number}/reviews", {"event": "APPROVE", "commit_id": head})
        merged = api.put(f"pulls/{number}/merge", json={"sha": head, "merge_method": "squash"})
        if merged.is_success:
            self.say(f"the maintainer approves and merges #{number}")
        else:
            self.say(f"#{number} cannot be merged: {merged.json().get('message')}")
            self._reviewed.discard((number, head))

    def _post(self, api: httpx.Client, path: str, body: dict[str, Any]) -> None:
        api.post(path, json=body).raise_for_status()

"""Somebody acting in a repository: who, where, and how others hear of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ao_actions.localgithub import merging
from ao_actions.localgithub.access import Viewer, granted, has_role
from ao_actions.localgithub.bare import Bare, Person
from ao_actions.localgithub.model import Event, Issue, Repository, TimelineEvent
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire import issues as issue_wire
from ao_actions.localgithub.wire import pulls as pull_wire
from ao_actions.localgithub.world import World


@dataclass(frozen=True, slots=True)
class Turn:
    world: World
    repo: Repository
    viewer: Viewer

    @property
    def login(self) -> str:
        return self.viewer.login

    @property
    def now(self) -> datetime:
        return self.world.now()

    @property
    def bare(self) -> Bare:
        return self.world.bare(self.repo)

    @property
    def wire(self) -> core.Wire:
        return core.of(self.world)

    def can(self, scope: str) -> bool:
        """Whether a person could push, or a job or app token has `scope` to write."""
        token = self.viewer.token
        if token is not None and self.viewer.is_integration:
            return granted(token, scope) == "write"
        return has_role(self.repo, self.login, "triage" if scope == "issues" else "write")

    def author(self) -> Person:
        """How GitHub signs commits that it makes for this account."""
        user = self.viewer.user
        email = user.email or f"{user.id}+{user.login}@users.noreply.github.com"
        return Person(user.name or user.login, email, self.now)

    def note(self, issue: Issue, event: str, **details: Any) -> None:
        """Adds an entry to the timeline of an issue or pull request."""
        identity = self.world.next_id()
        issue.timeline.append(TimelineEvent(identity, event, self.login, self.now, **details))
        issue.updated_at = self.now

    def emit(
        self,
        name: str,
        action: str | None,
        content: dict[str, Any],
        *,
        ref: str | None = None,
        sha: str | None = None,
        pull_number: int | None = None,
    ) -> None:
        """Posts a webhook event. Without a ref it is one of the default branch."""
        if ref is None:
            ref = f"refs/heads/{self.repo.default_branch}"
            sha = self.bare.ref(ref)
        payload: dict[str, Any] = {"action": action} if action else {}
        payload |= content
        payload["repository"] = core.repository(self.wire, self.repo)
        payload["sender"] = core.user(self.wire, self.login)
        self.world.save()
        self.world.emit(
            Event(
                name=name,
                action=action,
                repository=self.repo.full_name,
                actor=self.login,
                payload=payload,
                caused_by=self.viewer.kind,
                ref=ref,
                sha=sha,
                pull_number=pull_number,
            )
        )

    def emit_issue(self, issue: Issue, action: str, **content: Any) -> None:
        """`issues` or `pull_request`, whichever the number is."""
        if issue.is_pull:
            self.emit_pull("pull_request", action, issue.number, **content)
        else:
            shown = issue_wire.issue(self.wire, self.repo, issue)
            self.emit("issues", action, {"issue": shown, **content})

    def emit_pull(self, name: str, action: str, number: int, **content: Any) -> None:
        """An event of a pull request: its runs check out the test merge, if there is one."""
        pull = self.repo.pulls[number]
        open_now = self.repo.issues[number].state == "open"
        oid = merging.test_merge(self.world, self.repo, pull).oid if open_now else None
        render = pull_wire.full_pull if name == "pull_request" else pull_wire.pull
        shown = render(self.wire, self.repo, pull)
        if name == "pull_request":
            content = {"number": number, **content}
        self.emit(
            name,
            action,
            {**content, "pull_request": shown},
            ref=f"refs/pull/{number}/merge",
            sha=oid,
            pull_number=number,
        )

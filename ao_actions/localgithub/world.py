"""Everything that the local GitHub knows: records in memory, git in bare repositories."""

from __future__ import annotations

import queue
import re
import secrets
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from ao_actions.localgithub import store
from ao_actions.localgithub.bare import Bare
from ao_actions.localgithub.model import (
    App,
    Event,
    Label,
    Repository,
    Token,
    TokenKind,
    User,
    Workflow,
    WorkflowRun,
)

ACTIONS_BOT = "github-actions[bot]"

# GitHub gives every new repository these (docs, "Managing labels": default labels).
DEFAULT_LABELS = (
    ("bug", "d73a4a", "Something isn't working"),
    ("documentation", "0075ca", "Improvements or additions to documentation"),
    ("duplicate", "cfd3d7", "This issue or pull request already exists"),
    ("enhancement", "a2eeef", "New feature or request"),
    ("good first issue", "7057ff", "Good for newcomers"),
    ("help wanted", "008672", "Extra attention is needed"),
    ("invalid", "e4e669", "This doesn't seem right"),
    ("question", "d876e3", "Further information is requested"),
    ("wontfix", "ffffff", "This will not be worked on"),
)

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")


class Clock:
    """Real time plus an offset that tests move."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self.on_advance: list[Callable[[], None]] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)
        for observer in list(self.on_advance):
            observer()


class ActionsPort(Protocol):
    """What the API and tests ask of the Actions service."""

    def dispatch(
        self,
        repo: Repository,
        workflow: Workflow,
        ref: str,
        inputs: dict[str, Any],
        actor: str,
    ) -> WorkflowRun: ...

    def rerun(
        self,
        repo: Repository,
        run: WorkflowRun,
        failed_only: bool,  # noqa: FBT001 - the interface's shape
        actor: str,
    ) -> None: ...

    def cancel(self, repo: Repository, run: WorkflowRun) -> None: ...

    def approve(self, repo: Repository, run: WorkflowRun, actor: str) -> None: ...

    def job_log(self, repo: Repository, job_id: int) -> str: ...

    def wait_idle(self, timeout: float) -> bool: ...

    def close(self) -> None: ...


@dataclass
class _State:
    """What is written to world.json."""

    last_id: int = 1000
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)


class World:
    """The records, the bare repositories beside them, and the events that changes cause."""

    def __init__(self, root: Path, state: _State, clock: Clock) -> None:
        self.root = root
        self.clock = clock
        self.lock = threading.RLock()
        self.requests: dict[str, int] = {"rest": 0, "graphql": 0, "git": 0}
        self.base_url = "http://127.0.0.1"
        self.actions: ActionsPort | None = None
        # by repository: secrets that are somebody's and that no file of ours is to hold
        self.passing_secrets: dict[str, dict[str, str]] = {}
        # (repository, pull) -> ((head, base), merge commit or None): known test merges
        self.test_merges: dict[tuple[str, int], tuple[tuple[str, str | None], str | None]] = {}
        self._state = state
        self._saver = store.Saver(root / "world.json", self._render)
        self._events = _Dispatcher()

    @classmethod
    def open(cls, root: Path, clock: Clock | None = None) -> World:
        for folder in ("git", "artifacts", "logs"):
            (root / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        file = root / "world.json"
        state = _State()
        if file.exists():
            state = store.loads(_State, file.read_text(encoding="utf-8"))
        world = cls(root, state, clock or Clock())
        if ACTIONS_BOT not in world.users:
            world.add_user(ACTIONS_BOT, type="Bot")
        return world

    @property
    def users(self) -> dict[str, User]:
        return self._state.users

    @property
    def tokens(self) -> dict[str, Token]:
        return self._state.tokens

    @property
    def apps(self) -> dict[str, App]:
        return self._state.apps

    @property
    def repositories(self) -> dict[str, Repository]:
        return self._state.repositories

    # -- persistence

    def _render(self) -> str:
        with self.lock:
            return store.dumps(self._state)

    def save(self) -> None:
        """Marks the world as changed; a thread writes it within a second."""
        self._saver.mark()

    def close(self) -> None:
        self._events.close()
        self._saver.close()

    # -- records

    def next_id(self) -> int:
        with self.lock:
            self._state.last_id += 1
            return self._state.last_id

    def now(self) -> datetime:
        return self.clock.now()

    def user(self, login: str) -> User:
        """The user of that login; one who is gone is shown as GitHub's `ghost`."""
        return self.users.get(login) or User(id=10137, login="ghost")

    def add_user(
        self,
        login: str,
        type: Literal["User", "Bot", "Organization"] = "User",  # noqa: A002 - GitHub's word
        *,
        name: str | None = None,
        email: str | None = None,
    ) -> User:
        with self.lock:
            user = User(id=self.next_id(), login=login, type=type, name=name, email=email)
            self.users[login] = user
            self.save()
            return user

    def add_token(
        self,
        login: str,
        value: str | None = None,
        *,
        kind: TokenKind = "user",
        repository: str | None = None,
        permissions: dict[str, str] | None = None,
        run_id: int | None = None,
        job_id: int | None = None,
        expires_at: datetime | None = None,
    ) -> Token:
        prefix = "ghp_" if kind == "user" else "ghs_"
        token = Token(
            value=value or prefix + secrets.token_hex(18),
            login=login,
            kind=kind,
            repository=repository,
            permissions=dict(permissions or {}),
            run_id=run_id,
            job_id=job_id,
            expires_at=expires_at,
        )
        with self.lock:
            self.tokens[token.value] = token
            self.save()
        return token

    def remove_token(self, value: str) -> None:
        with self.lock:
            self.tokens.pop(value, None)
            self.save()

    def add_app(self, slug: str, *, permissions: dict[str, str] | None = None) -> App:
        """A GitHub App, installed on every repository; acts as `slug[bot]`."""
        with self.lock:
            app = App(
                id=self.next_id(),
                slug=slug,
                client_id=f"Iv23li{secrets.token_hex(7)}",
                permissions=permissions
                or {"contents": "write", "pull_requests": "write", "metadata": "read"},
            )
            self.apps[slug] = app
            self.add_user(f"{slug}[bot]", type="Bot")
            return app

    def create_repository(
        self,
        full_name: str,
        *,
        private: bool = False,
        description: str | None = None,
        default_branch: str = "main",
        default_labels: bool = True,
    ) -> Repository:
        """The record and an empty bare repository. The owner is made if need be."""
        if not _NAME.fullmatch(full_name) or ".." in full_name:
            raise ValueError(f"not a repository name: {full_name!r}")
        owner, name = full_name.split("/")
        with self.lock:
            if full_name in self.repositories:
                raise ValueError(f"repository {full_name} exists")
            if owner not in self.users:
                self.add_user(owner)
            repo = Repository(
                id=self.next_id(),
                owner=owner,
                name=name,
                created_at=self.now(),
                private=private,
                description=description,
                default_branch=default_branch,
                collaborators={owner: "admin"},
            )
            if default_labels:
                repo.labels = [Label(self.next_id(), *label) for label in DEFAULT_LABELS]
            self.bare(repo).init(default_branch)
            self.repositories[full_name] = repo
            self.save()
            return repo

    # -- git

    def git_dir(self, full_name: str) -> Path:
        return self.root / "git" / f"{full_name}.git"

    def bare(self, repo: Repository) -> Bare:
        return Bare(self.git_dir(repo.full_name))

    def git(self, full_name: str, *args: str, input: bytes | None = None) -> str:  # noqa: A002
        """Runs git in the bare repository; its output as it is, undecodable bytes kept."""
        return Bare(self.git_dir(full_name)).text(*args, stdin=input)

    def ref_oid(self, full_name: str, ref: str) -> str | None:
        return Bare(self.git_dir(full_name)).ref(ref)

    # -- events

    def emit(self, event: Event) -> None:
        self._events.put(event)

    def subscribe(self, callback: Callable[[Event], None]) -> None:
        self._events.subscribers.append(callback)

    def drain(self) -> None:
        self._events.drain()


class _Dispatcher:
    """Delivers events in order on its own thread, so that no subscriber runs under the lock."""

    def __init__(self) -> None:
        self.subscribers: list[Callable[[Event], None]] = []
        self._queue: queue.Queue[Event | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="localgithub-events", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        self._queue.put(event)

    def _run(self) -> None:
        while True:
            event = self._queue.get()
            try:
                if event is None:
                    return
                for subscriber in list(self.subscribers):
                    self._deliver(subscriber, event)
            finally:
                self._queue.task_done()

    @staticmethod
    def _deliver(subscriber: Callable[[Event], None], event: Event) -> None:
        # one subscriber's fault must not keep the event from the others, nor stay unseen
        try:
            subscriber(event)
        except Exception:  # noqa: BLE001
            traceback.print_exc(file=sys.stderr)

    def drain(self) -> None:
        if threading.current_thread() is not self._thread:
            self._queue.join()

    def close(self) -> None:
        self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

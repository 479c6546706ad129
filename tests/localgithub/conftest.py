"""A local GitHub with two people and a repository, and clients for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ao_actions.localgithub import seed
from ao_actions.localgithub.model import Repository
from ao_actions.localgithub.server import LocalGitHub

REPO = "octocat/hello"
GIT_ENV = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Octo Cat",
    "GIT_AUTHOR_EMAIL": "octo@example.com",
    "GIT_COMMITTER_NAME": "Octo Cat",
    "GIT_COMMITTER_EMAIL": "octo@example.com",
}


@dataclass
class Api:
    """A credential's client: `api.get("issues")` is below the repository, "/user" is not."""

    client: httpx.Client

    def send(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        url = path if path.startswith("/") else f"/repos/{REPO}/{path}"
        return self.client.request(method, url.rstrip("/"), json=json, **options)

    def get(self, path: str = "", **options: Any) -> httpx.Response:
        return self.send("GET", path, **options)

    def post(self, path: str, **json: Any) -> httpx.Response:
        return self.send("POST", path, json)

    def put(self, path: str, **json: Any) -> httpx.Response:
        return self.send("PUT", path, json)

    def patch(self, path: str, **json: Any) -> httpx.Response:
        return self.send("PATCH", path, json)

    def delete(self, path: str) -> httpx.Response:
        return self.send("DELETE", path)


@dataclass
class Hub:
    server: LocalGitHub
    clients: list[httpx.Client]

    @property
    def repo(self) -> Repository:
        return self.server.world.repositories[REPO]

    def api(self, token: str | None) -> Api:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.server.api_url, headers=headers, trust_env=False)
        self.clients.append(client)
        return Api(client)

    def token(self, login: str = "octocat", **options: Any) -> str:
        return self.server.world.add_token(login, **options).value

    def job(self, **permissions: str) -> str:
        """A GITHUB_TOKEN of the repository with those permissions."""
        scopes = {name.replace("_", "-"): level for name, level in permissions.items()}
        options = {"kind": "job", "repository": REPO, "permissions": scopes}
        return self.token("github-actions[bot]", **options)

    def remote(self, token: str | None, name: str = REPO) -> str:
        user = f"x-access-token:{token}@" if token else ""
        return f"{self.server.url.replace('://', f'://{user}')}/{name}.git"

    def commit(self, branch: str, **files: str) -> str:
        """Commits files on a branch, as the owner; names' `__` is `.`."""
        named = {name.replace("__", "."): text for name, text in files.items()}
        return seed.commit_files(
            self.server.world, self.repo, named, f"Change {', '.join(named)}", branch=branch
        )

    def graphql(self, token: str, query: str, **variables: Any) -> dict[str, Any]:
        api = self.api(token)
        reply = api.client.post(
            self.server.graphql_url, json={"query": query, "variables": variables}
        )
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body


@dataclass
class Clone:
    """A working copy, used by the real git."""

    path: Path

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *args],
            cwd=self.path,
            env=os.environ | GIT_ENV,
            capture_output=True,
            text=True,
            check=False,
        )

    def git(self, *args: str) -> str:
        done = self.run(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, path: str, text: str) -> str:
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        self.git("add", path)
        self.git("commit", "-qm", f"Change {path}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with LocalGitHub(tmp_path / "hub", actions=False) as server:
        world = server.world
        for login in ("octocat", "hubot", "stranger"):
            world.add_user(login, email=f"{login}@example.com")
        repo = world.create_repository(REPO)
        repo.collaborators["hubot"] = "write"
        files = {"README.md": "# hello\n", "notes.txt": "one\ntwo\nthree\n"}
        seed.commit_files(world, repo, files, "Initial commit")
        running = Hub(server, [])
        yield running
        for client in running.clients:
            client.close()


@pytest.fixture
def octocat(hub: Hub) -> Api:
    return hub.api(hub.token())


@pytest.fixture
def hubot(hub: Hub) -> Api:
    return hub.api(hub.token("hubot"))


def clone(hub: Hub, token: str | None, path: Path) -> Clone:
    subprocess.run(
        ["git", "clone", "-q", hub.remote(token), str(path)],
        env=os.environ | GIT_ENV,
        check=True,
        capture_output=True,
    )
    return Clone(path)


@pytest.fixture
def work(hub: Hub, tmp_path: Path) -> Clone:
    return clone(hub, hub.token(), tmp_path / "work")

"""Webhooks, seeds and the command."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from ao_actions.localgithub import seed
from ao_actions.localgithub.server import LocalGitHub, PortTakenError
from ao_actions.localgithub.world import Clock, World

from .conftest import Api, Hub


class Receiver(ThreadingHTTPServer):
    daemon_threads = True
    received: list[tuple[dict[str, str], bytes]]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        assert isinstance(server, Receiver)
        server.received.append((dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(("127.0.0.1", 0), _Handler) as server:
        server.received = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_signed_deliveries(hub: Hub, octocat: Api, receiver: Receiver) -> None:
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    config = {"url": url, "content_type": "json", "secret": "s3cret"}
    octocat.post("hooks", config=config, events=["issues"])
    octocat.post("issues", title="Hook me", labels=["bug"])
    hub.server.webhooks.drain()
    events = [(each["X-GitHub-Event"], json.loads(body)) for each, body in receiver.received]
    assert [(name, body["action"]) for name, body in events] == [
        ("issues", "opened"),
        ("issues", "labeled"),
    ]
    assert events[1][1]["label"]["name"] == "bug"
    assert events[0][1]["sender"]["login"] == "octocat"
    headers, body = receiver.received[0]
    digest = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={digest}"


SEED = """
users: [{login: octocat, email: o@example.com}, {login: hubot}]
tokens: [{value: ghp_seeded, login: octocat}]
apps: [{slug: factory}]
repositories:
  - name: octocat/hello
    private: true
    collaborators: {hubot: triage}
    files: {README.md: "# hi", run.sh: "echo hi"}
    labels: [{name: "ao:ready", color: "0e8a16"}]
    issues: [{title: It breaks, labels: [bug], user: hubot}]
    variables: {AO_STOP: 0}
    secrets: {KEY: abc}
    environments: [{name: models, secrets: {K: v}, branches: [main]}]
    protection: {main: {required_checks: [test]}}
"""


def test_seed(tmp_path: Path) -> None:
    file = tmp_path / "seed.yml"
    file.write_text(SEED, encoding="utf-8")
    world = World.open(tmp_path / "world")
    seed.load(world, file)
    repo = world.repositories["octocat/hello"]
    assert repo.issues[1].user == "hubot"
    assert repo.issues[1].labels == ["bug"]
    assert repo.variables == {"AO_STOP": "0"}
    modes = world.git("octocat/hello", "ls-tree", "main").split("\n")
    assert any(line.startswith("100755") and line.endswith("run.sh") for line in modes)
    world.close()
    again = World.open(tmp_path / "world")
    assert again.repositories["octocat/hello"] == repo
    assert again.tokens["ghp_seeded"].login == "octocat"
    again.close()


def test_unknown_seed_key(tmp_path: Path) -> None:
    file = tmp_path / "seed.yml"
    file.write_text("repositories: [{name: a/b, colour: red}]", encoding="utf-8")
    world = World.open(tmp_path / "world")
    with pytest.raises(ValueError, match="colour"):
        seed.load(world, file)
    world.close()


def test_port_in_use(tmp_path: Path) -> None:
    with LocalGitHub(tmp_path / "one", actions=False) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(PortTakenError, match=str(port)):
            LocalGitHub(tmp_path / "two", port=port, actions=False)


def test_clock_observers() -> None:
    clock = Clock()
    calls: list[str] = []
    clock.on_advance.append(lambda: calls.append("advanced"))
    before = clock.now()
    clock.advance(90)
    assert (clock.now() - before).total_seconds() >= 90
    assert calls == ["advanced"]


def test_serve_until_sigterm_and_again(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ao_actions.localgithub.serve import serve;"
        "serve(Path(sys.argv[1]), 0, None, Path(sys.argv[2]))"
    )
    titles = []
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "world"), str(tmp_path / "s")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("GH_CONFIG_DIR"):
                break
        api = next(line.split()[1] for line in lines if line.startswith("REST"))
        token = next(line.split()[1] for line in lines if line.startswith("octocat "))
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=api, headers=headers, trust_env=False) as client:
            made = client.post("/repos/octocat/hello/issues", json={"title": "x"})
        titles.append(made.json()["number"])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert titles == [1, 2]

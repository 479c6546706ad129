"""@octokit/rest, GitHub's own client for JavaScript, installed as the agents are."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ao_actions.agents.base import Program
from ao_actions.agents.install import NpmPackage, install

from .conftest import Hub

HERE = Path(__file__).parent / "octokit"
PIN = NpmPackage(
    agent="octokit-rest",
    version="22.0.1",
    program="@octokit/rest/dist-src/index.js",
    lock=HERE / "package-lock.json",
    node=(20,),
)


@pytest.fixture(scope="module")
def octokit() -> Program:
    repository = Path(__file__).parents[2]
    return install(PIN, Path(os.environ.get("AO_TEST_CACHE") or repository / ".cache" / "agents"))


def test_octokit(hub: Hub, octokit: Program) -> None:
    head = hub.commit("topic", notes__txt="one\ntwo\nthree\nfour\n")
    *node, module = octokit
    script = [*node, str(HERE / "client.mjs"), module]
    done = subprocess.run(
        [*script, hub.server.api_url, hub.token(), "octocat", "hello", head],
        env={"PATH": os.environ["PATH"], "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "me": "octocat",
        "listed": 35,
        "labels": ["ao:ready"],
        "assignees": ["hubot"],
        "comments": 1,
        "events": ["labeled", "labeled", "unlabeled", "assigned", "commented"],
        "mergeable": True,
        "files": ["notes.txt"],
        "diff": "diff --git a/notes.txt b/notes.txt",
        "status": "success",
        "merged": True,
        "refs": ["refs/ao/x"],
        "text": "one\ntwo\nthree\nfour\n",
        "viewer": "octocat",
        "failures": [
            ["HttpError", 404],
            ["HttpError", 422],
            ["GraphqlResponseError", None],
            ["HttpError", 304],
        ],
    }
    assert len(hub.repo.issues) == 36

"""Faults by rule: what the client sees, what the world has done, and how often each struck."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from ao_actions.localgithub.faults import ANSWERS, Faults
from ao_actions.localgithub.server import Fault

from .conftest import REPO, Api, Clone, Hub

POST = {"method": "POST", "path": f"/repos/{REPO}/issues"}
MUTATION = 'mutation($i: ID!) { addComment(input: {subjectId: $i, body: "x"}) { subject { id } } }'


def plan(hub: Hub, **rule: Any) -> Fault:
    fault = Fault(**rule)
    hub.server.app.faults.append(fault)
    return fault


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_answer_before_or_after_the_work(hub: Hub, octocat: Api, name: str, after: bool) -> None:  # noqa: FBT001
    fault = plan(hub, **POST, answer=name, after=after)
    answer = octocat.post("issues", title="One")
    status, body, _ = ANSWERS[name]
    assert (answer.status_code, answer.text) == (
        status,
        body if isinstance(body, str) else json.dumps(body),
    )
    assert len(hub.repo.issues) == int(after)
    assert octocat.post("issues", title="Two").status_code == 201
    assert (fault.fired, fault.seen) == (1, 2)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_connection_is_dropped(
    hub: Hub,
    octocat: Api,
    capfd: pytest.CaptureFixture[str],
    after: bool,  # noqa: FBT001
) -> None:
    plan(hub, **POST, drop=True, after=after)
    with pytest.raises(httpx.RemoteProtocolError):
        octocat.post("issues", title="One")
    assert len(hub.repo.issues) == int(after)
    assert octocat.get("issues").status_code == 200
    assert capfd.readouterr().err == ""


def test_a_body_is_cut_short(hub: Hub, octocat: Api, capfd: pytest.CaptureFixture[str]) -> None:
    plan(hub, **POST, cut=10)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        octocat.post("issues", title="One")
    assert len(hub.repo.issues) == 1
    assert capfd.readouterr().err == ""


def test_an_answer_is_late(hub: Hub, octocat: Api) -> None:
    plan(hub, **POST, latency=5.0)
    with pytest.raises(httpx.ReadTimeout):
        octocat.send("POST", "issues", {"title": "One"}, timeout=0.2)


@pytest.mark.parametrize("age", [{"stale_calls": 1}, {"stale_seconds": 60.0}])
def test_a_list_is_stale(hub: Hub, octocat: Api, age: dict[str, Any]) -> None:
    fault = plan(hub, method="GET", path=".*/issues", **age)
    assert octocat.get("issues").json() == []
    octocat.post("issues", title="One")
    hub.server.world.clock.advance(90)
    assert octocat.get("issues").json() == []
    assert len(octocat.get("issues").json()) == 1
    assert fault.fired == 1


def test_what_else_is_read_stays_whole_while_a_list_is_stale(hub: Hub, octocat: Api) -> None:
    """git's answers come as streams, and these are read for the rule."""
    plan(hub, method="GET", path=".*/issues", stale_calls=1)
    address = f"/{REPO}.git/info/refs?service=git-upload-pack"
    for _ in range(2):
        assert b"refs/heads/main" in octocat.client.get(f"{hub.server.url}{address}").content


def test_a_query_is_stale_and_a_mutation_never(hub: Hub, octocat: Api) -> None:
    node = octocat.post("issues", title="One").json()["node_id"]
    plan(hub, path="/graphql", stale_calls=1, times=None)
    query = "query Q($i: ID!) { node(id: $i) { ... on Issue { comments { totalCount } } } }"
    token = hub.token()
    counts = []
    for _ in range(3):
        counts.append(hub.graphql(token, query, i=node)["data"]["node"]["comments"]["totalCount"])
        hub.graphql(token, MUTATION, i=node)
    assert counts == [0, 0, 1]
    assert len(hub.repo.issues[1].comments) == 3


@pytest.mark.parametrize("operation", ["addComment", "mutation"])
def test_a_graphql_operation_fails(hub: Hub, octocat: Api, operation: str) -> None:
    node = octocat.post("issues", title="One").json()["node_id"]
    plan(hub, operation=operation, answer="resource-limits", after=True)
    token = hub.token()
    assert hub.graphql(token, "{ viewer { login } }")["data"]["viewer"]["login"] == "octocat"
    answer = hub.graphql(token, MUTATION, i=node)
    assert answer["errors"][0]["type"] == "RESOURCE_LIMITS_EXCEEDED"
    assert len(hub.repo.issues[1].comments) == 1


def test_the_nth_call_and_a_chance_that_repeats(hub: Hub, octocat: Api) -> None:
    plan(hub, method="GET", path=".*/labels", nth=3, status=500)
    assert [octocat.get("labels").status_code for _ in range(4)] == [200, 200, 500, 200]

    def drawn() -> list[int]:
        rule = Fault("GET", ".*/issues", 500, times=None, probability=0.5)
        hub.server.app.faults = Faults([rule], seed=3)
        return [octocat.get("issues").status_code for _ in range(12)]

    first = drawn()
    assert set(first) == {200, 500}
    assert drawn() == first


def test_a_reset_is_given_from_now(hub: Hub, octocat: Api) -> None:
    plan(hub, answer="primary-limit")
    answer = octocat.get("issues")
    reset = int(answer.headers["x-ratelimit-reset"])
    assert reset - int(hub.server.world.now().timestamp()) in range(3590, 3601)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
# libcurl sends a request once more when a connection that it used before is gone
@pytest.mark.parametrize("deed", [{"drop": True, "times": 2}, {"status": 503, "body": "no"}])
def test_a_push(hub: Hub, work: Clone, deed: dict[str, Any], after: bool) -> None:  # noqa: FBT001
    plan(hub, path=".*/git-receive-pack", after=after, **deed)
    commit = work.commit("new.txt", "new\n")
    before = hub.server.world.ref_oid(REPO, "refs/heads/main")
    assert work.run("push", "-q", "origin", "HEAD:main").returncode != 0
    now = hub.server.world.ref_oid(REPO, "refs/heads/main")
    assert now == (commit if after else before)
    hub.server.app.faults.clear()
    work.git("push", "-q", "origin", "HEAD:main")


@pytest.mark.parametrize("path", [".*/info/refs", ".*/git-upload-pack"])
@pytest.mark.parametrize("deed", [{"drop": True, "times": 2}, {"status": 429}, {"cut": 20}])
def test_a_fetch(hub: Hub, work: Clone, path: str, deed: dict[str, Any]) -> None:
    fault = plan(hub, path=path, **deed)
    hub.commit("more", a__txt="a\n")
    assert work.run("fetch", "-q", "origin", "more").returncode != 0
    hub.server.app.faults.clear()
    work.git("fetch", "-q", "origin", "more")
    assert fault.fired >= 1


BAD_FILES = {
    "[]": "must be",
    "{": "Expecting",
    '{"rules": [{"metod": "GET"}]}': "rule 1: metod; a rule has after",
    '{"rules": [{"status": 500}, {"answer": "unicorn"}]}': "rule 2: answer: 'unicorn' is none of",
    '{"rules": [{"path": "("}]}': "rule 1: path: not a regular expression",
}


@pytest.mark.parametrize(("text", "says"), BAD_FILES.items())
def test_a_bad_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "faults.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"faults\.json") as error:
        Faults.load(file)
    assert says in str(error.value)


def test_serve_takes_a_file_and_counts(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    file.write_text('{"seed": 1, "rules": [{"path": "/zen", "answer": "html", "times": 2}]}')
    command = [sys.executable, "-m", "ao_actions", "localgithub", "serve"]
    command += ["--root", str(tmp_path / "world"), "--faults", str(file)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        answers = [httpx.get(f"{url}/api/v3/zen", trust_env=False) for _ in range(3)]
        server.send_signal(signal.SIGTERM)
        _, err = server.communicate(timeout=60)
    assert [answer.status_code for answer in answers] == [502, 502, 200]
    assert "Unicorn" in answers[0].text
    assert "fault: /zen: html: 2 of 3" in err

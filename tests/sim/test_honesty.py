"""Whether the GitHub in memory is like the local one, which is checked against GitHub's contracts:
the same acts have the same results, and the same questions get answers of the same form."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Protocol

import pytest

from ao_actions.forge.client import Client
from ao_actions.git import Git
from tests.integration.conftest import Factory, founded
from tests.integration.test_publish import FIX, check, claimed, remark
from tests.sim import client as edge
from tests.sim.client import SimClient, SimGit
from tests.sim.process import Process
from tests.sim.schedule import Schedule
from tests.sim.world import WORK

INPUTS = {"task": "1", "epoch": "1", "reason": "queued"}


class Side(Protocol):
    """One of the two worlds, with what the rules below need of it."""

    client: Client
    git: Any

    def commit(self, branch: str) -> str: ...

    def delete(self, branch: str) -> None: ...

    def close(self, pull: int) -> None: ...

    def run_ends(self) -> None: ...


class Free(Process):
    """A process that waits for nobody."""

    def step(self, what: str) -> None:
        pass


class Simulated:
    def __init__(self) -> None:
        self.schedule = Schedule(Random(0))
        self.schedule.fault_rate = 0.0
        self.schedule.world.label(1, "ao:working", "maya")
        process = Free(self.schedule, "pass 1", lambda _process: None)
        self.client: Client = SimClient(process)
        self.git: Any = SimGit(process)
        self.schedule.world.refs_moved = lambda _who, _moves: None

    def commit(self, branch: str) -> str:
        world = self.schedule.world
        old = world.branch(branch)
        oid = world.commit((old or world.branch("main"),), "maya", "By hand")
        world.move("maya", {f"refs/heads/{branch}": (old, oid)})
        return oid

    def delete(self, branch: str) -> None:
        world = self.schedule.world
        world.move("maya", {f"refs/heads/{branch}": (world.branch(branch), "")})

    def close(self, pull: int) -> None:
        world = self.schedule.world
        world.put(replace(world.state.pulls[pull], state="CLOSED"))

    def run_ends(self) -> None:
        [run] = self.schedule.world.work_runs()
        self.schedule.world.put(replace(run, status="completed", conclusion="failure"))


class Local:
    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        factory.issue()
        factory.post("issues/1/labels", labels=["ao:working"])
        self.client = factory.client()
        self.git: Git = factory.ledger().git

    def commit(self, branch: str) -> str:
        start = None if self.factory.branch(branch) else self.factory.branch("main")
        oid = self.factory.push(branch, {"new.txt": f"{start}\n"}, start=start)
        self.git.fetch(f"+refs/heads/{branch}:refs/heads/{branch}", depth=None)
        return oid

    def delete(self, branch: str) -> None:
        self.factory.call("DELETE", f"git/refs/heads/{branch}")

    def close(self, pull: int) -> None:
        self.factory.call("PATCH", f"pulls/{pull}", state="closed")

    def run_ends(self) -> None:
        [run] = self.factory.work_runs()
        self.factory.end_run(run)


# ---- the same acts have the same results ---------------------------------------------------


def pulls(side: Side) -> Iterator[tuple[str, Any]]:
    side.commit("ao/1")

    def opened() -> tuple[int, Any]:
        body = {"title": "t", "body": "Closes #1", "head": "ao/1", "base": "main"}
        return side.client.request("POST", "pulls", body=body, accept=(422,))

    def states() -> list[str]:
        found = side.client.get("pulls", head="acme:ao/1", state="all", per_page=100)
        return [pull["state"] for pull in found]

    status, first = opened()
    yield "one is opened", status
    yield "a second is refused while it is open", opened()[0]
    side.close(first["number"])
    yield "but not when it is closed", opened()[0]
    yield "the newest stands first", states()
    side.delete("ao/1")
    yield "without its branch it is closed", states()
    yield "without a branch there is none", opened()[0]


def pushes(side: Side) -> Iterator[tuple[str, Any]]:
    first = side.commit("one")
    second = side.commit("one")
    one, two = "refs/heads/one", "refs/heads/two"

    def moved(moves: Mapping[str, tuple[str, str]]) -> tuple[bool, bool, bool]:
        done = side.git.push(moves).code == 0
        refs = side.git.remote_refs(one, two)
        return done, refs.get(one) == second, two in refs

    yield "a stale lease moves nothing", moved({two: ("", first), one: (first, first)})
    yield "nor one that says there is nothing", moved({one: ("", first), two: ("", first)})
    yield "what is there is not looked at", moved({one: ("", second), two: ("", first)})
    yield "leases that hold move all", moved({two: (first, second), one: (second, first)})


def issues(side: Side) -> Iterator[tuple[str, Any]]:
    def status(verb: str, path: str, body: Any = None) -> int:
        return side.client.request(verb, path, body=body, accept=(404,))[0]

    yield "a label is taken off once", status("DELETE", "issues/1/labels/ao%3Aworking")
    yield "and is not there then", status("DELETE", "issues/1/labels/ao%3Aworking")
    labels = [label["name"] for label in side.client.get("issues/1")["labels"]]
    yield "the others stay", labels
    _, said = side.client.request("POST", "issues/1/comments", body={"body": "a"})
    path = f"issues/comments/{said['id']}"
    yield "a comment is changed", status("PATCH", path, {"body": "b"})
    yield "one that never was is not", status("PATCH", "issues/comments/424242", {"body": "b"})
    there = side.client.pages("issues/1/comments")
    yield "it says so", [comment["body"] for comment in there]
    yield "whoever it is", [comment["user"]["login"] == side.client.viewer() for comment in there]


def runs(side: Side) -> Iterator[tuple[str, Any]]:
    body = {"ref": "main", "inputs": INPUTS}
    side.client.request("POST", f"actions/workflows/{WORK}/dispatches", body=body)

    def listed() -> list[dict[str, Any]]:
        return side.client.pages(f"actions/workflows/{WORK}/runs", key="workflow_runs")

    def called(verb: str) -> tuple[int, bool]:
        path = f"actions/runs/{listed()[0]['id']}/{verb}"
        status, said = side.client.request("POST", path, accept=(403, 409))
        return status, "workflow" in str(said.get("message"))

    yield "it has its name", [run["display_title"] for run in listed()]
    yield "one that runs is not run again", called("rerun-failed-jobs")
    side.run_ends()
    yield "one that is over is not cancelled", called("cancel")[0]
    before = listed()[0]
    yield "but run again", called("rerun-failed-jobs")[0]
    after = listed()[0]
    yield "under its own number", after["id"] == before["id"]
    yield "as its second attempt", after["run_attempt"]
    yield "with its own date", after["created_at"] == before["created_at"]


@pytest.mark.parametrize("rules", [pulls, pushes, issues, runs], ids=lambda rules: rules.__name__)
def test_the_same_acts_have_the_same_results(rules: Any, tmp_path: Path) -> None:
    with founded(tmp_path) as factory:
        assert dict(rules(Simulated())) == dict(rules(Local(factory)))


# ---- the same questions get answers of the same form ---------------------------------------

Forms = dict[str, dict[str, set[str]]]  # of what is asked: the types of JSON at each path


class Recording(Client):
    """The real client, which remembers the form of each answer."""

    forms: Forms

    def _exchange(self, method: str, url: str, parameters: Any, body: Any) -> Any:
        answer = super()._exchange(method, url, parameters, body)
        note(self.forms, method, url, body, answer[1])
        return answer


def note(forms: Forms, method: str, url: str, body: Any, text: str) -> None:
    if not text:
        return
    if "graphql" in url:
        asked = body["query"].strip().split("(")[0].split("{")[0].strip()
    else:
        asked = f"{method} {'/'.join(p for p in url.split('/')[4:] if not p.isdigit())}"
    for path, kind in walk(json.loads(text), ""):
        forms[asked][path].add(kind)


def walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Paths with their types; numbers in names of aliases do not count."""
    yield path, type(value).__name__
    if isinstance(value, dict):
        for key, item in value.items():
            name = key.rstrip("0123456789") if key[-1:].isdigit() else key
            yield from walk(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from walk(item, f"{path}[]")


def test_the_same_questions_get_answers_of_the_same_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Forms = defaultdict(lambda: defaultdict(set))
    with founded(tmp_path) as factory:
        recording = Recording("acme/widgets", factory.bot, factory.client().address)
        recording.forms = real
        number = claimed(factory)
        factory.publish(number, recording, files=FIX)
        check(factory, number, "failure")
        remark(factory, number)
        for _ in range(3):
            factory.pass_time(minutes=10)
            factory.reconcile(recording)

    simulated: Forms = defaultdict(lambda: defaultdict(set))
    exchange = SimClient._exchange

    def noted(self: SimClient, method: str, url: str, parameters: Any, body: Any) -> Any:
        status, text = exchange(self, method, url, parameters, body)
        if 0 < status < 400:
            note(simulated, method, url, body, text)
        return status, text

    monkeypatch.setattr(edge.SimClient, "_exchange", noted)
    for seed in range(40):
        Schedule(Random(seed)).run()

    both = real.keys() & simulated.keys()
    assert {"query Sweep", "query Details", "POST pulls", "GET issues"} <= both
    compared = 0
    for asked in both:
        for path, kinds in real[asked].items():
            there = simulated[asked].get(path)
            if there is not None:
                compared += 1
                assert kinds & there or "NoneType" in kinds | there, (asked, path, kinds, there)
    assert compared > 150

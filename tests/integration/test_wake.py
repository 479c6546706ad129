"""`ao-actions wake` on the local GitHub: waits for the runs of a head, then starts a pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ao_actions.core.model import Outcome
from ao_actions.errors import AoError
from ao_actions.wake import LONGEST_PAUSE, NO_CI, Occasion, Waker, ci_workflows
from tests.integration.conftest import Factory

SLOW = "on: {}\njobs: {{j: {{runs-on: ubuntu-latest, steps: [{{run: sleep 3600}}]}}}}\n"
CI, OURS = ".github/workflows/ci.yml", ".github/workflows/ao-review.yml"


class Time:
    """A clock that only sleeping moves; something may happen at each sleep."""

    def __init__(self, then: Callable[[int], Any] = lambda count: None) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.then = then

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        self.then(len(self.pauses))


def wake(
    factory: Factory, head: str | None, time: Time, limit: float = 600, names: str = ""
) -> str:
    """What was said; a pass was started, once."""
    said: list[str] = []
    waker = Waker(
        client=factory.client(),
        limit=limit,
        say=said.append,
        sleep=time.sleep,
        clock=lambda: time.now,
        names=ci_workflows({"AO_CI_WORKFLOWS": names}),
    )
    waker.wake(Occasion(default_branch="main", head=head))
    passes = [run for run in factory.repo.runs if run.path.endswith("ao-reconcile.yml")]
    assert [run.event for run in passes] == ["workflow_dispatch"]
    return said[0]


def running(factory: Factory, files: dict[str, str], count: int) -> str:
    head = factory.push("ao/1", files, start=factory.branch("main"))
    factory.until(lambda: sum(r.status == "in_progress" for r in factory.repo.runs) == count)
    return head


def test_it_waits_until_ci_is_done(factory: Factory) -> None:
    head = running(factory, {CI: SLOW.format("push")}, 1)
    (ci,) = factory.repo.runs
    time = Time(lambda count: factory.end_run(ci) if count == 2 else None)
    assert wake(factory, head, time).startswith("all 1 runs of CI")
    assert time.pauses == [2.0, 3.0]


def test_its_own_run_is_not_waited_for(factory: Factory) -> None:
    head = running(factory, {CI: SLOW.format("push"), OURS: SLOW.format("push")}, 2)
    ci = next(run for run in factory.repo.runs if run.path == CI)
    time = Time(lambda count: factory.end_run(ci))
    assert wake(factory, head, time).startswith("all 1 runs of CI")


def test_only_the_workflows_of_the_list_are_waited_for(factory: Factory) -> None:
    slow = SLOW.format("push")
    preview = ".github/workflows/preview.yml"
    head = running(factory, {CI: f"name: CI\n{slow}", preview: f"name: Preview\n{slow}"}, 2)
    ci = next(run for run in factory.repo.runs if run.path == CI)
    time = Time(lambda count: factory.end_run(ci))
    assert wake(factory, head, time, names='["CI", "Lint"]').startswith("all 1 runs of CI")


@pytest.mark.parametrize("text", ["CI", "{}"])
def test_a_list_of_workflows_that_is_none(text: str) -> None:
    with pytest.raises(AoError, match="JSON list"):
        ci_workflows({"AO_CI_WORKFLOWS": text})


def test_its_patience_ends(factory: Factory) -> None:
    head = running(factory, {CI: SLOW.format("push")}, 1)
    time = Time()
    assert wake(factory, head, time, limit=120).startswith("1 runs of CI")
    assert 120 - LONGEST_PAUSE <= time.now <= 120
    assert max(time.pauses) == LONGEST_PAUSE


def test_without_any_ci_it_waits_a_minute(factory: Factory) -> None:
    head = factory.push("ao/1", {"a": "b"}, start=factory.branch("main"))
    time = Time()
    assert wake(factory, head, time).startswith("no CI runs")
    assert NO_CI <= time.now < NO_CI + LONGEST_PAUSE


def test_after_a_review_nothing_is_waited_for(factory: Factory) -> None:
    time = Time()
    assert wake(factory, None, time) == "a pass was started"
    assert time.pauses == []


@pytest.mark.parametrize(
    ("event", "head"),
    [
        ({"action": "opened"}, "abc"),
        ({"action": "synchronize"}, "abc"),
        ({"action": "reopened"}, "abc"),
        ({"action": "closed"}, None),
        ({"action": "submitted", "review": {}}, None),
    ],
    ids=str,
)
def test_what_is_waited_for(tmp_path: Path, event: dict[str, Any], head: str | None) -> None:
    more = {"repository": {"default_branch": "trunk"}, "pull_request": {"head": {"sha": "abc"}}}
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event | more))
    found = Occasion.from_environment({"GITHUB_EVENT_PATH": str(path)})
    assert found == Occasion(default_branch="trunk", head=head)


@pytest.mark.parametrize("text", [None, "", "[]", '{"action": "opened"}'])
def test_no_event_of_a_pull_request(tmp_path: Path, text: str | None) -> None:
    env = {}
    if text is not None:
        env["GITHUB_EVENT_PATH"] = str(tmp_path / "event.json")
        (tmp_path / "event.json").write_text(text)
    with pytest.raises(AoError, match=r"ao-review\.yml"):
        Occasion.from_environment(env)


def test_the_waiting_job_itself_is_no_check_of_the_pull_request(factory: Factory) -> None:
    """It goes on until CI is done: counted among the checks, both would wait for each other."""
    files = {OURS: SLOW.format("pull_request"), CI: SLOW.format("pull_request")}
    factory.push("main", files)
    number = factory.issue()
    factory.reconcile()
    assert factory.publish(number, files={"src/code.py": "42\n"}) is Outcome.CHANGES
    factory.until(lambda: sum(r.event == "pull_request" for r in factory.repo.runs) == 2)
    pull = factory.reconcile(dry=True).snapshot.pulls[number]
    assert len(pull.checks) == 1
    assert (pull.suites_open, pull.suites_waiting) == (1, 0)

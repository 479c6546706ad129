"""An agent's finished work is not paid for twice: its publish job is run again, twice at most."""

from __future__ import annotations

import re

from ao_actions.core.model import Outcome
from ao_actions.localgithub.faults import Fault
from tests.integration.conftest import Factory

WORK = """name: ao-work
run-name: "ao #${{ inputs.task }}.${{ inputs.epoch }} ${{ inputs.reason }}"
on:
  workflow_dispatch:
    inputs: {task: {required: true}, epoch: {required: true}, reason: {required: true}}
jobs:
  agent:
    runs-on: ubuntu-latest
    steps:
      - run: mkdir handoff && echo '{}' > handoff/outcome.json
      - uses: actions/upload-artifact@v7
        with:
          name: handoff-${{ inputs.task }}-${{ inputs.epoch }}-${{ github.run_attempt }}
          path: handoff
  publish:
    needs: agent
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: exit 1
"""


def over(factory: Factory, attempt: int) -> None:
    (run,) = factory.work_runs()
    factory.until(lambda: run.run_attempt == attempt and run.status == "completed")


def test_publish_is_run_again_twice_then_a_human_gets_the_artifact(factory: Factory) -> None:
    factory.push("main", {".github/workflows/ao-work.yml": WORK})
    number = factory.issue()
    factory.reconcile()
    over(factory, 1)
    for again in (1, 2):
        factory.reconcile()
        claim = factory.task(number).claim
        assert claim is not None
        assert claim.reruns == again
        over(factory, again + 1)
    factory.reconcile()
    record = factory.task(number)
    (run,) = factory.work_runs()
    assert record.claim is None
    assert [a.outcome for a in record.attempts] == [Outcome.LOST]
    assert record.stop is not None
    assert record.stop.url.endswith(f"/actions/runs/{run.id}")
    assert "ao:needs-human" in factory.labels(number)
    assert run.run_attempt == 3
    agents = [job for job in run.jobs if job.key == "agent" and job.steps]
    assert len({job.started_at for job in agents}) == 1
    assert factory.reconcile().steps == ()


def test_a_hand_off_that_is_not_listed_yet_is_not_paid_for_again(factory: Factory) -> None:
    """The run has ended, but the list of its artifacts is from some seconds before."""
    number = factory.issue()
    factory.reconcile()
    run = factory.work_run(number)
    old = Fault("GET", ".*/artifacts", stale_calls=1, nth=2)
    factory.hub.app.faults.append(old)
    assert factory.client().pages(f"actions/runs/{run.id}/artifacts", key="artifacts") == []
    factory.keep(run, f"handoff-{number}-1-1", b"")
    factory.end_run(run)
    [waited] = factory.reconcile_settled()
    assert old.fired == 1
    assert 0 < waited <= 31
    claim = factory.task(number).claim
    assert claim is not None
    assert claim.reruns == 1
    assert any(re.search("a run has just ended.*: the next look is at", s) for s in factory.said)

"""Runs that wait for one another, and runs that are stopped; run by act."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.localgithub.actions.conftest import Hub, conclusions

GATED = """
    name: Gated
    on: workflow_dispatch
    {concurrency}
    jobs:
      hold:
        runs-on: ubuntu-latest
        steps: [{{run: 'until [ -e {gate} ]; do sleep 0.05; done'}}]
"""


def test_a_concurrency_group_keeps_one_running_and_one_pending(hub: Hub, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    hub.workflow(
        "g.yml", GATED.format(concurrency="concurrency: Group-${{ github.ref }}", gate=gate)
    )
    hub.idle()
    reply = {"ref": "main"}
    for _ in range(3):
        hub.api("POST", "/actions/workflows/g.yml/dispatches", **reply)
    first, second, third = hub.repo.runs
    hub.until(lambda: first.status == "in_progress")
    assert (second.status, second.conclusion, second.jobs) == ("completed", "cancelled", [])
    assert third.status == "pending"
    gate.touch()
    hub.idle()
    assert (first.conclusion, third.conclusion) == ("success", "success")


def test_queue_max_lets_every_run_have_its_turn(hub: Hub, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    group = "concurrency: {group: all, queue: max}"
    hub.workflow("g.yml", GATED.format(concurrency=group, gate=gate))
    hub.idle()
    for _ in range(4):
        hub.api("POST", "/actions/workflows/g.yml/dispatches", ref="main")
    assert [run.status for run in hub.repo.runs][1:] == ["pending"] * 3
    gate.touch()
    assert [run.conclusion for run in hub.runs()] == ["success"] * 4


def test_job_groups_leave_skipped_jobs_alone_and_can_cancel_what_runs(
    hub: Hub, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    hub.workflow(
        "j.yml",
        f"""
        name: J
        on: {{workflow_dispatch: {{inputs: {{go: {{type: boolean}}}}}}}}
        jobs:
          work:
            if: inputs.go
            concurrency: {{group: one, cancel-in-progress: true}}
            runs-on: ubuntu-latest
            steps: [{{run: 'until [ -e {gate} ]; do sleep 0.05; done'}}]
        """,
    )
    hub.idle()

    def start(*, go: bool) -> Any:
        body = {"ref": "main", "inputs": {"go": go}, "return_run_details": True}
        hub.api("POST", "/actions/workflows/j.yml/dispatches", **body)
        return hub.repo.runs[-1]

    first = start(go=True)
    hub.until(lambda: first.jobs[0].status == "in_progress")
    passing = start(go=False)
    assert (passing.status, passing.conclusion) == ("completed", "skipped")
    assert first.status == "in_progress"
    second = start(go=True)
    hub.until(lambda: first.status == "completed")
    gate.touch()
    hub.idle()
    assert (first.conclusion, second.conclusion) == ("cancelled", "success")


SLOW = """
    name: Slow
    on: workflow_dispatch
    jobs:
      slow:
        runs-on: ubuntu-latest
        steps:
          - run: echo $$ > {pid}; sleep 300
          - {{if: always(), run: 'touch {always}'}}
      report:
        needs: slow
        if: always()
        runs-on: ubuntu-latest
        steps: [{{run: 'echo "slow was ${{{{ needs.slow.result }}}}"; touch {report}'}}]
      next:
        needs: slow
        runs-on: ubuntu-latest
        steps: [{{run: echo never}}]
"""


def slow(hub: Hub, tmp_path: Path) -> tuple[Any, dict[str, Path]]:
    """A run that is in its long step."""
    files = {name: tmp_path / name for name in ("pid", "always", "report")}
    hub.workflow("slow.yml", SLOW.format(**files))
    run = hub.dispatch("slow.yml")
    hub.until(lambda: run.jobs and any(s.status == "in_progress" for s in run.jobs[0].steps[1:]))
    while not files["pid"].exists() or not files["pid"].read_text().strip():
        os.sched_yield()
    return run, files


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text()


def test_a_cancelled_run_still_does_its_always_steps_and_jobs(hub: Hub, tmp_path: Path) -> None:
    run, files = slow(hub, tmp_path)
    assert hub.api("POST", f"/actions/runs/{run.id}/cancel").status_code == 202
    hub.idle()
    assert run.conclusion == "cancelled"
    assert conclusions(run) == {"slow": "cancelled", "report": "success", "next": "skipped"}
    assert files["always"].exists()
    assert "slow was cancelled" in hub.log(run, "report")
    assert [s.conclusion for s in hub.job(run, "slow").steps][1:3] == ["cancelled", "success"]
    assert hub.api("POST", f"/actions/runs/{run.id}/cancel").status_code == 409


def test_a_killed_run_fails_and_nothing_more_of_it_happens(hub: Hub, tmp_path: Path) -> None:
    run, files = slow(hub, tmp_path)
    pid = int(files["pid"].read_text())
    hub.actions.kill_run(hub.repo, run)
    hub.idle()
    assert (run.status, run.conclusion) == ("completed", "failure")
    assert conclusions(run) == {"slow": "failure"}
    assert not files["always"].exists()
    assert not files["report"].exists()
    assert gone(pid)


def test_a_job_over_its_time_is_cancelled(hub: Hub) -> None:
    hub.workflow(
        "late.yml",
        """
        name: Late
        on: workflow_dispatch
        jobs:
          late:
            timeout-minutes: ${{ fromJSON('0.01') }}
            runs-on: ubuntu-latest
            steps: [{run: sleep 300}, {if: always(), run: echo cleaned}]
        """,
    )
    run = hub.dispatch("late.yml")
    hub.idle()
    assert conclusions(run) == {"late": "cancelled"}
    assert "exceeded the maximum execution time" in hub.log(run, "late")
    assert "cleaned" in hub.log(run, "late")

"""Real workflow files, really run by act: what GitHub would show afterwards."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

from ao_actions.localgithub.server import LocalGitHub
from tests.localgithub.actions.conftest import Hub

CI = """
    name: CI
    on: [push, pull_request]
    jobs:
      test:
        runs-on: ubuntu-latest
        steps:
          - uses: actions/checkout@v5
          - name: unit tests
            run: |
              echo "::group::details"
              cat value.txt
              echo "::endgroup::"
              grep -q good value.txt && exit
              echo "::error file=value.txt,line=1,title=Bad::not good"
              exit 7
"""


def conclusions(run: Any) -> dict[str, str | None]:
    jobs = [job for job in run.jobs if job.run_attempt == run.run_attempt]
    return {job.name: job.conclusion for job in jobs}


def test_a_push_runs_ci_and_leaves_a_check_run(hub: Hub) -> None:
    sha = hub.workflow("ci.yml", CI, **{"value.txt": "good\n"})
    run = hub.run("CI")
    assert (run.status, run.conclusion, run.event) == ("completed", "success", "push")
    assert (run.head_branch, run.head_sha, run.run_number) == ("main", sha, 1)
    (check,) = hub.api("GET", f"/commits/{sha}/check-runs").json()["check_runs"]
    assert (check["name"], check["conclusion"]) == ("test", "success")
    (suite,) = hub.repo.check_suites
    assert (suite.status, suite.conclusion, suite.run_id) == ("completed", "success", run.id)


def test_a_failing_test_of_a_pull_request_leaves_log_steps_and_annotation(hub: Hub) -> None:
    hub.workflow("ci.yml", CI, **{"value.txt": "good\n"})
    head = hub.push({"value.txt": "bad\n"}, branch="feature")
    hub.idle()
    pull = hub.open_pull("feature")
    run = next(r for r in hub.runs("CI") if r.event == "pull_request")
    assert run.conclusion == "failure"
    assert (run.head_sha, run.head_branch, run.pull_numbers) == (head, "feature", [pull["number"]])
    assert run.ref == f"refs/pull/{pull['number']}/merge"
    assert run.sha not in {head, hub.git("rev-parse", "origin/main")}
    job = hub.job(run, "test")
    assert [(s.name, s.conclusion) for s in job.steps] == [
        ("Set up job", "success"),
        ("Run actions/checkout@v5", "success"),
        ("unit tests", "failure"),
        ("Complete job", "success"),
    ]
    log = hub.log(run, "test")
    for line in ("##[group]details", "##[error]not good", "Process completed with exit code 7."):
        assert line in log
    notes = hub.api("GET", f"/check-runs/{job.id}/annotations").json()
    assert ("value.txt", "failure", "not good", "Bad") in [
        (n["path"], n["annotation_level"], n["message"], n["title"]) for n in notes
    ]


def test_the_last_words_of_a_failing_step_are_in_its_log(hub: Hub) -> None:
    """act alone leaves the last thousands of these lines out."""
    hub.workflow(
        "ci.yml",
        """
        on: push
        jobs:
          test:
            runs-on: ubuntu-latest
            steps:
              - run: |
                  seq 10001 30000
                  printf 'the last word'
                  exit 7
              - if: always()
                run: |
                  seq 30001 50000 >&2
                  printf '::error::broken'
                  exit 8
        """,
    )
    run = hub.run(".github/workflows/ci.yml")
    log = hub.log(run, "test")
    said = [line.split(" ", 1)[1] for line in log.splitlines()]
    assert [line for line in said if line.isdigit()] == [str(n) for n in range(10001, 50001)]
    after = said[said.index("30000") + 1 :]
    assert after[:2] == ["the last word", "##[error]Process completed with exit code 7."]
    assert said[said.index("50000") + 1 :][:2] == [
        "##[error]broken",
        "##[error]Process completed with exit code 8.",
    ]
    assert "end of step" not in log


def test_a_label_leads_to_a_dispatch_by_the_job_token_and_on_to_workflow_run(hub: Hub) -> None:
    hub.workflow(
        "triage.yml",
        """
        name: Triage
        on: {issues: {types: [labeled]}}
        permissions: {actions: write}
        jobs:
          go:
            if: github.event.label.name == 'ao'
            runs-on: ubuntu-latest
            steps:
              - env: {TOKEN: "${{ github.token }}", TITLE: "${{ github.event.issue.title }}"}
                run: |
                  test "$TITLE" = "Please fix"
                  curl -sSf -X POST -H "Authorization: Bearer $TOKEN" \
                    -d '{"ref":"main","inputs":{"task":"7","dry":"true"}}' \
                    "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/actions/workflows/work.yml/dispatches"
        """,
    )
    hub.workflow(
        "work.yml",
        """
        name: Work
        run-name: "ao #${{ inputs.task }} ${{ inputs.dry && 'dry' || 'wet' }}"
        on:
          workflow_dispatch:
            inputs:
              task: {required: true}
              dry: {type: boolean, default: false}
              kind: {type: choice, options: [a, b], default: b}
        jobs:
          agent:
            runs-on: ubuntu-latest
            steps:
              - env: {KIND: "${{ inputs.kind }}"}
                run: echo "task=${{ inputs.task }} kind=$KIND dry=${{ inputs.dry == true }}"
        """,
    )
    hub.workflow(
        "after.yml",
        """
        name: After
        on: {workflow_run: {workflows: [Work], types: [completed]}}
        jobs:
          report:
            runs-on: ubuntu-latest
            steps: [{run: 'echo "saw ${{ github.event.workflow_run.conclusion }}"'}]
        """,
    )
    issue = hub.api("POST", "/issues", title="Please fix").json()["number"]
    hub.api("POST", f"/issues/{issue}/labels", labels=["ao"])
    after = hub.run("After")
    work = hub.run("Work")
    assert work.display_title == "ao #7 dry"
    assert work.actor == "github-actions[bot]"
    assert "task=7 kind=b dry=true" in hub.log(work, "agent")
    assert "saw success" in hub.log(after, "report")
    assert [run.name for run in hub.repo.runs] == ["Triage", "Work", "After"]
    hub.api("POST", f"/issues/{issue}/labels", labels=["bug"])
    skipped = hub.run("Triage")
    assert (skipped.conclusion, hub.job(skipped, "go").runner_name) == ("skipped", None)


PUSHER = """
    name: Pusher
    on: workflow_dispatch
    permissions: {contents: write, pull-requests: write}
    jobs:
      push:
        runs-on: ubuntu-latest
        steps:
          - uses: actions/checkout@v5
          - run: |
              git config user.name bot; git config user.email bot@example.com
              git checkout -q -b bot; echo good > value.txt; git commit -qam bot
              git push -q origin bot
              curl -sSf -X POST -H "Authorization: Bearer ${{ github.token }}" \
                -d '{"title":"by a bot","head":"bot","base":"main"}' \
                "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/pulls"
"""


def test_a_job_tokens_push_starts_nothing_and_its_pull_request_waits_for_a_person(
    hub: Hub,
) -> None:
    hub.push({".github/workflows/ci.yml": CI, "value.txt": "good\n\n"})
    hub.workflow("pusher.yml", PUSHER)
    before = len(hub.runs("CI"))
    hub.dispatch("pusher.yml")
    assert hub.run("Pusher").conclusion == "success", hub.log(hub.run("Pusher"), "push")
    waiting = hub.run("CI")
    assert len(hub.runs("CI")) == before + 1
    assert (waiting.event, waiting.status, waiting.conclusion, waiting.jobs) == (
        "pull_request",
        "completed",
        "action_required",
        [],
    )
    suite = next(s for s in hub.repo.check_suites if s.run_id == waiting.id)
    assert suite.conclusion == "action_required"
    assert hub.api("POST", f"/actions/runs/{waiting.id}/approve").status_code == 201
    hub.idle()
    assert (waiting.conclusion, waiting.approved_by) == ("success", "acme")


def test_the_token_has_the_permissions_of_its_job_and_dies_with_it(hub: Hub) -> None:
    hub.workflow(
        "rights.yml",
        """
        name: Rights
        on: workflow_dispatch
        permissions: {contents: read}
        jobs:
          none:
            runs-on: ubuntu-latest
            steps: &steps
              - env: {TOKEN: "${{ github.token }}"}
                run: |
                  curl -s -o /dev/null -w 'status=%{http_code}\\n' -X POST -d '{"title":"x"}' \\
                    -H "Authorization: Bearer $TOKEN" \\
                    "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues"
                  printf '%s' "$TOKEN" | rev
          some:
            runs-on: ubuntu-latest
            permissions: {issues: write}
            steps: *steps
        """,
    )
    hub.dispatch("rights.yml")
    run = hub.run("Rights")
    assert "status=403" in hub.log(run, "none")
    assert "status=201" in hub.log(run, "some")
    assert not [t for t in hub.server.world.tokens.values() if t.kind == "job"]
    reversed_token = hub.log(run, "some").split()[-1][::-1]
    reply = hub.client.get("/rate_limit", headers={"Authorization": f"token {reversed_token}"})
    assert reversed_token.startswith("ghs_")
    assert reply.status_code == 401


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


FLAKY = """
    name: Flaky
    on: workflow_dispatch
    jobs:
      good:
        runs-on: ubuntu-latest
        outputs: {{word: "${{{{ steps.s.outputs.word }}}}"}}
        steps: [{{id: s, run: 'echo word=$GITHUB_RUN_ATTEMPT >> $GITHUB_OUTPUT'}}]
      bad:
        needs: good
        runs-on: ubuntu-latest
        steps: [{{run: 'echo "word ${{{{ needs.good.outputs.word }}}}"; test -e {mark}'}}]
      after:
        needs: bad
        runs-on: ubuntu-latest
        steps: [{{run: echo after}}]
"""


def test_failed_jobs_are_run_again_with_the_outputs_of_the_good_ones(
    hub: Hub, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    hub.workflow("flaky.yml", FLAKY.format(mark=mark))
    run = hub.dispatch("flaky.yml")
    hub.idle()
    assert conclusions(run) == {"good": "success", "bad": "failure", "after": "skipped"}
    mark.touch()
    assert hub.api("POST", f"/actions/runs/{run.id}/rerun-failed-jobs").status_code == 201
    hub.idle()
    assert (run.run_attempt, run.conclusion) == (2, "success")
    assert conclusions(run) == {"good": "success", "bad": "success", "after": "success"}
    assert "word 1" in hub.log(run, "bad")
    first = hub.api("GET", f"/actions/runs/{run.id}/attempts/1").json()
    assert (first["conclusion"], first["run_attempt"]) == ("failure", 1)
    everything = hub.api("GET", f"/actions/runs/{run.id}/jobs?filter=all").json()
    assert everything["total_count"] == 6
    assert hub.api("POST", f"/actions/runs/{run.id}/rerun").status_code == 201
    hub.idle()
    assert (run.run_attempt, run.conclusion) == (3, "success")
    assert "word 3" in hub.log(run, "bad")


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


def test_a_schedule_fires_once_however_far_the_clock_jumps(hub: Hub) -> None:
    hub.workflow(
        "nightly.yml",
        """
        name: Nightly
        on: {schedule: [{cron: '17 * * * *'}]}
        jobs:
          go:
            runs-on: ubuntu-latest
            steps: [{run: 'echo "tick ${{ github.event.schedule }}"'}]
        """,
    )
    hub.idle()
    hub.server.world.clock.advance(3 * 3600)
    run = hub.run("Nightly")
    assert len(hub.runs("Nightly")) == 1
    assert (run.event, run.head_branch) == ("schedule", "main")
    assert "tick 17 * * * *" in hub.log(run, "go")


def test_two_jobs_hand_over_by_outputs_and_artifact(hub: Hub) -> None:
    hub.workflow(
        "work.yml",
        """
        name: Work
        on: workflow_dispatch
        permissions: {}
        jobs:
          agent:
            runs-on: ubuntu-latest
            permissions: {contents: read}
            outputs:
              id: ${{ steps.up.outputs.artifact-id }}
              word: ${{ steps.word.outputs.word }}
            steps:
              - uses: actions/checkout@v5
                with: {fetch-depth: 0, persist-credentials: false}
              - id: word
                run: |
                  mkdir -p out/deep .hidden
                  echo hand > out/deep/hand.txt; echo no > out/.secret
                  printf 'word<<EOF\\n{"a": "it'"'"'s }} ok"}\\nEOF\\n' >> "$GITHUB_OUTPUT"
                  echo "# Summary" >> "$GITHUB_STEP_SUMMARY"
              - id: up
                uses: actions/upload-artifact@v4
                with: {name: hand-off, path: out/}
              - run: exit 1
          publish:
            needs: agent
            if: always()
            runs-on: ubuntu-latest
            steps:
              - uses: actions/download-artifact@v4
                with: {artifact-ids: "${{ needs.agent.outputs.id }}", path: in}
              - env: {WORD: "${{ needs.agent.outputs.word }}"}
                run: |
                  find in -type f; cat in/deep/hand.txt
                  echo "$WORD ${{ needs.agent.result }} ${{ fromJSON(needs.agent.outputs.word).a }}"
              - uses: actions/upload-artifact@v4
                with: {name: hand-off, path: in}
        """,
    )
    run = hub.dispatch("work.yml")
    hub.idle()
    assert conclusions(run) == {"agent": "failure", "publish": "failure"}
    log = hub.log(run, "publish")
    assert """{"a": "it's }} ok"} failure it's }} ok""" in log
    assert "in/deep/hand.txt" in log
    assert ".secret" not in log
    assert "409" in log
    assert hub.job(run, "agent").summary == "# Summary"
    (artifact,) = hub.api("GET", f"/actions/runs/{run.id}/artifacts").json()["artifacts"]
    reply = hub.api("GET", f"/actions/artifacts/{artifact['id']}/zip")
    assert reply.status_code == 302
    content = hub.client.get(reply.headers["location"], headers={"Authorization": ""}).content
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["deep/hand.txt"]


def test_a_matrix_from_outputs_runs_every_leg(hub: Hub) -> None:
    hub.workflow(
        "m.yml",
        """
        name: M
        on: workflow_dispatch
        jobs:
          plan:
            runs-on: ubuntu-latest
            outputs: {items: "${{ steps.s.outputs.items }}"}
            steps: [{id: s, run: "echo 'items=[{\\"n\\":1},{\\"n\\":2}]' >> $GITHUB_OUTPUT"}]
          leg:
            needs: plan
            name: leg ${{ matrix.item.n }} ${{ matrix.os }}
            strategy:
              fail-fast: false
              matrix: {item: "${{ fromJSON(needs.plan.outputs.items) }}", os: [a]}
            runs-on: ubuntu-latest
            steps: [{run: 'echo "n=${{ matrix.item.n }}"; test ${{ matrix.item.n }} = 1'}]
        """,
    )
    run = hub.dispatch("m.yml")
    hub.idle()
    assert conclusions(run) == {"plan": "success", "leg 1 a": "success", "leg 2 a": "failure"}


def test_what_cannot_start_says_why(hub: Hub) -> None:
    hub.push(
        {
            ".github/workflows/bad.yml": "on: push\njobs: [",
            ".github/workflows/call.yml": "name: Call\non: push\njobs: {a: {uses: ./x.yml}}\n",
            ".github/workflows/action.yml": (
                "name: Action\non: push\njobs: {a: {runs-on: x, steps: [{uses: no/such@v1}]}}\n"
            ),
        }
    )
    by_path = {run.path.rsplit("/")[-1]: run for run in hub.runs()}
    assert by_path["bad.yml"].conclusion == "startup_failure"
    assert by_path["call.yml"].conclusion == "startup_failure"
    (check,) = [c for c in hub.repo.check_runs if c.suite_id == by_path["call.yml"].suite_id]
    assert "reusable workflow" in (check.output_summary or "")
    assert by_path["action.yml"].conclusion == "failure"
    assert "Unable to resolve action `no/such@v1`" in hub.log(by_path["action.yml"], "a")


def test_an_environments_secrets_are_for_its_branches_only(hub: Hub) -> None:
    from ao_actions.localgithub.model import Environment

    hub.repo.secrets["PLAIN"] = 'p$HOME "q" \\n # '
    hub.repo.environments.append(Environment(1, "models", ["main"], {"KEY": "top-secret"}))
    hub.workflow(
        "env.yml",
        """
        name: Env
        on: push
        jobs:
          a:
            environment: {name: models, deployment: false}
            runs-on: ubuntu-latest
            outputs: {leak: "${{ steps.s.outputs.x }}"}
            steps:
              - id: s
                env: {KEY: "${{ secrets.KEY }}", PLAIN: "${{ secrets.PLAIN }}"}
                run: |
                  echo "masked $KEY"; echo "length ${#KEY} ${#PLAIN}"
                  echo "x=$KEY" >> $GITHUB_OUTPUT
        """,
    )
    run = hub.run("Env")
    log = hub.log(run, "a")
    assert "masked ***" in log
    assert "length 10 16" in log
    assert hub.job(run, "a").outputs == {}
    hub.push({"x": "1"}, branch="other")
    other = hub.run("Env")
    assert (other.head_branch, other.conclusion) == ("other", "failure")
    assert "not allowed to deploy to models" in hub.log(other, "a")


def test_an_action_of_another_repository_of_the_world_runs(hub: Hub, tmp_path: Path) -> None:
    hub.server.world.create_repository("tools/hello")
    source = tmp_path / "hello"
    hub.git("init", "-q", "-b", "main", str(source), cwd=tmp_path)
    (source / "sub").mkdir()
    (source / "sub" / "action.yml").write_text(
        "name: hello\ndescription: x\ninputs: {who: {required: true, description: x}}\n"
        "runs:\n  using: composite\n  steps:\n"
        "    - {shell: bash, run: 'echo \"hello $WHO from $GITHUB_ACTION_PATH\"',"
        " env: {WHO: '${{ inputs.who }}'}}\n"
    )
    hub.git("add", "-A", cwd=source)
    hub.git("commit", "-qm", "hello", cwd=source)
    hub.git("tag", "v1", cwd=source)
    hub.git("push", "-q", str(hub.server.world.git_dir("tools/hello")), "main", "v1", cwd=source)
    hub.workflow(
        "use.yml",
        """
        name: Use
        on: push
        jobs:
          a:
            runs-on: ubuntu-latest
            steps: [{uses: tools/hello/sub@v1, with: {who: you}}]
        """,
    )
    assert "hello you from" in hub.log(hub.run("Use"), "a")


def test_a_service_that_starts_again_closes_what_was_running(hub: Hub, tmp_path: Path) -> None:
    hub.workflow("ci.yml", CI, **{"value.txt": "good\n"})
    run = hub.run("CI")
    run.status, run.conclusion = "in_progress", None
    run.jobs[0].status, run.jobs[0].conclusion = "in_progress", None
    hub.server.world.save()
    hub.server.stop()
    with LocalGitHub(tmp_path / "world") as server:
        (found,) = server.world.repositories["acme/widgets"].runs
        assert (found.status, found.conclusion) == ("completed", "failure")
        assert found.jobs[0].conclusion == "failure"

"""Real workflow files, really run by act: what GitHub would show afterwards."""

from __future__ import annotations

from pathlib import Path

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

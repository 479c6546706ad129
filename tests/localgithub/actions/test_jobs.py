"""What jobs hand over and what they get: outputs, matrices, secrets, actions; run by act."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from tests.localgithub.actions.conftest import Hub, conclusions

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

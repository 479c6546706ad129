"""The pure rules around runs: triggers, globs, cron, matrices, permissions, groups, the copy."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ao_actions.localgithub.actions import (
    cron,
    globs,
    isolate,
    matrix,
    permissions,
    triggers,
    wire,
    workflow,
)
from ao_actions.localgithub.actions.expressions import ExpressionError
from ao_actions.localgithub.actions.groups import Groups
from ao_actions.localgithub.actions.triggers import Occasion
from ao_actions.localgithub.errors import Refusal
from ao_actions.localgithub.model import Job

JOBS = "jobs: {a: {runs-on: x, steps: [{run: echo}]}}"


def parse(on: str, rest: str = JOBS) -> workflow.WorkflowFile:
    file = workflow.parse(".github/workflows/w.yml", f"name: W\non: {on}\n{rest}\n")
    assert file.error is None
    return file


def push(branch: str | None = "main", tag: str | None = None, *paths: str) -> Occasion:
    return Occasion("push", None, {}, branch, tag, lambda: paths)


def pull(action: str, base: str = "main", *paths: str) -> Occasion:
    return Occasion("pull_request", action, {}, base, None, lambda: paths)


@pytest.mark.parametrize(
    ("on", "occasion", "starts"),
    [
        ("push", push(), True),
        ("[push, issues]", push(), True),
        ("issues", push(), False),
        ("{push: {branches: [main, 'release/**']}}", push("release/a/b"), True),
        ("{push: {branches: [main]}}", push("other"), False),
        ("{push: {branches: ['**', '!ao/**']}}", push("ao/1"), False),
        ("{push: {branches-ignore: ['ao/**']}}", push("ao/1"), False),
        ("{push: {branches-ignore: ['ao/**']}}", push("main"), True),
        ("{push: {branches: [main]}}", push(None, "v1"), False),
        ("{push: {tags: ['v*']}}", push(None, "v1"), True),
        ("{push: {tags: ['v*']}}", push("main"), False),
        ("{push: {paths: ['src/**']}}", push("main", None, "src/a/b.py"), True),
        ("{push: {paths: ['src/**']}}", push("main", None, "docs/a.md"), False),
        ("{push: {paths: ['**.py', '!t/**']}}", push("main", None, "t/a.py"), False),
        ("{push: {paths-ignore: ['docs/**']}}", push("main", None, "docs/a", "x"), True),
        ("{push: {paths-ignore: ['docs/**']}}", push("main", None, "docs/a"), False),
        ("pull_request", pull("opened"), True),
        ("pull_request", pull("synchronize"), True),
        ("pull_request", pull("labeled"), False),
        ("pull_request", pull("closed"), False),
        ("{pull_request: {types: [closed]}}", pull("closed"), True),
        ("{pull_request: {types: [closed]}}", pull("opened"), False),
        ("{pull_request: {branches: [dev]}}", pull("opened"), False),
        ("{pull_request: {types: labeled, paths: [a]}}", pull("labeled", "main", "a"), True),
        ("{issues: {types: [labeled]}}", Occasion("issues", "opened"), False),
        ("issues", Occasion("issues", "whatever"), True),
        ("{repository_dispatch: {types: [go]}}", Occasion("repository_dispatch", "go"), True),
        ("{repository_dispatch: {types: [go]}}", Occasion("repository_dispatch", "no"), False),
        (
            "{schedule: [{cron: '1 * * * *'}]}",
            Occasion("schedule", None, {"schedule": "1 * * * *"}),
            True,
        ),
        (
            "{schedule: [{cron: '1 * * * *'}]}",
            Occasion("schedule", None, {"schedule": "2 * * * *"}),
            False,
        ),
    ],
)
def test_triggers(on: str, occasion: Occasion, *, starts: bool) -> None:
    assert triggers.matches(parse(on), occasion) is starts


@pytest.mark.parametrize(
    ("name", "action", "branch", "starts"),
    [
        ("CI", "completed", "main", True),
        ("Other", "completed", "main", False),
        ("CI", "requested", "main", False),
        ("CI", "completed", "feature", False),
    ],
)
def test_workflow_run(name: str, action: str, branch: str, *, starts: bool) -> None:
    file = parse("{workflow_run: {workflows: [CI], types: [completed], branches: [main]}}")
    occasion = Occasion("workflow_run", action, {"workflow": {"name": name}}, branch)
    assert triggers.matches(file, occasion) is starts


INPUTS = """
  workflow_dispatch:
    inputs:
      task: {required: true, type: string}
      dry: {type: boolean}
      count: {type: number, default: 2}
      kind: {type: choice, options: [a, b], default: a}
"""


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ({"task": "x"}, {"task": "x", "dry": False, "count": 2, "kind": "a"}),
        (
            {"task": 5, "dry": "true", "count": "7", "kind": "b"},
            {"task": "5", "dry": True, "count": 7, "kind": "b"},
        ),
        ({}, "Required input 'task' not provided"),
        ({"task": "x", "more": 1}, 'Unexpected inputs provided: ["more"]'),
        ({"task": "x", "kind": "z"}, "not in the list"),
        ({"task": "x", "dry": "maybe"}, "not a boolean"),
        ({"task": "x", "count": "many"}, "not a number"),
    ],
)
def test_dispatch_inputs(given: dict[str, Any], typed: Any) -> None:
    if isinstance(typed, dict):
        assert triggers.dispatch_inputs(parse(INPUTS), given) == typed
        return
    with pytest.raises(Refusal) as refused:
        triggers.dispatch_inputs(parse(INPUTS), given)
    assert refused.value.status == 422
    assert typed in refused.value.message


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*", "a", True),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("a/**", "a/b/c", True),
        ("**/x.md", "x.md", True),
        ("**/x.md", "a/b/x.md", True),
        ("*.js", "a.js", True),
        ("v[12].[0-9]+", "v1.10", True),
        ("v[12].[0-9]+", "v3.1", False),
        ("*.jsx?", "page.js", True),
        ("a.b", "axb", False),
    ],
)
def test_globs(pattern: str, name: str, *, fits: bool) -> None:
    assert globs.matches([pattern], name) is fits


@pytest.mark.parametrize(
    ("line", "after", "tick"),
    [
        ("17 * * * *", "2026-11-22T08:16:59", "2026-11-22T08:17"),
        ("17 * * * *", "2026-11-22T08:17:00", "2026-11-22T09:17"),
        ("*/15 * * * *", "2026-11-22T08:31:00", "2026-11-22T08:45"),
        ("5 0-6/3 * * *", "2026-11-22T01:00:00", "2026-11-22T03:05"),
        ("0 0 1 jan *", "2026-11-22T00:00:00", "2027-01-01T00:00"),
        ("30 5 * * mon-fri", "2026-11-21T06:00:00", "2026-11-23T05:30"),
        ("0 12 13 * 5", "2026-11-22T00:00:00", "2026-11-27T12:00"),
        ("0 0 * * 7", "2026-11-23T00:00:00", "2026-11-29T00:00"),
        ("0 0 29 2 *", "2026-11-22T00:00:00", "2028-02-29T00:00"),
    ],
)
def test_cron(line: str, after: str, tick: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    parsed = cron.parse(line)
    found = parsed.next_after(moment)
    assert found == datetime.fromisoformat(tick).replace(tzinfo=UTC)
    assert parsed.matches(found)


@pytest.mark.parametrize(
    "line", ["", "* * * *", "60 * * * *", "* * 0 * *", "x * * * *", "*/0 * * * *"]
)
def test_no_cron(line: str) -> None:
    with pytest.raises(ValueError, match="cron"):
        cron.parse(line)


@pytest.mark.parametrize(
    ("given", "legs"),
    [
        (None, [{}]),
        ({"a": [1, 2], "b": ["x"]}, [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]),
        ({"a": [1, 2], "exclude": [{"a": 1}]}, [{"a": 2}]),
        ({"include": [{"a": 1}]}, [{"a": 1}]),
        ({"a": [1, 2], "include": [{"a": 1, "c": 3}]}, [{"a": 1, "c": 3}, {"a": 2}]),
        ({"a": [1], "include": [{"a": 5}]}, [{"a": 1}, {"a": 5}]),
        ({"a": [1], "include": [{"c": 3}]}, [{"a": 1, "c": 3}]),
    ],
)
def test_matrix(given: Any, legs: list[dict[str, Any]]) -> None:
    assert matrix.expand(given) == legs


def test_an_empty_matrix_is_an_error() -> None:
    with pytest.raises(ExpressionError):
        matrix.expand({"a": []})


@pytest.mark.parametrize(
    ("top", "job", "default", "granted"),
    [
        (None, None, "read", {"contents": "read", "packages": "read"}),
        ({}, None, "write", {}),
        ({"contents": "write"}, {}, "read", {}),
        ({"contents": "write"}, {"issues": "read", "id-token": "none"}, "read", {"issues": "read"}),
        ({"pull-requests": "write"}, None, "read", {"pull_requests": "write"}),
    ],
)
def test_permissions(top: Any, job: Any, default: str, granted: dict[str, str]) -> None:
    assert permissions.resolve(top, job, default) == {"metadata": "read"} | granted


@pytest.mark.parametrize(
    ("ended", "whole"),
    [
        ("success skipped", "success"),
        ("skipped skipped", "skipped"),
        ("success cancelled", "cancelled"),
        ("cancelled timed_out success", "timed_out"),
        ("timed_out failure", "failure"),
    ],
)
def test_a_run_ends_as_the_worst_of_its_jobs(ended: str, whole: str) -> None:
    jobs = [Job(1, 1, 1, "a", "a", "0", "completed", conclusion=each) for each in ended.split()]
    assert wire.conclusion(jobs) == whole


def test_groups_keep_the_newest_or_all() -> None:
    groups, key = Groups(), ("r", "g")
    assert groups.join(key, ("run", 1)).acquired
    assert groups.join(key, ("run", 2)).cancelled == []
    assert groups.join(key, ("run", 3)).cancelled == [("run", 2)]
    assert groups.join(key, ("run", 4), cancel_in_progress=True).cancelled == [
        ("run", 3),
        ("run", 1),
    ]
    assert groups.leave(("run", 1)) == [("run", 4)]
    assert [groups.join(key, ("run", n), queue_max=True).refused for n in range(5, 106)] == [
        *([False] * 100),
        True,
    ]
    assert groups.leave(("run", 4)) == [("run", 5)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[", "Invalid workflow file"),
        ("on: push", "`jobs` is missing"),
        (f"{JOBS}", "`on` is missing"),
        ("on: push\njobs: {a: {runs-on: x, needs: b, steps: [{run: x}]}}", "does not exist"),
        (
            "on: push\njobs: {a: {runs-on: x, needs: b, steps: [{run: x}]}, "
            "b: {runs-on: x, needs: a, steps: [{run: x}]}}",
            "circle",
        ),
        ("on: push\njobs: {a: {uses: ./x}}", "reusable workflow"),
        ("on: push\njobs: {a: {runs-on: x, steps: [{run: x, uses: y}]}}", "either"),
        ("on: {schedule: [{cron: bad}]}\n" + JOBS, "cron"),
        (
            "on: push\nconcurrency: {group: a, queue: max, cancel-in-progress: true}\n" + JOBS,
            "exclude",
        ),
    ],
)
def test_invalid_workflows_say_why(text: str, error: str) -> None:
    file = workflow.parse("w.yml", text)
    assert file.error is not None
    assert error in file.error


def test_yaml_words_stay_words() -> None:
    file = parse("push", "env: {A: yes, B: on, C: 1:30, D: 2026-11-22, E: 012, F: true}\n" + JOBS)
    assert file.raw["env"] == {
        "A": "yes",
        "B": "on",
        "C": "1:30",
        "D": "2026-11-22",
        "E": 12,
        "F": True,
    }


def test_the_copy_holds_one_job_with_all_decisions_filled_in() -> None:
    file = parse(
        "push",
        "permissions: {}\nconcurrency: g\nenv: {A: '${{ inputs.a }}'}\n"
        "jobs:\n  a: {runs-on: x, steps: [{run: x}]}\n"
        "  b:\n    needs: a\n    if: always()\n    runs-on: [self-hosted, big]\n    snapshot: 1\n"
        "    steps:\n      - {if: needs.a.result == 'failure' && env.needs, run: 'echo hi'}\n"
        "      - {run: 'echo ${{ github.workflow_ref }} ${{ github.event.needs.a }}'}\n",
    )
    copy = isolate.isolate(
        file,
        file.jobs["b"],
        event="push",
        wrapper="/w",
        literals={"needs": {"a": {"result": "failure"}}, "inputs": {"a": 1}},
        properties={("github", "workflow_ref"): "w@main"},
    )
    document = json.loads(copy.text)
    assert copy.removed == ["snapshot"]
    assert document["on"] == {"push": None}
    assert list(document["jobs"]) == ["b"]
    job = document["jobs"]["b"]
    assert set(job) == {"runs-on", "steps"}
    assert job["steps"][0]["if"].startswith("fromJSON('")
    assert job["steps"][0]["if"].endswith(").a.result == 'failure' && env.needs")
    assert job["steps"][1]["run"] == "echo ${{ 'w@main' }} ${{ github.event.needs.a }}"
    assert "fromJSON" in document["env"]["A"]


SHELLS = """\
defaults: {run: {shell: sh}}
jobs:
  plain: {runs-on: x, steps: [{run: x}, {run: x, shell: bash}, {uses: a/b@c}]}
  python: {runs-on: x, defaults: {run: {shell: python}}, steps: [{run: x}]}
  own: {runs-on: x, steps: [{run: x, shell: 'perl {0}'}, {run: x, shell: pwsh}]}
  late: {runs-on: x, steps: [{run: x, shell: '${{ matrix.shell }} {0}'}]}
"""
BASH = "/bin/sh '/w w' bash --noprofile --norc -eo pipefail {0}"


@pytest.mark.parametrize(
    ("top", "job", "shells"),
    [
        (SHELLS, "plain", ["/bin/sh '/w w' sh -e {0}", BASH, None]),
        (SHELLS, "python", ["/bin/sh '/w w' python {0}"]),
        (SHELLS, "own", ["/bin/sh '/w w' perl {0}", "pwsh"]),
        (SHELLS, "late", ["${{ matrix.shell }} {0}"]),
        (JOBS, "a", ["/bin/sh '/w w' bash -e {0}"]),
    ],
)
def test_the_copy_runs_shells_by_the_wrapper(top: str, job: str, shells: list[str | None]) -> None:
    file = parse("push", top)
    copy = isolate.isolate(
        file, file.jobs[job], event="push", wrapper="/w w", literals={}, properties={}
    )
    assert [step.get("shell") for step in json.loads(copy.text)["jobs"][job]["steps"]] == shells

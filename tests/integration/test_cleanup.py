"""`ao-actions cleanup` as a process: what it removes and leaves, and that it says so before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ao_actions import cleanup, errors
from ao_actions.core.cleanup import DeleteBranch
from ao_actions.core.model import Phase
from tests.integration.conftest import CONFIG, NAME, Factory
from tests.integration.test_cli import Shell, refused
from tests.integration.test_publish import FIX, check, claimed


@pytest.fixture
def clean(factory: Factory, tmp_path: Path) -> Shell:
    folder = tmp_path / "clone"
    (folder / ".github").mkdir(parents=True)
    (folder / ".github" / "ao.yml").write_text(CONFIG)
    return Shell(
        folder,
        GITHUB_TOKEN=factory.bot,
        GITHUB_REPOSITORY=NAME,
        GITHUB_API_URL=factory.hub.api_url,
        GITHUB_GRAPHQL_URL=factory.hub.graphql_url,
        GITHUB_SERVER_URL=factory.hub.url,
    )


def merged(factory: Factory, method: str = "merge") -> int:
    """A task that is done; its branch is still there."""
    number = claimed(factory)
    factory.publish(number, files={f"src/of_{number}.py": f"x = {number}\n"})
    check(factory, number, "success")
    pull = next(p for p in factory.pulls() if p.head_ref == f"ao/{number}")
    factory.call("PUT", f"pulls/{pull.number}/merge", merge_method=method)
    factory.reconcile()
    assert factory.finished(number).finished is Phase.DONE
    return number


def withdrawn(factory: Factory) -> int:
    """A task whose pull request a human closed."""
    number = claimed(factory)
    factory.publish(number, files=FIX)
    pull = next(p for p in factory.pulls() if p.head_ref == f"ao/{number}")
    factory.reconcile()
    factory.call("PATCH", f"pulls/{pull.number}", state="closed")
    factory.reconcile()
    assert factory.finished(number).finished is Phase.WITHDRAWN
    return number


def refs(factory: Factory) -> dict[str, str]:
    lines = factory.hub.world.git(NAME, "for-each-ref", "--format=%(refname) %(objectname)")
    return dict(line.split() for line in lines.splitlines())


def artifacts(factory: Factory) -> set[str]:
    return {artifact.name for run in factory.repo.runs for artifact in run.artifacts}


def plan(shell: Shell) -> list[dict[str, Any]]:
    done = shell.run("cleanup", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    steps: list[dict[str, Any]] = json.loads(done.stdout)["plan"]
    return steps


def test_the_dry_run_prints_what_the_real_run_then_does(clean: Shell, factory: Factory) -> None:
    done = [merged(factory), merged(factory, "squash")]
    dropped = withdrawn(factory)
    head = factory.branch(f"ao/{dropped}")
    theirs = factory.push("ao/999", {"theirs.txt": "1\n"}, start=factory.branch("main"))
    live = claimed(factory)
    factory.publish(live, files=FIX)
    factory.keep(factory.work_run(done[0]), "coverage", b"x")
    factory.pass_time(days=13)
    before, stored = refs(factory), artifacts(factory)
    dry = clean.run("cleanup", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert (refs(factory), artifacts(factory)) == (before, stored)
    assert f"keep branch ao/{dropped}" in dry.stdout
    factory.pass_time(days=18)
    dry = clean.run("cleanup", "--dry-run")
    real = clean.run("cleanup", "--yes")
    assert real.returncode == 0, real.stderr
    assert real.stdout.splitlines() == [
        line.replace(": planned (", ": deleted (") for line in dry.stdout.splitlines()
    ]
    gone = {f"refs/heads/ao/{number}" for number in (*done, dropped)}
    kept = {name: oid for name, oid in before.items() if name not in gone}
    assert refs(factory) == {**kept, f"refs/ao/attic/{dropped}/1": head}
    assert refs(factory)["refs/heads/ao/999"] == theirs
    assert artifacts(factory) == {"coverage", f"handoff-{live}-4-1"}
    again = clean.run("cleanup", "--yes")
    assert again.stdout == "Nothing is to be removed.\n"


def test_a_rebased_branch_is_recognised_by_its_pull_request(clean: Shell, factory: Factory) -> None:
    number = claimed(factory)
    factory.publish(number, files=FIX)
    check(factory, number, "success")
    factory.push("main", {"other.txt": "1\n"})
    (pull,) = factory.pulls()
    factory.call("PUT", f"pulls/{pull.number}/merge", merge_method="squash")
    factory.reconcile()
    step = next(step for step in plan(clean) if step["action"] == "DeleteBranch")
    assert step["because"] == f"it was merged by #{pull.number}"


@pytest.mark.parametrize("deed", ["commit", "pull request onto it"])
def test_what_a_human_did_with_the_branch_keeps_it(
    clean: Shell, factory: Factory, deed: str
) -> None:
    number = merged(factory)
    if deed == "commit":
        factory.push(f"ao/{number}", {"mine.txt": "1\n"})
    else:
        factory.push("mine", {"mine.txt": "1\n"}, start=factory.branch("main"))
        factory.post("pulls", title="Mine", head="mine", base=f"ao/{number}")
    before = refs(factory)
    assert [s["action"] for s in plan(clean) if "branch" in s] == ["Keep"]
    assert clean.run("cleanup", "--yes").returncode == 0
    assert refs(factory) == before


def cleaner(factory: Factory) -> cleanup.Cleaner:
    return cleanup.Cleaner(
        client=factory.client(),
        ledger=factory.ledger(),
        policy=factory.config.policy(),
        progress=factory.said.append,
    )


@pytest.mark.parametrize("deed", ["moved", "deleted", "opened", "labelled"])
def test_what_happens_after_the_look_is_respected(factory: Factory, deed: str) -> None:
    number = withdrawn(factory)
    factory.pass_time(days=31)
    cleaning = cleaner(factory)
    steps = [step for step in cleaning.plan() if isinstance(step, DeleteBranch)]
    branch = f"ao/{number}"
    match deed:
        case "moved":
            factory.push(branch, {"mine.txt": "1\n"})
        case "deleted":
            factory.call("DELETE", f"git/refs/heads/{branch}")
        case "opened":
            (pull,) = factory.pulls()
            factory.call("PATCH", f"pulls/{pull.number}", state="open")
        case _:
            factory.call("DELETE", f"issues/{number}/labels/ao:ready")
            factory.post(f"issues/{number}/labels", labels=["ao:ready"])
            factory.reconcile()
    before = refs(factory)
    done, failures = cleaning.run(steps, lambda _step: None)
    assert failures == ()
    results = {
        "moved": "kept: it was moved meanwhile",
        "deleted": "gone already",
        "opened": f"kept: #{factory.pulls()[0].number} was opened meanwhile",
        "labelled": "kept: the task has come back meanwhile",
    }
    assert [step.result for step in done] == [results[deed]]
    assert refs(factory) == before


def test_nobody_is_asked_without_a_terminal(clean: Shell, factory: Factory) -> None:
    merged(factory)
    before = refs(factory)
    done = clean.run("cleanup")
    done.stderr = done.stderr.splitlines()[-1]  # what stands before is progress
    refused(done, errors.AoError, "--dry-run", "--yes", "Nothing was changed")
    assert refs(factory) == before


def test_what_github_refuses_is_said_and_stops_nothing_else(clean: Shell, factory: Factory) -> None:
    numbers = [merged(factory), merged(factory)]
    world = factory.hub.world
    lock = world.git_dir(NAME) / f"refs/heads/ao/{numbers[0]}.lock"
    lock.touch()
    done = clean.run("cleanup", "--yes")
    assert done.returncode == errors.StuckError.exit_code
    assert f"delete branch ao/{numbers[0]}" in done.stderr.splitlines()[-1]
    assert factory.branch(f"ao/{numbers[0]}") is not None
    assert factory.branch(f"ao/{numbers[1]}") is None
    assert artifacts(factory) == set()

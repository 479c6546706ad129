"""`ao-actions ledger`, and a pass, where the ledger or the machine is not as it should be."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ao_actions import errors, publish
from ao_actions.bookfiles import FINISHED, LEDGER, WITNESS
from ao_actions.core.model import Outcome
from ao_actions.forge.client import Address, Client
from ao_actions.git import Git, Remote
from ao_actions.ledger import Ledger
from tests.builders import to_claim
from tests.hub import write
from tests.integration.conftest import NAME, OWNER, Factory
from tests.integration.renamed import Renamed
from tests.integration.test_cli import Shell, refused, shell
from tests.integration.test_reviews import published, quiet, review

__all__ = ["shell"]  # the fixture


@pytest.fixture
def issue(factory: Factory) -> int:
    """A task that was published, and whose pull request is open."""
    number = factory.issue()
    factory.reconcile()
    factory.publish(number, files={"src/code.py": "def answer():\n    return 42\n"})
    factory.reconcile()
    return number


def refs(factory: Factory) -> dict[str, str]:
    lines = factory.hub.world.git(NAME, "for-each-ref", "--format=%(refname) %(objectname)")
    return dict(line.split(" ") for line in lines.splitlines())


def delete(factory: Factory, *names: str) -> None:
    for name in names:
        factory.hub.world.git(NAME, "update-ref", "-d", name)


# ---- the commands --------------------------------------------------------------------------


def test_log_tells_a_task_s_life(shell: Shell, factory: Factory, issue: int) -> None:
    run = factory.work_run(issue)
    lines = shell.run("ledger", "log", str(issue)).stdout.splitlines()
    assert lines[0].startswith("WHEN (UTC)")
    assert lines[1].endswith("claimed, epoch 1, queued")
    assert any("changes, epoch 1" in line for line in lines)
    history = json.loads(shell.run("ledger", "log", str(issue), "--json").stdout)["history"]
    assert len(history) == len(lines) - 1
    assert {entry["run_id"] for entry in history} <= {None, run.id}
    assert shell.run("ledger", "log", "99").stdout == "The ledger has nothing of task 99.\n"


def test_verify_and_repair_of_what_somebody_deleted(
    shell: Shell, factory: Factory, issue: int
) -> None:
    assert shell.run("ledger", "verify").returncode == 0
    before = factory.tip()
    delete(factory, LEDGER)
    refused(shell.run("reconcile"), errors.LedgerError, f"{LEDGER} is gone", "ledger repair")
    done = shell.run("ledger", "verify")
    assert done.returncode == errors.UnhealthyError.exit_code
    assert (
        "is not there, but refs/ao/witness, refs/heads/ao/1 show that it was [gone]" in done.stdout
    )
    found = json.loads(shell.run("ledger", "verify", "--json").stdout)
    assert [finding["kind"] for finding in found["findings"]] == ["gone"]
    there = refs(factory)
    dry = shell.run("ledger", "repair", "--dry-run")
    refused(shell.run("ledger", "repair"), errors.AoError, "nobody is here to be asked", "--yes")
    assert refs(factory) == there
    assert shell.run("ledger", "repair", "--yes").stdout == dry.stdout
    assert factory.tip().book == before.book
    assert shell.run("ledger", "verify").returncode == 0
    assert shell.run("ledger", "repair", "--yes").stdout == "Nothing is to be mended.\n"
    assert shell.run("reconcile").returncode == 0


def test_a_factory_that_has_not_begun_has_a_sound_ledger(shell: Shell) -> None:
    assert shell.run("ledger", "verify").stdout == (
        "There is no ledger yet: the first pass makes it.\n"
    )
    assert shell.run("ledger", "compact").stdout == "No history is older than 90 days.\n"
    assert shell.run("ledger", "repair", "--yes").stdout == "Nothing is to be mended.\n"


def test_wrong_arguments_are_exit_code_2(shell: Shell) -> None:
    for wrong in (
        ("log", "0"),
        ("log", "x"),
        ("verify", "--max-parallel", "0"),
        ("repair", "--from-github", "--to", "abc"),
        ("compact", "--keep-days", "-1"),
    ):
        assert shell.run("ledger", *wrong).returncode == 2


def test_compact_says_what_it_then_does(shell: Shell, factory: Factory, issue: int) -> None:
    assert shell.run("ledger", "compact").stdout == "No history is older than 90 days.\n"
    story = shell.run("ledger", "log", str(issue), "--json").stdout
    factory.pass_time(days=2)
    there = refs(factory)
    dry = shell.run("ledger", "compact", "--keep-days", "1", "--dry-run")
    assert refs(factory) == there
    assert shell.run("ledger", "compact", "--keep-days", "1").stdout == dry.stdout
    assert f"{LEDGER}: " in dry.stdout
    assert there[LEDGER] in refs(factory).values()
    assert shell.run("ledger", "log", str(issue), "--json").stdout == story
    assert shell.run("ledger", "verify").returncode == 0
    assert shell.run("reconcile").returncode == 0


def test_a_ledger_whose_every_copy_is_lost_is_rebuilt_from_github(
    shell: Shell, factory: Factory, issue: int
) -> None:
    """What was spent is not known any more, so nothing starts before its owner says so."""
    waiting = factory.issue("Another")
    delete(factory, LEDGER, WITNESS)
    refused(shell.run("ledger", "repair", "--yes"), errors.LedgerError, "--from-github")
    assert shell.run("ledger", "repair", "--yes", "--from-github").returncode == 0
    record = factory.task(issue)
    assert (record.branch, record.pull, record.epoch) == ("ao/1", factory.pulls()[0].number, 1)
    assert (record.claim, record.owner) == (None, OWNER)
    assert shell.run("ledger", "verify").returncode == 0
    rows = json.loads(shell.run("reconcile", "--json").stdout)["tasks"]
    assert {row["issue"]: row["phase"] for row in rows} == {
        issue: "needs_human",
        waiting: "working",
    }
    assert factory.task(waiting).epoch == 2
    factory.post(f"issues/{issue}/comments", body="/ao retry")
    rows = json.loads(shell.run("reconcile", "--json").stdout)["tasks"]
    assert "needs_human" not in {row["phase"] for row in rows}
    assert [pull.merged for pull in factory.pulls()] == [False]


def test_a_lost_task_without_a_branch_is_known_by_its_run(
    shell: Shell, factory: Factory, issue: int
) -> None:
    other = factory.issue("Another")
    factory.reconcile()
    assert factory.task(other).claim is not None
    factory.end_run(factory.work_run(other))
    delete(factory, LEDGER, WITNESS)
    assert shell.run("ledger", "repair", "--yes", "--from-github").returncode == 0
    record = factory.task(other)
    assert (record.epoch, record.published, record.claim) == (2, (), None)
    assert record.stop is not None
    rows = json.loads(shell.run("reconcile", "--json").stdout)["tasks"]
    assert {row["issue"]: row["phase"] for row in rows}[other] == "needs_human"
    factory.post(f"issues/{other}/comments", body="/ao retry")
    assert shell.run("reconcile").returncode == 0
    claim = factory.task(other).claim
    assert claim is not None
    assert factory.task(other).epoch == 3


def test_a_shallow_clone_lends_what_it_has(shell: Shell, factory: Factory, issue: int) -> None:
    clone = shell.folder
    shutil.rmtree(clone / ".github")
    subprocess.run(["git", "init", "--quiet", str(clone)], check=True)
    url = f"http://x-access-token:{factory.token}@{factory.hub.url.removeprefix('http://')}"
    fetch = ["git", "fetch", "--quiet", "--depth=1", f"{url}/{NAME}.git", "+refs/ao/*:refs/ao/*"]
    subprocess.run(fetch, cwd=clone, check=True)
    before = factory.tip().book
    delete(factory, LEDGER, WITNESS)
    done = shell.run("ledger", "repair", "--yes")
    assert done.returncode == 0, done.stderr
    assert factory.tip().book == before
    assert FINISHED not in refs(factory)


# ---- the repository ------------------------------------------------------------------------


def test_a_pass_under_a_name_that_the_repository_had(shell: Shell, factory: Factory) -> None:
    """A job that began before the rename: reads are sent on, git is, and writes must be."""
    number = factory.issue()
    with Renamed("acme/gadgets", NAME, factory.hub.url, factory.hub.api_url) as github:
        shell.env |= {
            "GITHUB_REPOSITORY": "acme/gadgets",
            "GITHUB_API_URL": github.api,
            "GITHUB_GRAPHQL_URL": f"{github.url}/graphql",
            "GITHUB_SERVER_URL": github.url,
        }
        done = shell.run("reconcile")
        assert done.returncode == 0, done.stderr
        done = shell.run("add", str(factory.issue("Another", label=False)))
        assert done.returncode == errors.ForgeError.exit_code
        assert "acme/gadgets was renamed or transferred, so this was not done" in done.stderr
    assert factory.task(number).claim is not None
    assert len(factory.work_runs()) == 1
    assert "ao:working" in factory.labels(number)
    assert len(factory.status_comments(number)) == 1


def test_publish_under_a_name_that_the_repository_had(factory: Factory) -> None:
    """PyGithub drops a redirect's query: all open pull requests would be those of the branch."""
    issue, pull = published(factory)
    review(factory, pull, "Say why.")
    quiet(factory)
    factory.call("PATCH", f"pulls/{pull.number}", state="closed")
    head = factory.branch("ao/1")
    with Renamed("acme/gadgets", NAME, factory.hub.url, factory.hub.api_url) as github:
        address = Address(github.api, f"{github.url}/graphql", github.url)
        client = Client("acme/gadgets", factory.bot, address)
        with publish.waking(client, factory.said.append):
            outcome = factory.publish(issue, client, files={"why.md": "Because.\n"})
    assert outcome == Outcome.WITHDRAWN
    assert factory.task(issue).attempts[-1].detail == "the pull request was closed"
    assert factory.branch("ao/1") == head
    assert [run.name for run in factory.repo.runs][-1] == "ao-reconcile"


def test_an_issue_that_was_transferred_gets_no_work_here(factory: Factory) -> None:
    """A read of it is sent on to where it is now, and it is open there."""
    number = factory.issue()
    factory.reconcile()
    factory.hub.world.create_repository("acme/other").collaborators[OWNER] = "admin"
    there = f"{factory.hub.api_url}/repos/acme/other/issues"
    factory.call("POST", there, title="Return 42", body="Please.", labels=["ao:ready"])
    old, new = f"{NAME}/issues/{number}", "acme/other/issues/1"
    with Renamed(old, new, factory.hub.url, factory.hub.api_url) as github:
        address = Address(github.api, factory.hub.graphql_url, github.url)
        client = Client(NAME, factory.bot, address)
        outcome = factory.publish(number, client, files={"src/code.py": "x = 42\n"})
    assert outcome == Outcome.WITHDRAWN
    assert factory.task(number).attempts[-1].detail == "the issue was transferred to acme/other"
    assert factory.branch("ao/1") is None


def renamed(factory: Factory) -> None:
    """The default branch has another name, and none by the old one is left."""
    world = factory.hub.world
    main = world.ref_oid(NAME, "refs/heads/main")
    assert main is not None
    world.git(NAME, "update-ref", "refs/heads/trunk", main)
    factory.call("PATCH", "", default_branch="trunk")
    world.git(NAME, "update-ref", "-d", "refs/heads/main")


def test_a_default_branch_that_is_renamed_after_the_work(factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    run, folder = factory.work_run(number), factory.hand_off(number, files={"why.md": "So.\n"})
    renamed(factory)
    assert publish.publish(factory.publication(run, folder), number, 1) == Outcome.REFUSED
    factory.reconcile()
    assert "the base branch main is gone" in factory.status_comments(number)[0]
    factory.pass_time(seconds=2)
    factory.post(f"issues/{number}/comments", body="/ao retry")
    factory.reconcile()
    claim = factory.task(number).claim
    assert claim is not None
    assert claim.base == "trunk"
    factory.publish(number, files={"why.md": "So.\n"})
    assert [pull.base_ref for pull in factory.pulls()] == ["trunk"]


def test_a_default_branch_that_is_renamed_before_the_work(factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    renamed(factory)
    with pytest.raises(errors.GitError, match="the branch main is not there any more: the next"):
        factory.hand_off(number)


def test_a_machine_whose_clock_is_an_hour_off(factory: Factory) -> None:
    """GitHub's clock is an hour ahead of ours here: the ledger's times are GitHub's."""
    factory.pass_time(hours=1)
    number = factory.issue()
    factory.reconcile()
    claim = factory.task(number).claim
    assert claim is not None
    assert abs((claim.claimed_at - factory.hub.world.clock.now()).total_seconds()) < 120
    at = factory.hub.world.git(NAME, "log", "-1", "--format=%ct", LEDGER)
    assert abs(int(at) - factory.hub.world.clock.now().timestamp()) < 120


# ---- the machine ---------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [0, 1])
def test_a_full_disk(shell: Shell, factory: Factory, blocks: int) -> None:
    """Files may not grow beyond so many blocks, as on a disk without room."""
    number = factory.issue()
    before = refs(factory)
    done = subprocess.run(
        ["bash", "-c", f'ulimit -f {blocks}; exec "$0" -m ao_actions reconcile', shell.python],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (errors.GitError.exit_code, 1)
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert refs(factory) == before
    assert factory.work_runs() == []
    assert shell.run("reconcile").returncode == 0
    assert factory.task(number).epoch == 1


def test_a_git_that_is_too_old(shell: Shell, tmp_path: Path) -> None:
    real = shutil.which("git")
    programs = tmp_path / "old"
    programs.mkdir()
    (programs / "git").write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo git version 2.29.2 || exec {real} "$@"\n'
    )
    (programs / "git").chmod(0o755)
    shell.env["PATH"] = f"{programs}:{shell.env['PATH']}"
    for command in (("reconcile",), ("ledger", "verify"), ("demo",)):
        refused(shell.run(*command), errors.ToolMissingError, "git 2.29.2 is too old", "2.38")


@pytest.mark.parametrize("begun", [True, False])
def test_a_repository_that_names_objects_by_sha_256(tmp_path: Path, *, begun: bool) -> None:
    hub = tmp_path / "hub.git"
    subprocess.run(["git", "init", "-q", "--bare", "--object-format=sha256", str(hub)], check=True)

    def git(*args: str) -> str:
        command = ["git", "-c", f"user.name={OWNER}", "-c", "user.email=m@x", *args]
        done = subprocess.run(command, cwd=hub, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    tree = git("hash-object", "-t", "tree", "-w", "/dev/null")
    ref = LEDGER if begun else "refs/heads/main"
    git("update-ref", ref, git("commit-tree", tree, "-m", "x"))
    before = git("for-each-ref")
    ledger = Ledger(Git.scratch(tmp_path / "scratch.git", Remote(str(hub))))
    with pytest.raises(errors.GitError, match="names objects by SHA-256, which ao-actions cannot"):
        write(ledger, to_claim(42))
    assert git("for-each-ref") == before

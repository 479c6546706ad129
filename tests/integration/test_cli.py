"""The command line as a user meets it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ao_actions import errors
from tests.integration.conftest import CONFIG, NAME, Factory


class Shell:
    """Runs `ao-actions` in a folder with a clean environment."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.python = sys.executable
        self.env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            **env,
        }

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-m", "ao_actions", *args],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def shell(factory: Factory, tmp_path: Path) -> Shell:
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


def refused(
    done: subprocess.CompletedProcess[str], kind: type[errors.AoError], *words: str
) -> None:
    assert done.returncode == kind.exit_code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_status_of_an_empty_factory(shell: Shell) -> None:
    done = shell.run("status")
    assert done.returncode == 0
    assert done.stdout.startswith("No tasks")


def test_add_reconcile_and_status_tell_the_same_story(shell: Shell, factory: Factory) -> None:
    number = factory.issue(label=False)
    shell.env["GITHUB_TOKEN"] = factory.token  # a person's: a bot's label starts nothing
    assert shell.run("add", f"#{number}").stdout.startswith(f"#{number} labelled ao:ready")
    assert shell.run("add", str(number)).stdout.startswith(f"#{number} has already ao:ready")
    plan = json.loads(shell.run("reconcile", "--dry-run", "--json").stdout)
    assert plan["plan"][0]["action"] == "Claim"
    assert plan["plan"][0]["because"] == "nothing has started"
    assert factory.work_runs() == []
    done = json.loads(shell.run("reconcile", "--json").stdout)
    assert [step["action"] for step in done["plan"]] == [s["action"] for s in plan["plan"]]
    row = json.loads(shell.run("status", "--json").stdout)["tasks"][0]
    assert (row["issue"], row["phase"], row["owner"]) == (number, "working", "maya")
    assert "working" in shell.run("status").stdout


def test_every_command_has_its_whole_line_in_the_help(shell: Shell) -> None:
    """click cuts what does not fit."""
    for group in ((), ("ledger",), ("agents",), ("localgithub",)):
        said = shell.run(*group, "--help").stdout
        assert "Commands:" in said
        assert "..." not in said.partition("Commands:")[2]


def test_which_repository_is_not_known(shell: Shell) -> None:
    del shell.env["GITHUB_REPOSITORY"]
    refused(shell.run("status"), errors.AoError, "no clone of one is here", "--repository")


def test_no_token(shell: Shell) -> None:
    del shell.env["GITHUB_TOKEN"]
    refused(shell.run("status"), errors.AuthError, "GITHUB_TOKEN")


def test_wrong_token(shell: Shell) -> None:
    shell.env["GITHUB_TOKEN"] = "wrong"
    refused(shell.run("status"), errors.AuthError, "refuses the token")


def test_no_such_repository(shell: Shell, factory: Factory) -> None:
    done = shell.run("status", "--repository", "acme/nothing")
    refused(done, errors.NotFoundError, f"{factory.hub.url}/acme/nothing", "owner/name")


def test_not_a_repository_name(shell: Shell) -> None:
    refused(shell.run("status", "-R", "widgets"), errors.AoError, "owner/name")


def test_no_config(shell: Shell) -> None:
    shutil.rmtree(shell.folder / ".github")
    refused(shell.run("reconcile"), errors.ConfigError, ".github/ao.yml", "ao-actions init")


def test_an_unknown_key_is_named_with_the_nearest(shell: Shell) -> None:
    (shell.folder / ".github" / "ao.yml").write_text("max_paralel: 2\n")
    refused(shell.run("reconcile"), errors.ConfigError, "'max_paralel'", "'max_parallel'")


def test_an_issue_that_does_not_exist_changes_nothing(shell: Shell, factory: Factory) -> None:
    number = factory.issue(label=False)
    done = shell.run("add", str(number), "999")
    refused(done, errors.NotFoundError, "issues/999", "nothing was changed")
    assert factory.labels(number) == set()


def test_what_is_not_a_number(shell: Shell) -> None:
    refused(shell.run("add", "x"), errors.AoError, "'x'", "nothing was changed")


def test_a_newer_ledger_stops_every_command_and_is_kept(shell: Shell, factory: Factory) -> None:
    number = factory.issue()
    factory.reconcile()
    world = factory.hub.world
    text = world.git(NAME, "show", f"refs/ao/ledger:tasks/0{number}/{number}.json")
    newer = text.replace('"schema": 3', '"schema": 4')
    blob = world.git(NAME, "hash-object", "-w", "--stdin", input=newer.encode()).strip()
    tree = f"100644 blob {blob}\tfleet.json\n".encode()
    oid = world.git(NAME, "mktree", input=tree).strip()
    env = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    commit = world.git(NAME, *env, "commit-tree", oid, "-m", "newer").strip()
    world.git(NAME, "update-ref", "refs/ao/ledger", commit)
    refused(shell.run("reconcile"), errors.LedgerError, "schema 4", "nothing was changed")
    assert world.ref_oid(NAME, "refs/ao/ledger") == commit


def test_no_git(shell: Shell, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    shell.env["PATH"] = str(empty)
    refused(shell.run("status"), errors.ToolMissingError, "git was not found")
    refused(shell.run("demo"), errors.ToolMissingError, "git was not found")


def test_no_act(shell: Shell, tmp_path: Path) -> None:
    """A Python with the same packages, but without the programs that were installed with them."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "python").symlink_to(Path(sys.executable).resolve())
    git = shutil.which("git")
    assert git is not None
    (bin_folder / "git").symlink_to(git)
    shell.python = str(bin_folder / "python")
    shell.env |= {"PATH": str(bin_folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    refused(shell.run("demo"), errors.ToolMissingError, "act is not installed")


def test_github_that_does_not_answer(shell: Shell) -> None:
    for name in ("GITHUB_API_URL", "GITHUB_GRAPHQL_URL", "GITHUB_SERVER_URL"):
        shell.env[name] = "http://127.0.0.1:9"
    refused(shell.run("status"), errors.ForgeError, "http://127.0.0.1:9")


def test_a_port_in_use(shell: Shell, factory: Factory, tmp_path: Path) -> None:
    port = factory.hub.url.rsplit(":", 1)[1]
    done = shell.run("localgithub", "serve", "--root", str(tmp_path / "w"), "--port", port)
    refused(done, errors.PortInUseError, port)


def test_work_and_publish_belong_into_a_job(shell: Shell) -> None:
    for name in ("work", "publish"):
        extra = ["--handoff", "x"] if name == "publish" else []
        done = shell.run(name, "--task", "1", "--epoch", "1", *extra)
        refused(done, errors.AoError, "GITHUB_RUN_ID")


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        pytest.param(("GET", ".*/artifacts"), 4, ["error: GET ", "may not do that"], id="one"),
        pytest.param(("POST", ".*/dispatches"), 5, ["error: ", "ao-reconcile.yml"], id="waking"),
        pytest.param(
            ("GET|POST", ".*/(artifacts|dispatches)"),
            4,
            ["warning: no pass was started, ", "ao-reconcile.yml", "\nerror: GET "],
            id="both: the first counts",
        ),
    ],
)
def test_publish_fails_with_its_first_error(
    shell: Shell, factory: Factory, wrong: tuple[str, str], code: int, said: list[str]
) -> None:
    from ao_actions.localgithub.faults import Fault

    number = factory.issue()
    factory.reconcile()
    run = factory.work_run(number)
    method, path = wrong
    for verb, answer in (("GET", "forbidden"), ("POST", "not-found")):
        if verb in method:
            factory.hub.app.faults.append(Fault(verb, path, answer=answer, times=None))
    shell.env["GITHUB_RUN_ID"] = str(run.id)
    done = shell.run("publish", "--task", str(number), "--epoch", "1")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr
    assert (factory.task(number).claim is None) is (code == 5), "an attempt without a hand-off"


def test_git_s_limit_is_a_limit(shell: Shell, factory: Factory) -> None:
    from ao_actions.localgithub.faults import Fault

    limit = Fault("GET", ".*/info/refs", status=429, headers={"Retry-After": "900"}, times=None)
    factory.hub.app.faults.append(limit)
    done = shell.run("reconcile")
    refused(done, errors.RateLimitError, "error: 429: the limit is over in 900 seconds")
    assert limit.fired == 1


def test_init_writes_workflows_config_and_labels_once(shell: Shell, factory: Factory) -> None:
    shutil.rmtree(shell.folder / ".github")
    shell.env["GITHUB_TOKEN"] = factory.token
    subprocess.run(["git", "init", "-q", str(shell.folder)], check=True)
    first = shell.run("init", "--json")
    assert first.returncode == 0, first.stderr
    written = json.loads(first.stdout)
    assert {file["what"] for file in written["files"]} == {"created"}
    assert "ao:ready" in written["labels"]
    again = json.loads(shell.run("init", "--json").stdout)
    assert {file["what"] for file in again["files"]} == {"unchanged"}
    assert again["labels"] == []


def test_init_never_overwrites_a_workflow_of_somebody_else(shell: Shell) -> None:
    subprocess.run(["git", "init", "-q", str(shell.folder)], check=True)
    theirs = shell.folder / ".github" / "workflows" / "ao-work.yml"
    theirs.parent.mkdir()
    theirs.write_text("name: mine\n")
    refused(shell.run("init"), errors.ConfigError, "ao-work.yml", "nothing was written")
    assert sorted(path.name for path in theirs.parent.iterdir()) == ["ao-work.yml"]


def test_init_outside_of_a_clone(shell: Shell) -> None:
    refused(shell.run("init"), errors.ConfigError, "not in a git repository")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_is_printed(shell: Shell, name: str) -> None:
    assert "_AO_ACTIONS_COMPLETE" in shell.run("completion", name).stdout


def test_a_pass_that_meets_a_limit_lists_what_is_left(shell: Shell, factory: Factory) -> None:
    from ao_actions.localgithub.faults import Fault

    number = factory.issue()
    limit = Fault(
        "POST", "/repos/.*", answer="secondary-limit", headers={"Retry-After": "900"}, times=None
    )
    factory.hub.app.faults.append(limit)
    done = shell.run("reconcile")
    assert done.returncode == errors.RateLimitError.exit_code == 75, done.stderr
    assert "left for the next pass:" in done.stderr
    assert f"task {number}: start a run" in done.stderr
    assert "Traceback" not in done.stderr
    assert limit.fired == 1
    factory.hub.app.faults.clear()
    factory.pass_time(minutes=15)
    assert shell.run("reconcile").returncode == 0
    assert [run.inputs["task"] for run in factory.work_runs()] == [str(number)]

"""`init` and `upgrade` as a user meets them: a process in a real clone, the real local GitHub."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ao_actions import __version__, errors
from ao_actions.localgithub import seed
from ao_actions.localgithub.model import Repository
from ao_actions.localgithub.server import LocalGitHub

NAME = "acme/widgets"
ACTION = f"acme/ao-actions@{'1' * 40}"
CI = "name: CI\non: [push, pull_request]\npermissions: {contents: read}\njobs:\n  test:\n"
CI += "    runs-on: ubuntu-latest\n    steps: [{run: make test}]\n"
FILES = {
    ".github/workflows/ci.yml": CI,
    "pyproject.toml": "[tool.pytest.ini_options]\n",
    "docs/large.md": "not needed\n",
}
GENERATED = [
    ".github/ISSUE_TEMPLATE/ao-task.yml",
    ".github/ao.schema.json",
    ".github/ao.yml",
    ".github/workflows/ao-reconcile.yml",
    ".github/workflows/ao-review.yml",
    ".github/workflows/ao-work.yml",
]


class Place:
    """A folder with git in it, and the command line in that folder."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder.parent),
            "LANG": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **env,
        }

    def git(self, *args: str) -> str:
        who = ["-c", "user.name=Maya", "-c", "user.email=maya@example.com"]
        done = subprocess.run(
            ["git", *who, *args], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    def run(self, *args: str, folder: str = ".") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ao_actions", *args],
            cwd=self.folder / folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def init(self, *args: str) -> subprocess.CompletedProcess[str]:
        return self.run("init", "--action", ACTION, *args)

    def ok(self, *args: str) -> Any:
        done = self.init("--json", *args)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, kind: type[errors.AoError], *args: str, says: tuple[str, ...] = ()) -> str:
        """The command fails with that error, in one line, and leaves the tree as it was."""
        before = self.tree()
        done = self.run(*args)
        assert done.returncode == kind.exit_code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        for word in says:
            assert word in done.stderr, done.stderr
        assert self.tree() == before
        return done.stderr

    def tree(self) -> dict[str, str]:
        paths = [path for path in self.folder.rglob("*") if ".git" not in path.parts]
        return {
            str(path.relative_to(self.folder)): path.read_text(errors="replace")
            for path in paths
            if path.is_file()
        }

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "x")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A clone that knows no GitHub: no remote, no token."""
    place = Place(tmp_path / "widgets")
    place.folder.mkdir()
    place.git("init", "--quiet", "--initial-branch=main")
    for name, text in FILES.items():
        place.write(name, text)
    place.commit()
    return place


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalGitHub]:
    with LocalGitHub(tmp_path / "github") as hub:
        hub.world.add_user("maya")
        repo = hub.world.create_repository(NAME)
        repo.collaborators["maya"] = "admin"
        seed.commit_files(hub.world, repo, dict(FILES), "Begin")
        yield hub


@pytest.fixture
def clone(place: Place, hub: LocalGitHub) -> Place:
    """A clone of the repository on the local GitHub, with the maintainer's token."""
    place.git("remote", "add", "origin", f"{hub.url}/{NAME}.git")
    place.env |= {
        "GITHUB_TOKEN": hub.world.add_token("maya").value,
        "GITHUB_API_URL": hub.api_url,
        "GITHUB_GRAPHQL_URL": hub.graphql_url,
        "GITHUB_SERVER_URL": hub.url,
    }
    return place


def repository(hub: LocalGitHub) -> Repository:
    return hub.world.repositories[NAME]


# ---- what it writes --------------------------------------------------------------------------


def test_it_writes_everything_once(place: Place) -> None:
    report = place.ok()
    assert sorted(file["path"] for file in report["files"]) == GENERATED
    assert {file["what"] for file in report["files"]} == {"created"}
    assert report["ci_workflows"] == ["CI"]
    assert report["verify"] == ["python -m pytest -q"]
    assert report["labels"] is None
    before = place.tree()
    again = place.ok()
    assert {file["what"] for file in again["files"]} == {"unchanged"}
    assert place.tree() == before


def test_it_is_the_top_of_the_clone_that_it_writes_to(place: Place) -> None:
    done = place.run("init", "--action", ACTION, folder="docs")
    assert done.returncode == 0, done.stderr
    assert (place.folder / ".github" / "ao.yml").is_file()
    assert not (place.folder / "docs" / ".github").exists()


def test_an_empty_repository_and_a_linked_worktree(tmp_path: Path, place: Place) -> None:
    place.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "other")
    empty = tmp_path / "empty"
    empty.mkdir()
    subprocess.run(["git", "init", "--quiet", "-b", "trunk", str(empty)], check=True)
    for folder, branch in ((tmp_path / "linked", "main"), (empty, "trunk")):
        assert Place(folder).ok()["branch"] == branch


def test_the_plain_output_has_forecast_trust_and_next_steps(place: Place) -> None:
    text = place.init().stdout
    assert "created   .github/ao.yml" in text
    assert "minutes   idle 120 minutes a month, merged pull request 8" in text
    assert "trust     ci_trust: auto: no workflow here gives" in text
    assert "gh secret set ANTHROPIC_API_KEY --env ao" in text
    assert "-f name=main" in text
    assert "Label an issue with ao:ready" in text


def test_ao_yml_begins_with_the_schema_and_passes_it(place: Place) -> None:
    place.ok("--verify", "a && b <c>", "--agent", "command", "--command", "run: 'it' # x")
    text = place.read(".github/ao.yml")
    assert text.startswith("# yaml-language-server: $schema=ao.schema.json\n")
    assert yaml.safe_load(text)["verify"] == ["a && b <c>"]
    assert yaml.safe_load(text)["agents"][0]["command"] == "run: 'it' # x"
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--schemafile", ".github/ao.schema.json",
         ".github/ao.yml"],
        cwd=place.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("why", "trust"),
    [("", "auto"), ("permissions: {id-token: write}\n", "approve")],
)
def test_trust_follows_from_what_ci_holds(place: Place, why: str, trust: str) -> None:
    if why:
        place.write(".github/workflows/ci.yml", CI.replace("permissions: {contents: read}\n", why))
    report = place.ok("--auth", "app")
    assert report["ci_trust"] == trust
    assert len(report["findings"]) == (1 if why else 0)
    config = place.read(".github/ao.yml")
    assert f"\nci_trust: {trust}\n" in config
    assert ("job test may get an id-token" in config) == bool(why)


def test_an_option_does_not_change_an_ao_yml_that_is_there(place: Place) -> None:
    place.ok()
    before = place.read(".github/ao.yml")
    notes = place.ok("--auth", "app")["notes"]
    assert any(note.startswith("auth: the option is not used") for note in notes)
    assert place.read(".github/ao.yml") == before


def test_the_action_that_was_chosen_stays(place: Place) -> None:
    place.ok()
    done = place.run("init", "--check")
    assert done.returncode == 0, done.stderr + done.stdout
    assert ACTION in place.read(".github/workflows/ao-work.yml")


# ---- drift, overrides, upgrade ---------------------------------------------------------------


def test_a_workflow_edited_by_hand_is_drift(place: Place) -> None:
    place.ok()
    place.commit()
    path = ".github/workflows/ao-review.yml"
    place.write(path, place.read(path).replace("actions: write", "contents: write"))
    stderr = place.refused(errors.DriftError, "init", "--check", says=(path, "overrides"))
    assert "ao-work.yml" not in stderr
    out = place.run("init", "--check").stdout.splitlines()
    assert out[:2] == [f"--- a/{path}", f"+++ b/{path}"]
    assert sum(line.startswith("-") for line in out[2:]) == 1
    assert any(line.startswith("-      contents: write") for line in out)
    assert any(line.startswith("+      actions: write") for line in out)


def test_check_and_diff_write_nothing_in_an_untouched_repository(place: Place) -> None:
    before = place.tree()
    done = place.init("--diff")
    assert done.returncode == 0
    assert "+++ b/.github/ao.yml" in done.stdout
    assert place.init("--check").returncode == 1
    assert place.tree() == before


def test_overrides_survive_init_and_upgrade(place: Place) -> None:
    place.ok()
    path = ".github/workflows/ao-work.yml"
    config = place.read(".github/ao.yml")
    patch = "overrides: {ao-work.yml: {jobs: {publish: {timeout-minutes: 33}}}}\n"
    place.write(".github/ao.yml", config + "# mine\n" + patch)
    assert place.init("--check").returncode == 1
    assert place.init().returncode == 0
    assert yaml.safe_load(place.read(path))["jobs"]["publish"]["timeout-minutes"] == 33
    assert "# v" in place.read(path)
    place.commit()
    _make_old(place)
    done = place.run("upgrade", "--action", ACTION)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(place.read(path))["jobs"]["publish"]["timeout-minutes"] == 33
    assert place.read(".github/ao.yml") == config + "# mine\n" + patch
    assert place.run("init", "--check").returncode == 0


def _make_old(place: Place) -> None:
    """As if version 0.0.9 had written the files, with another time limit."""
    for path in GENERATED:
        text = place.read(path).replace(f"ao-actions {__version__}", "ao-actions 0.0.9")
        place.write(path, text.replace("timeout-minutes: 10", "timeout-minutes: 8"))
    place.commit()


def test_upgrade_says_what_changes(place: Place) -> None:
    place.ok()
    _make_old(place)
    place.refused(errors.ConfigError, "init", says=("0.0.9", "ao-actions upgrade"))
    place.refused(errors.DriftError, "init", "--check", "--action", ACTION, says=("0.0.9",))
    before = place.tree()
    assert "+    timeout-minutes: 10" in place.run("upgrade", "--diff", "--action", ACTION).stdout
    assert place.tree() == before
    lines = place.run("upgrade", "--action", ACTION).stdout.splitlines()
    assert lines[0] == f"from 0.0.9 to {__version__}"
    assert "updated   .github/workflows/ao-reconcile.yml (+2 -2)" in lines
    assert "+    timeout-minutes: 10" in lines
    assert place.run("upgrade").stdout.strip() == f"all files are those of {__version__}"


def test_upgrade_does_not_guess_another_s_copy_of_the_action(place: Place) -> None:
    place.ok()
    _make_old(place)
    place.refused(errors.ConfigError, "upgrade", says=("--action acme/ao-actions@COMMIT",))


def test_files_of_a_newer_version_are_left_alone(place: Place) -> None:
    place.ok()
    for path in GENERATED:
        text = place.read(path).replace(f"ao-actions {__version__}", "ao-actions 99.1.0")
        place.write(path, text)
    place.commit()
    for command in ("init", "upgrade"):
        place.refused(errors.ConfigError, command, says=("99.1.0", "newer"))


def test_upgrade_without_anything(place: Place) -> None:
    place.refused(errors.ConfigError, "upgrade", "--action", ACTION, says=("ao-actions init",))


# ---- bad input -------------------------------------------------------------------------------


def test_outside_of_a_repository(tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    Place(folder).refused(errors.ConfigError, "init", says=("is not in a git repository",))


def test_in_a_bare_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "bare")], check=True)
    Place(tmp_path / "bare").refused(errors.ConfigError, "init", says=("is a bare repository",))


@pytest.mark.parametrize("name", ["workflows/ao-work.yml", "ao.schema.json"])
def test_a_file_that_is_not_ours_is_never_overwritten(place: Place, name: str) -> None:
    place.write(f".github/{name}", "name: mine\n")
    args = ("init", "--action", ACTION, "--force")
    place.refused(errors.ConfigError, *args, says=(name, "rename it"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".github/workflows/broken.yml", "on: [push\n"),
        (".github/workflows/latin.yml", b"# \xe9\non: push\n"),
        (".github/ao.yml", "agents: [\n"),
        (".github/ao.yml", "max_paralel: 2\n"),
        (".github/ao.yml", "overrides: {ao-wrok.yml: {}}\n"),
        (".github/ao.yml", "schedule: hourly\n"),
    ],
)
def test_what_cannot_be_read(place: Place, name: str, text: str | bytes) -> None:
    (place.folder / ".github/workflows").mkdir(parents=True, exist_ok=True)
    (place.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    says = (name.removeprefix(".github/"),)
    place.refused(errors.ConfigError, "init", "--action", ACTION, says=says)


def test_changes_by_hand_that_stand_in_no_commit_are_kept(place: Place) -> None:
    place.ok()
    path = ".github/workflows/ao-work.yml"
    place.write(path, place.read(path) + "# by hand\n")
    place.refused(errors.ConfigError, "init", says=(path, "not committed", "--force"))
    place.commit()
    assert place.init().returncode == 0, "what is committed is not lost"
    place.write(path, place.read(path) + "# by hand\n")
    assert place.init("--force").returncode == 0
    assert "# by hand" not in place.read(path)


def test_our_own_output_may_be_written_anew_before_it_is_committed(place: Place) -> None:
    place.ok()
    for minutes in (30, 31):
        config = [
            line for line in place.read(".github/ao.yml").splitlines() if "minutes:" not in line
        ]
        place.write(".github/ao.yml", "\n".join([*config, f"minutes: {minutes}", ""]))
        done = place.init()
        assert done.returncode == 0, done.stderr
        assert f"timeout-minutes: {minutes + 15}" in place.read(".github/workflows/ao-work.yml")


def test_all_or_nothing(place: Place) -> None:
    place.write(".github/ISSUE_TEMPLATE", "a file, not a folder\n")
    place.refused(errors.ConfigError, "init", "--action", ACTION, says=("nothing was written",))
    (place.folder / ".github/ISSUE_TEMPLATE").unlink()
    (place.folder / ".github/workflows/ao-work.yml").mkdir()
    place.refused(errors.ConfigError, "init", "--action", ACTION, says=("ao-work.yml",))
    assert not (place.folder / ".github/ISSUE_TEMPLATE").exists()


def test_a_link_that_leads_out_of_the_repository(place: Place, tmp_path: Path) -> None:
    shutil.move(place.folder / ".github", tmp_path / "outside")
    (place.folder / ".github").symlink_to(tmp_path / "outside")
    place.refused(errors.ConfigError, "init", "--action", ACTION, says=("out of the repository",))
    assert sorted(path.name for path in (tmp_path / "outside").rglob("*")) == [
        "ci.yml",
        "workflows",
    ]


def test_no_network(clone: Place) -> None:
    clone.env["GITHUB_API_URL"] = "http://127.0.0.1:9"
    args = ("init", "--action", ACTION)
    clone.refused(errors.ForgeError, *args, says=("does not answer", "--offline"))
    assert clone.ok("--offline")["labels"] is None


def test_a_wrong_token(clone: Place) -> None:
    clone.env["GITHUB_TOKEN"] = "wrong"
    clone.refused(errors.AuthError, "init", "--action", ACTION, says=("refuses the token",))


# ---- with GitHub -----------------------------------------------------------------------------


def test_labels_environment_and_facts_of_github(clone: Place, hub: LocalGitHub) -> None:
    report = clone.ok()
    assert "ao:ready" in report["labels"]
    assert (report["private"], report["enterprise"]) == (False, False)
    assert report["environment"] == {"name": "ao", "state": "ready"}
    assert report["schedule"].endswith(" * * * *")
    made = repository(hub).environments[0]
    assert (made.name, made.branch_policies) == ("ao", ["main"])
    assert not any("deployment_branch_policy" in step for step in report["next"])
    assert clone.ok()["labels"] == []


def test_a_private_repository(clone: Place, hub: LocalGitHub) -> None:
    repository(hub).private = True
    report = clone.ok()
    assert report["schedule"].split()[1] == "*/6"
    assert int(report["schedule"].split()[0]) % 2 == 1
    assert report["forecast"]["billed"] is True


def test_a_plan_without_environments(clone: Place, hub: LocalGitHub) -> None:
    repository(hub).private = True
    repository(hub).collaborators["writer"] = "write"
    hub.world.add_user("writer")
    clone.env["GITHUB_TOKEN"] = hub.world.add_token("writer").value
    report = clone.ok()
    assert report["environment"] == {"name": "", "state": "none"}
    assert '\nenvironment: ""\n' in clone.read(".github/ao.yml")
    assert "environment:" not in clone.read(".github/workflows/ao-work.yml")
    assert "gh secret set ANTHROPIC_API_KEY" in report["next"]


def test_an_environment_that_is_there_is_not_changed(clone: Place, hub: LocalGitHub) -> None:
    from ao_actions.localgithub.model import Environment

    repository(hub).environments.append(Environment(1, "ao"))
    report = clone.ok()
    assert report["environment"]["state"] == "open"
    assert repository(hub).environments[0].branch_policies == []


def test_a_pull_request_is_opened_once_and_kept_up_to_date(clone: Place, hub: LocalGitHub) -> None:
    before = clone.tree()
    first = clone.ok("--pr")["pull"]
    assert (first["what"], clone.tree()) == ("opened", before)
    files = hub.world.git(NAME, "diff", "--name-only", "main", "ao-actions/init").split()
    assert sorted(files) == GENERATED
    issue = repository(hub).issues[first["number"]]
    assert "verify: python -m pytest -q" in (issue.body or "")
    again = clone.ok("--pr")["pull"]
    assert (again["what"], again["number"]) == ("unchanged", first["number"])
    other = clone.ok("--pr", "--verify", "make")["pull"]
    assert (other["what"], other["number"]) == ("updated", first["number"])
    assert len(repository(hub).pulls) == 1
    assert 'verify: ["make"]' in hub.world.git(NAME, "show", "ao-actions/init:.github/ao.yml")


def test_another_repository_than_this_one(clone: Place, hub: LocalGitHub, tmp_path: Path) -> None:
    nowhere = Place(tmp_path / "nowhere", **clone.env)
    nowhere.folder.mkdir()
    report = nowhere.ok("--repository", NAME)
    assert report["pull"]["what"] == "opened"
    assert report["ci_workflows"] == ["CI"]
    assert list(nowhere.folder.iterdir()) == []


def test_a_human_s_commit_on_our_branch_is_not_pushed_over(clone: Place, hub: LocalGitHub) -> None:
    clone.ok("--pr")
    world, repo = hub.world, repository(hub)
    oid = seed.commit_files(world, repo, {"x": "y"}, "By hand", branch="ao-actions/init")
    args = ("init", "--pr", "--action", ACTION, "--verify", "make")
    clone.refused(errors.ConfigError, *args, says=("not ours", "nothing was pushed"))
    assert world.ref_oid(NAME, "refs/heads/ao-actions/init") == oid


def test_nothing_is_proposed_when_nothing_differs(clone: Place, hub: LocalGitHub) -> None:
    clone.ok()
    files = {path: clone.read(path) for path in GENERATED}
    seed.commit_files(hub.world, repository(hub), dict(files), "By hand")
    assert clone.ok("--pr")["pull"] is None
    assert repository(hub).pulls == {}


def test_a_pull_request_for_an_empty_repository(clone: Place, hub: LocalGitHub) -> None:
    hub.world.create_repository("acme/empty").collaborators["maya"] = "admin"
    args = ("init", "--repository", "acme/empty", "--action", ACTION)
    clone.refused(errors.ConfigError, *args, says=("empty repository takes no pull request",))


def test_a_pull_request_without_a_token_or_a_name(place: Place) -> None:
    place.refused(errors.AuthError, "init", "--pr", says=("GITHUB_TOKEN",))
    place.env["GITHUB_TOKEN"] = "x"
    place.refused(errors.ConfigError, "init", "--pr", says=("--repository OWNER/NAME",))


def test_upgrade_by_pull_request(clone: Place, hub: LocalGitHub) -> None:
    clone.ok("--offline")
    _make_old(clone)
    files = {path: clone.read(path) for path in GENERATED}
    seed.commit_files(hub.world, repository(hub), dict(files), "Old")
    done = clone.run("upgrade", "--pr", "--action", ACTION, "--json")
    assert done.returncode == 0, done.stderr
    number = json.loads(done.stdout)["pull"]["number"]
    assert repository(hub).issues[number].title == f"Upgrade ao-actions to {__version__}"


# ---- questions -------------------------------------------------------------------------------


def terminal(place: Place, *args: str, keys: str) -> tuple[int, str]:
    """Run on a terminal and type; the exit code and what stood on the screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ao_actions", "init", "--action", ACTION, *args],
        cwd=place.folder, env={**place.env, "TERM": "dumb"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, keys.encode())
    seen = b""
    while True:
        interrupted = "\x03" in keys and b"Agent" in seen
        if interrupted:  # again and again: the first may come before it reads
            process.send_signal(signal.SIGINT)  # the terminal controls nothing
        ready, _, _ = select.select([ours], [], [], 1 if interrupted else 60)
        try:
            part = os.read(ours, 4096) if ready else b""
        except OSError:  # the other end is closed
            part = b""
        if not part and (ready or not interrupted):
            break
        seen += part
    os.close(ours)
    return process.wait(timeout=60), seen.decode()


def test_four_questions_on_a_terminal(clone: Place) -> None:
    code, screen = terminal(clone, keys="\n5 4 * * *\napp\nfiles\n")
    assert code == 0, screen
    asked = [word for word in ("Agent", "Schedule", "Token that pushes", "How") if word in screen]
    assert len(asked) == 4
    config = yaml.safe_load(clone.read(".github/ao.yml"))
    assert (config["schedule"], config["auth"]) == ("5 4 * * *", "app")


def test_an_answer_that_is_no_schedule_is_asked_again(place: Place) -> None:
    code, screen = terminal(place, keys="\nhourly\n5 4 * * *\n\n")
    assert code == 0, screen
    assert "'hourly' is not a cron line" in screen
    assert "How (files, pr)" not in screen, "no token: there is no pull request to choose"


def test_a_pull_request_by_answer(clone: Place, hub: LocalGitHub) -> None:
    code, screen = terminal(clone, keys="\n\n\npr\n")
    assert code == 0, screen
    assert len(repository(hub).pulls) == 1
    assert not (clone.folder / ".github/ao.yml").exists()


def test_no_question_with_yes_or_when_all_is_there(place: Place) -> None:
    code, screen = terminal(place, "--yes", keys="")
    assert (code, "Agent" in screen) == (0, False)
    code, screen = terminal(place, keys="")
    assert (code, "Agent" in screen) == (0, False)


def test_ctrl_c_at_a_question_writes_nothing(place: Place) -> None:
    before = place.tree()
    code, _ = terminal(place, keys="\x03")
    assert code in (130, -2)
    assert place.tree() == before

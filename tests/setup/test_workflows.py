"""What is generated: as in golden/, without a finding of any auditor, by the rules of design 5."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ao_actions.forge.client import Address
from ao_actions.rendering import folder
from ao_actions.setup.pins import ENTERPRISE_PINS, PINS
from tests.setup.cases import ACTION, CASES, GOLDEN, generated

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
RENEW = "to renew: python -m tests.setup.renew_golden"
# What a maintainer may choose although auditors name it: no environment (a plan without them)
# and runners of one's own. All else is without a finding.
CHOSEN = {
    "private-pip": {"secrets-outside-env"},
    "enterprise": {"self-hosted-runner"},
    "self-hosted": {"self-hosted-runner"},
}

CI = """name: CI
on: pull_request
permissions: {}
concurrency:
  group: ci-${{ github.ref }}
  cancel-in-progress: true
jobs:
  test:
    name: Test
    runs-on: ubuntu-latest
    timeout-minutes: 5
    steps:
      - name: Test
        run: "true"
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases as the auditors want to find them, and our action."""
    root = tmp_path_factory.mktemp("workflows")
    for case in CASES:
        place = root / case / ".github" / "workflows"
        place.mkdir(parents=True)
        for name, text in generated(case).items():
            (place / name).write_text(text)
    (root / "action.yml").write_text((ROOT / "action.yml").read_text())
    return root


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"  # actionlint looks for shellcheck
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    return subprocess.run(
        [str(BIN / command[0]), *map(str, command[1:])],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def files(tree: Path) -> list[Path]:
    return sorted(tree.glob("*/.github/workflows/*.yml"))


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for case in CASES:
        for name, text in generated(case).items():
            document = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - strings only: `on` stays a word
            yield f"{case}/{name}", document


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, document in documents():
        for key, job in document["jobs"].items():
            yield f"{name}:{key}", job


# ---- golden --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_generated_files_are_the_golden_ones(case: str) -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in (GOLDEN / case).iterdir()}
    assert generated(case) == kept, RENEW


def test_no_golden_case_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(CASES), RENEW


# ---- auditors ------------------------------------------------------------------------------


def zizmor(*places: Path) -> subprocess.CompletedProcess[str]:
    return run(
        *("zizmor", "--offline", "--no-progress", "--no-config", "--persona", "auditor"),
        *("--format", "plain", *places),
    )


def test_zizmor_s_strictest_persona_finds_nothing(tree: Path) -> None:
    done = zizmor(tree / "action.yml", *(tree / case for case in CASES if case not in CHOSEN))
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("No findings to report. Good job!"), done.stdout


@pytest.mark.parametrize("case", CHOSEN)
def test_zizmor_names_what_was_chosen_and_nothing_else(tree: Path, case: str) -> None:
    found = re.findall(r"^\w+\[([\w-]+)\]", zizmor(tree / case).stdout, re.MULTILINE)
    assert set(found) == CHOSEN[case]


def test_zizmor_is_asked_to_ignore_one_thing_only(tree: Path) -> None:
    """Comments must wake a pass, or a command would wait for the schedule."""
    for path in [*files(tree), ROOT / "action.yml"]:
        asked = [line.strip() for line in path.read_text().splitlines() if "zizmor" in line]
        comments = ["issue_comment: # zizmor: ignore[dangerous-triggers]"]
        assert asked == (comments if path.name == "ao-reconcile.yml" else [])
    assert not list(ROOT.glob("**/zizmor.y*ml"))


def test_actionlint_with_shellcheck_finds_nothing(tree: Path) -> None:
    done = run("actionlint", "-no-color", "-oneline", *files(tree))
    assert (done.returncode, done.stdout) == (0, "")


def test_shellcheck_finds_nothing_in_start_sh() -> None:
    done = run("shellcheck", "--shell", "bash", folder() / "start.sh")
    assert (done.returncode, done.stdout) == (0, "")


def test_github_s_own_schemas_take_them(tree: Path) -> None:
    for schema, paths in [("workflows", files(tree)), ("actions", [tree / "action.yml"])]:
        done = run("check-jsonschema", "--builtin-schema", f"vendor.github-{schema}", *paths)
        assert done.returncode == 0, done.stdout


# ---- the rules of design 5 -----------------------------------------------------------------


def test_every_use_is_a_full_commit_with_its_release_from_the_table() -> None:
    table = {*PINS.values(), *ENTERPRISE_PINS.values(), ACTION}
    for case in CASES:
        for text in generated(case).values():
            used = re.findall(r"^ +(?:- )?uses: (.+)", text, re.MULTILINE)
            assert set(used) <= table
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", pin) for pin in table)


def test_templates_name_no_action_themselves() -> None:
    for path in (folder() / "workflows").glob("*.j2"):
        for used in re.findall(r"\buses: (.+)", path.read_text()):
            assert re.fullmatch(r"\{\{\{ (?:pins\.\w+|action) \}\}\}", used), path.name


def test_only_github_s_own_actions_and_ours_are_used() -> None:
    owners = {pin.split("/", 1)[0] for pin in (*PINS.values(), *ENTERPRISE_PINS.values())}
    assert owners == {"actions"}


def test_nothing_is_allowed_at_the_top_and_each_permission_says_why() -> None:
    for case in CASES:
        for text in generated(case).values():
            assert "\npermissions: {}\n" in text
            granted = re.findall(r"^      [\w-]+: (?:read|write)\b.*$", text, re.MULTILINE)
            assert granted
            assert all(re.search(r" # \w", line) for line in granted)


def test_the_agent_s_job_can_write_nothing() -> None:
    for name, job in jobs():
        if name.endswith(":agent"):
            wrote = {key for key, value in job["permissions"].items() if value == "write"}
            assert wrote <= {"copilot-requests"}


def test_every_job_has_a_limit_and_reads_the_off_switch() -> None:
    for name, job in jobs():
        assert 0 < int(job["timeout-minutes"]) <= 345, name
        assert "vars.AO_STOP != '1'" in job["if"], name


def test_every_workflow_has_a_concurrency_group_that_ends_no_work() -> None:
    for name, document in documents():
        where = [document, *document["jobs"].values()]
        groups = [place["concurrency"] for place in where if "concurrency" in place]
        assert groups, name
        for group in groups:
            ends = group["cancel-in-progress"] == "true"
            assert ends == name.endswith("ao-review.yml"), name


def test_no_step_keeps_credentials_caches_or_runs_a_shell_line() -> None:
    for name, job in jobs():
        for step in job["steps"]:
            assert step["name"], name
            assert "run" not in step, name  # so no text from outside can be in one
            assert "cache" not in str(step.get("uses", "")), name
            if str(step.get("uses", "")).startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] == "false", name


def test_the_agent_s_step_has_no_key_that_the_meter_can_hold() -> None:
    given = {
        name: [step["name"] for step in job["steps"] if "secrets." in str(step)]
        for name, job in jobs()
    }
    assert {step for name, steps in given.items() for step in steps} == {
        "Start the meter",
        "Mint the App's token",
        "Check and publish it",
    }
    for name, job in jobs():
        if given[name] and not name.startswith("private-pip/"):
            environment = job["environment"]
            assert environment == "ao" or environment["name"] == "ao"
        else:
            assert "environment" not in job


def test_no_github_enterprise_file_names_github_com_or_a_newer_key() -> None:
    for text in generated("enterprise").values():
        assert "github.com" not in text
        assert "http" not in text
        assert "deployment:" not in text
    work = generated("enterprise")["ao-work.yml"]
    assert "upload-artifact@" in work
    assert " # v7" not in work.split("upload-artifact")[1].splitlines()[0]


def test_addresses_come_from_the_environment_and_not_from_the_code() -> None:
    """GitHub's own address is a default in one place each of `forge` and `setup`, nowhere else."""
    allowed = {"forge/client.py", "setup/hosting.py", "setup/clone.py"}
    named = set()
    for path in (ROOT / "ao_actions").rglob("*.py"):
        name = path.relative_to(ROOT / "ao_actions").as_posix()
        if not name.startswith("localgithub/") and re.search(
            r"(?:https?://|git@|\")(?:\w+\.)*github\.com\b", path.read_text()
        ):
            named.add(name)
    assert named <= allowed
    for path in [*folder().rglob("*"), ROOT / "action.yml"]:
        assert not path.is_file() or "github.com" not in path.read_text(), path
    env = {"GITHUB_API_URL": "https://g.example/api/v3", "GITHUB_SERVER_URL": "https://g.example"}
    address = Address.from_environment(env)
    assert "github.com" not in f"{address.api} {address.graphql} {address.server}"


def test_init_in_an_empty_repository_leaves_nothing_to_find(tmp_path: Path) -> None:
    place = tmp_path / ".github" / "workflows"
    place.mkdir(parents=True)
    (place / "ci.yml").write_text(CI)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    hidden = re.compile("GITHUB_|GH_")
    done = subprocess.run(
        [str(BIN / "ao-actions"), "init", "--yes"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not hidden.match(name)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(place.iterdir())) == 4
    found = zizmor(place)
    assert found.returncode == 0
    assert found.stdout.startswith("No findings to report. Good job!")
    assert run("actionlint", *sorted(place.iterdir())).returncode == 0


@pytest.mark.parametrize("trust", ["approve", "auto"])
def test_only_a_trusted_ci_gets_a_token_that_starts_it(trust: str) -> None:
    from ao_actions.config import parse
    from ao_actions.setup.workflows import workflows

    made = workflows(parse(f"auth: pat\nci_trust: {trust}"), ACTION)
    assert ("AO_TOKEN" in made[".github/workflows/ao-work.yml"]) == (trust == "auto")


def test_the_action_is_short_and_asks_for_little() -> None:
    text = (ROOT / "action.yml").read_text()
    assert len(text.splitlines()) <= 60
    action = yaml.safe_load(text)
    assert len(action["inputs"]) <= 8
    assert all("uses" not in step for step in action["runs"]["steps"])
    for name in ("GITHUB_PATH", "GITHUB_ENV"):
        assert name not in text + (folder() / "start.sh").read_text()

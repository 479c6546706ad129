"""What we are made of and how a release is made: locks, pins of agents, our own workflows, dist.

`make dist` needs the package index that this machine is set up for, once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from ao_actions import __version__
from ao_actions.setup.exposure import exposures
from ao_actions.setup.pins import PINS
from tests.setup.test_workflows import run, zizmor

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NEEDED = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-meter.lock": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["meter"],
    ],
    "requirements-release.lock": PROJECT["dependency-groups"]["release"],
    "requirements-publish.lock": PROJECT["dependency-groups"]["publish"],
}
AGENTS = ROOT / "ao_actions/agents/pins"
WORKFLOWS = {
    path.relative_to(ROOT).as_posix(): path
    for path in sorted((ROOT / ".github/workflows").iterdir())
}
# GitHub's own, by full commit; the others stand in setup/pins.py, for generated workflows too.
ATTEST = "actions/attest@1e69f48acb82d1966a394da916b4c1698aa569d6 # v4.2.2"

# ---- locks -----------------------------------------------------------------------------------


def locked(name: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {name.lower(): version for name, version in found}


def test_every_lock_is_looked_at() -> None:
    assert {path.name for path in ROOT.glob("requirements*")} == set(NEEDED)


@pytest.mark.parametrize("name", NEEDED)
def test_a_lock_has_what_the_project_asks_for(name: str) -> None:
    for text in NEEDED[name]:
        wanted = Requirement(text)
        assert locked(name)[wanted.name.lower()] in wanted.specifier, text


def test_the_meter_s_lock_holds_the_other() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-meter.lock").items()


@pytest.mark.parametrize("path", [*(ROOT / name for name in NEEDED), *sorted(AGENTS.glob("*.txt"))])
def test_every_line_of_a_lock_is_exact_and_has_hashes(path: Path) -> None:
    entries = re.split(r"\n(?=\S)", path.read_text().strip())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    for entry in packages:
        assert re.match(r"[\w.-]+==[\w.+!]+(?: ;[^\n]*)?(?: \\\n|$)", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry


@pytest.mark.parametrize("path", sorted(AGENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_package_of_an_agent_has_a_checksum(path: Path) -> None:
    packages = json.loads(path.read_text())["packages"]
    root = packages.pop("")
    asked = root.get("dependencies") or root["optionalDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+\S*", version) for version in asked.values())
    assert all(f"node_modules/{name}" in packages for name in asked)
    for name, package in packages.items():
        kind, _, digest = package["integrity"].partition("-")
        assert kind == "sha512", name
        assert len(base64.b64decode(digest)) == hashlib.sha512().digest_size, name


def test_no_lock_names_a_place_to_load_from() -> None:
    for path in [*(ROOT / name for name in NEEDED), *AGENTS.iterdir()]:
        assert not re.search(r'^-|"resolved"', path.read_text(), re.MULTILINE), path.name


# ---- our own workflows -----------------------------------------------------------------------


def jobs(name: str) -> dict[str, Any]:
    document = yaml.load(WORKFLOWS[name].read_text(), yaml.BaseLoader)  # noqa: S506 - `on` stays a word
    assert document["permissions"] == {}
    return dict(document["jobs"])


def test_the_auditors_find_nothing_in_them() -> None:
    done = zizmor(ROOT / ".github", ROOT / "action.yml")
    assert done.stdout.startswith("No findings to report. Good job!"), done.stdout
    done = run("actionlint", "-no-color", "-oneline", *WORKFLOWS.values())
    assert (done.returncode, done.stdout) == (0, "")
    done = run(
        "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS.values()
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", WORKFLOWS)
def test_they_use_known_commits_and_keep_no_token_or_cache(name: str) -> None:
    text = WORKFLOWS[name].read_text()
    assert set(re.findall(r"^ +(?:- )?uses: (.+)", text, re.MULTILINE)) <= {*PINS.values(), ATTEST}
    assert "cache" not in text
    assert "zizmor" not in text
    for job in jobs(name).values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if str(step.get("uses", "")).startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] == "false"


def test_our_own_ci_lends_a_pull_request_nothing() -> None:
    texts = {name: path.read_text() for name, path in WORKFLOWS.items()}
    assert exposures(texts) == ()
    assert [step["run"] for step in jobs(".github/workflows/ci.yml")["test"]["steps"][1:]] == [
        ".ci/run"
    ]


def test_each_job_of_a_release_has_the_one_right_that_it_needs() -> None:
    release = jobs(".github/workflows/release.yml")
    wrote = {
        name: {key for key, value in job["permissions"].items() if value == "write"}
        for name, job in release.items()
    }
    assert wrote == {
        "build": set(),
        "attest": {"id-token", "attestations"},
        "publish": {"id-token"},
        "announce": {"contents"},
    }
    assert release["publish"]["environment"] == "release"
    assert "secrets." not in WORKFLOWS[".github/workflows/release.yml"].read_text()
    building = [name for name, job in release.items() if "make " in str(job)]
    assert building == ["build"]


# ---- dist ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dists(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What two people get from `make dist`: other places, other file modes, the same commit."""
    root = tmp_path_factory.mktemp("dist")
    for name, mode, zone in (("one", 0o644, "UTC"), ("the-other", 0o600, "Asia/Tokyo")):
        copy = root / name
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
        _lay_over(copy, mode)
        subprocess.run(
            ["make", "--no-print-directory", "dist", f"RELEASE={root / 'tools'}"],
            cwd=copy,
            env={**os.environ, "PYTHONHASHSEED": str(mode), "TZ": zone},
            check=True,
        )
    return root / "one/dist", root / "the-other/dist"


def _lay_over(copy: Path, mode: int) -> None:
    """The working tree's files, as they are now."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if not (ROOT / name).is_file():
            (copy / name).unlink(missing_ok=True)
            continue
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
        (copy / name).chmod(mode)


@pytest.mark.extra
@pytest.mark.xdist_group("dist")
def test_a_release_is_the_same_bytes_wherever_it_is_made(dists: tuple[Path, Path]) -> None:
    one, other = ({path.name: path.read_bytes() for path in dist.iterdir()} for dist in dists)
    names = {f"ao_actions-{__version__}-py3-none-any.whl", f"ao_actions-{__version__}.tar.gz"}
    assert set(one) == {*names, "sbom.cdx.json"}
    assert one == other


@pytest.mark.extra
@pytest.mark.xdist_group("dist")
def test_the_source_and_the_wheel_hold_what_they_should(dists: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(next(dists[0].glob("*.whl"))) as wheel:
        tops = {name.split("/", 1)[0] for name in wheel.namelist()}
        assert tops == {"ao_actions", f"ao_actions-{__version__}.dist-info"}
        assert "ao_actions/templates/start.sh" in wheel.namelist()
    with tarfile.open(next(dists[0].glob("*.tar.gz"))) as source:
        names = source.getnames()
        assert f"ao_actions-{__version__}/requirements.lock" in names
        assert not [name for name in names if ".venv" in name or "/.git/" in name]


@pytest.mark.extra
@pytest.mark.xdist_group("dist")
def test_the_bill_of_materials_is_the_lock(dists: tuple[Path, Path]) -> None:
    bill = json.loads((dists[0] / "sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "ao-actions"
    parts = {part["name"]: part for part in bill["components"]}
    assert {name: part["version"] for name, part in parts.items()} == locked(
        "requirements-meter.lock"
    )
    lock = (ROOT / "requirements-meter.lock").read_text()
    for part in parts.values():
        hashes = part["externalReferences"][0]["hashes"]
        assert hashes
        assert all(f"sha256:{each['content']}" in lock for each in hashes)

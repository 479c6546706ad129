"""start.sh: the version that it runs, from hashes only, and nothing of the user's touched.

Where a test installs for real, it needs the package index that this machine is set up for.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ao_actions import __version__
from ao_actions.rendering import folder

ROOT = Path(__file__).parent.parent.parent
START = folder() / "start.sh"
LOCK = ROOT / "requirements.lock"
SYSTEM = "/usr/local/bin:/usr/bin:/bin"
# How this machine reaches its package index: the runner's own set-up, as on a self-hosted one.
NETWORK = re.compile(r"(?:PIP|UV|SSL|HTTPS?|NO|ALL)_|(?:https?|no|all)_proxy")


def start(
    home: Path, *, path: str, command: str = "reconcile", action: Path = ROOT, **more: str
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if NETWORK.match(name)}
    (home / "temp").mkdir(parents=True, exist_ok=True)
    environment |= {"PATH": path, "HOME": str(home), "RUNNER_TEMP": str(home / "temp"), **more}
    environment |= {"AO_ACTION_PATH": str(action), "AO_COMMAND": command}
    return subprocess.run(
        ["bash", str(START)], cwd=home, env=environment, capture_output=True, text=True, check=False
    )


def program(place: Path, name: str, text: str) -> Path:
    """A program on a PATH of its own, beside what a shell needs."""
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(f"#!/bin/bash\n{text}\n")
    (place / name).chmod(0o755)
    return place


def machine(tmp_path: Path, **programs: str) -> str:
    """A PATH with the shell's tools, the given programs and nothing else."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("bash", "sed", "mktemp", "rm", "cat"):
        (place / name).symlink_to(shutil.which(name) or "")
    for name, text in programs.items():
        program(place, name.replace("_", "-"), text)
    return str(place)


def tree(place: Path) -> set[str]:
    return {path.relative_to(place).as_posix() for path in place.rglob("*")}


# ---- choosing ------------------------------------------------------------------------------


def test_the_same_version_on_the_runner_is_used(tmp_path: Path) -> None:
    text = f'[ "$1" = --version ] && echo "ao-actions {__version__}" || echo "ran: $*"'
    done = start(tmp_path, path=machine(tmp_path, ao_actions=text))
    assert (done.returncode, done.stdout) == (0, f"ao-actions {__version__}\nran: reconcile\n")


@pytest.mark.parametrize(
    ("command", "ran"),
    [
        ("reconcile", "reconcile"),
        ("wake", "wake"),
        ("work", "work --task 4 --epoch 9"),
        ("publish", "publish --task 4 --epoch 9 --handoff a b"),
    ],
)
def test_each_command_gets_its_arguments(tmp_path: Path, command: str, ran: str) -> None:
    text = f'[ "$1" = --version ] && echo "ao-actions {__version__}" || echo "ran: $*"'
    path = machine(tmp_path, ao_actions=text)
    given = {"AO_TASK": "4", "AO_EPOCH": "9", "AO_HANDOFF": "a b"}
    done = start(tmp_path, path=path, command=command, **given)
    assert done.stdout.splitlines()[-1] == f"ran: {ran}"


def test_another_command_is_refused(tmp_path: Path) -> None:
    text = f'echo "ao-actions {__version__}"'
    done = start(tmp_path, path=machine(tmp_path, ao_actions=text), command="rm")
    assert done.returncode == 1
    assert "::error::ao-actions: command must be reconcile" in done.stdout


def test_another_version_on_the_runner_is_not_used(tmp_path: Path) -> None:
    done = start(tmp_path, path=machine(tmp_path, ao_actions='echo "ao-actions 0.0.1"'))
    assert done.returncode == 1
    assert done.stdout == "::error::ao-actions: Python 3.11 or newer was not found on this runner\n"


def test_an_older_python_is_passed_over(tmp_path: Path) -> None:
    path = machine(tmp_path, python3="exit 1", python3_12="exit 1")
    assert "Python 3.11 or newer was not found" in start(tmp_path, path=path).stdout


# ---- installing ----------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["pip", "uv"])
def test_it_installs_into_a_place_of_its_own(tmp_path: Path, by: str) -> None:
    path = SYSTEM
    if by == "uv":
        uv = Path(sys.executable).parent
        assert (uv / "uv").exists(), "uv comes with the extra `test`"
        (tmp_path / "uv").mkdir()
        (tmp_path / "uv" / "uv").symlink_to(uv / "uv")
        path = f"{tmp_path / 'uv'}:{SYSTEM}"
    home = tmp_path / "home"
    home.mkdir()
    for name in ("click.py", "yaml.py", "pip.py", "ao_actions.py"):  # a checkout that lies in wait
        (home / name).write_text("raise SystemExit('the checkout was imported')")
    before = tree(home)
    done = start(home, path=path)
    assert done.stdout.splitlines()[0] == f"ao-actions {__version__}", done.stderr
    assert ".github/ao.yml is not here" in done.stderr  # our own code's words
    new = {name for name in tree(home) - before if not name.startswith("temp/ao-actions-")}
    assert new == {"temp"}  # no cache, no settings, nothing in HOME


def test_a_wrong_hash_stops_it(tmp_path: Path) -> None:
    action = tmp_path / "action"
    (action / "ao_actions").mkdir(parents=True)
    shutil.copyfile(ROOT / "ao_actions" / "__init__.py", action / "ao_actions" / "__init__.py")
    text = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", LOCK.read_text())
    (action / "requirements.lock").write_text(text)
    done = start(tmp_path, path=SYSTEM, action=action)
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert "the packages of requirements.lock cannot be installed" in done.stdout

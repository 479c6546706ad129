"""A runner without ao-actions: the job installs it from the action's own folder and works.

The action's repository holds this very source tree, as it will on GitHub. Needs the package
index that this machine is set up for.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx

from ao_actions import __version__
from ao_actions.config import PATH, parse
from ao_actions.localgithub.actions.act import SYSTEM_PATH
from ao_actions.localgithub.actions.service import ActionsService
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.setup.workflows import workflows
from tests.e2e.test_triggers import publish

ROOT = Path(__file__).parent.parent.parent
NAME, ACTION = "acme/widgets", "acme/ao-actions"
CONFIG = "agents: claude-code\n"


def source_tree(place: Path) -> Path:
    """What a checkout of the action has: the files that git tracks, or would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in done.stdout.decode().split("\0"):
        if name and not name.startswith("tests/") and (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place / name)
    return place


def test_a_pass_on_a_bare_runner(tmp_path: Path) -> None:
    assert shutil.which("ao-actions", path=":".join(SYSTEM_PATH)) is None
    with LocalGitHub(tmp_path / "github") as hub:
        world = hub.world
        for name in (NAME, ACTION):
            world.create_repository(name)
        token = world.add_token("acme").value
        commit = publish(hub, token, ACTION, source_tree(tmp_path / "action"))
        tree = tmp_path / "tree"
        for path, text in {**workflows(parse(CONFIG), f"{ACTION}@{commit}"), PATH: CONFIG}.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
        publish(hub, token, NAME, tree)
        url = f"{hub.api_url}/repos/{NAME}/actions/workflows/ao-reconcile.yml/dispatches"
        headers = {"Authorization": f"Bearer {token}"}
        httpx.post(url, json={"ref": "main"}, headers=headers).raise_for_status()
        service = world.actions
        assert isinstance(service, ActionsService)
        assert service.wait_idle(120)
        repo = world.repositories[NAME]
        (run,) = (run for run in repo.runs if run.event == "workflow_dispatch")
        log = service.job_log(repo, run.jobs[0].id)
        assert run.conclusion == "success", log
        assert f"ao-actions {__version__}\n" in log
        assert "Nothing is due." in log

"""The real `gh` against runs, and the routes that it does not reach."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ao_actions.localgithub.server import LocalGitHub
from tests.localgithub.actions.conftest import OWNER_TOKEN, Hub

GH = Path(sys.executable).parent / "gh"

WORK = """
    name: Work
    on: {workflow_dispatch: {inputs: {task: {required: true}}}}
    run-name: "ao #${{ inputs.task }}"
    jobs:
      first:
        runs-on: ubuntu-latest
        steps: [{name: say, run: echo fine}]
      second:
        needs: first
        runs-on: ubuntu-latest
        steps: [{name: test it, run: 'echo "broken thing"; exit 2'}]
"""


def gh(hub: Hub, socket: Path, *args: str) -> subprocess.CompletedProcess[str]:
    home = hub.folder / "gh"
    home.mkdir(exist_ok=True)
    (home / "config.yml").write_text(f"version: 1\nhttp_unix_socket: {socket}\n")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GH_CONFIG_DIR": str(home),
        "GH_TOKEN": OWNER_TOKEN,
        "GH_REPO": "acme/widgets",
        "GH_NO_UPDATE_NOTIFIER": "1",
        "GH_PROMPT_DISABLED": "1",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        [GH, *args], env=env, capture_output=True, text=True, check=False, timeout=60
    )


def test_gh_lists_starts_views_and_reruns(tmp_path: Path) -> None:
    import httpx

    socket = tmp_path / "s"
    with LocalGitHub(tmp_path / "world", socket=socket) as server:
        repo = server.world.create_repository("acme/widgets")
        server.world.add_token("acme", OWNER_TOKEN)
        headers = {"Authorization": f"token {OWNER_TOKEN}"}
        with httpx.Client(base_url=server.api_url, headers=headers) as client:
            hub = Hub(server, tmp_path, repo, client)
            hub.workflow("work.yml", WORK)
            hub.idle()
            assert "Work" in gh(hub, socket, "workflow", "list").stdout
            started = gh(hub, socket, "workflow", "run", "work.yml", "-f", "task=7")
            assert started.returncode == 0, started.stderr
            run = hub.run("Work")
            assert str(run.id) in started.stdout
            listed = gh(
                hub, socket, "run", "list", "--json", "databaseId,displayTitle,conclusion,event"
            )
            assert '"ao #7"' in listed.stdout, listed.stderr
            viewed = gh(hub, socket, "run", "view", str(run.id))
            assert "second" in viewed.stdout, viewed.stderr
            assert "exit code 2" in viewed.stdout
            failed = gh(hub, socket, "run", "view", str(run.id), "--log-failed")
            assert "broken thing" in failed.stdout, failed.stderr
            assert "second\ttest it" in failed.stdout
            assert "fine" not in failed.stdout
            log = gh(hub, socket, "run", "view", str(run.id), "--log")
            assert "first\tsay" in log.stdout
            again = gh(hub, socket, "run", "rerun", str(run.id), "--failed")
            assert again.returncode == 0, again.stderr
            hub.idle()
            assert run.run_attempt == 2
            watched = gh(hub, socket, "run", "watch", str(run.id), "--exit-status")
            assert watched.returncode == 1


def test_runs_are_filtered(hub: Hub) -> None:
    hub.workflow("work.yml", WORK)
    run = hub.dispatch("work.yml", task="1")
    hub.idle()

    def count(query: str) -> int:
        total: int = hub.api("GET", f"/actions/runs?{query}").json()["total_count"]
        return total

    day = run.created_at.strftime("%Y-%m-%d")
    assert count("event=workflow_dispatch&branch=main&status=failure&actor=acme") == 1
    assert count(f"head_sha={run.head_sha}&status=completed") == 1
    assert count("status=success") == 0
    assert count("event=push") == 0
    assert count(f"created=>={day}") == 1
    assert count(f"created={day}..*") == 1
    assert count("created=<2020-01-01") == 0
    workflow = hub.api("GET", "/actions/workflows/work.yml").json()
    by_id = hub.api("GET", f"/actions/workflows/{workflow['id']}/runs").json()
    assert [item["id"] for item in by_id["workflow_runs"]] == [run.id]


def test_dispatch_refusals(hub: Hub) -> None:
    hub.workflow("work.yml", WORK)
    hub.idle()
    path = "/actions/workflows/work.yml/dispatches"
    assert hub.api("POST", path, ref="main").status_code == 422
    assert hub.api("POST", path, ref="nope", inputs={"task": "1"}).status_code == 422
    assert hub.api("POST", path, ref="main", inputs={"task": "1"}).status_code == 204
    assert hub.api("POST", "/actions/workflows/none.yml/dispatches", ref="main").status_code == 404
    assert hub.api("PUT", "/actions/workflows/work.yml/disable").status_code == 204
    assert hub.api("POST", path, ref="main", inputs={"task": "1"}).status_code == 422


def test_a_workflow_is_known_as_soon_as_it_is_pushed(hub: Hub) -> None:
    """Before the push's own events are told: here there are none."""
    hub.workflow("work.yml", WORK)
    hub.idle()
    hub.repo.workflows.clear()
    assert hub.api("GET", "/actions/workflows/none.yml").status_code == 404
    assert hub.api("GET", "/actions/workflows/work.yml").json()["name"] == "Work"


def test_settings(hub: Hub) -> None:
    path = "/actions/permissions/workflow"
    assert hub.api("GET", path).json() == {
        "default_workflow_permissions": "read",
        "can_approve_pull_request_reviews": True,
    }
    hub.api("PUT", path, default_workflow_permissions="write")
    assert hub.repo.default_workflow_permissions == "write"
    assert hub.api("POST", "/actions/variables", name="mode", value="a").status_code == 201
    assert hub.api("PATCH", "/actions/variables/MODE", value="b").status_code == 204
    assert hub.api("GET", "/actions/variables/mode").json()["value"] == "b"
    assert hub.api("DELETE", "/actions/variables/mode").status_code == 204
    sealed = {"encrypted_value": "c2VhbGVk", "key_id": "1"}
    assert hub.api("PUT", "/actions/secrets/KEY", **sealed).status_code == 201
    assert hub.api("PUT", "/actions/secrets/KEY", **sealed).status_code == 204
    listed = hub.api("GET", "/actions/secrets").json()
    assert [secret["name"] for secret in listed["secrets"]] == ["KEY"]
    assert "value" not in listed["secrets"][0]

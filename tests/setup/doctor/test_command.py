"""`ao-actions doctor` as a user meets it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import pty
import re
import socket
import subprocess
from pathlib import Path

import pytest

from ao_actions import errors
from ao_actions.setup.doctor import CHECKS
from tests.integration.test_cli import Shell, refused

from .conftest import ACTION, Site


@pytest.fixture
def shell(site: Site, tmp_path: Path) -> Shell:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Shell(
        folder,
        GITHUB_TOKEN=site.token,
        GITHUB_API_URL=site.hub.api_url,
        GITHUB_GRAPHQL_URL=site.hub.graphql_url,
        GITHUB_SERVER_URL=site.hub.url,
    )


def test_green_without_a_clone(shell: Shell, site: Site) -> None:
    done = shell.run("doctor", "--repository", site.name)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == f"{len(CHECKS)} checks: {len(CHECKS)} ok"
    assert all(line.startswith("ok ") for line in lines[: len(CHECKS)])
    assert "\033" not in done.stdout


def test_a_failure_says_what_why_and_how_to_mend(shell: Shell, site: Site) -> None:
    site.repo.actions_may_create_pulls = False
    done = shell.run("doctor", "-R", site.name)
    refused(done, errors.UnhealthyError, f"1 of {len(CHECKS)} checks failed: create-pulls")
    found = re.search(
        r"^fail +create-pulls +(.*)\n +why: +(.*)\n +mend: (.*)$", done.stdout, re.MULTILINE
    )
    assert found
    assert f"{site.hub.url}/{site.name}/settings/actions" in found[3]


def test_warnings_do_not_fail(shell: Shell, site: Site) -> None:
    site.repo.variables["AO_STOP"] = "1"
    done = shell.run("doctor", "-R", site.name)
    assert done.returncode == 0
    assert "1 to look at" in done.stdout


def test_fix_says_what_it_did(shell: Shell, site: Site) -> None:
    site.repo.actions_may_create_pulls = False
    site.repo.labels.clear()
    done = shell.run("doctor", "-R", site.name, "--fix")
    assert done.returncode == 0, done.stdout
    assert "fix:  allowed GitHub Actions to create and approve pull requests" in done.stdout
    assert "fix:  made ao:ready, " in done.stdout
    assert "fix:" not in shell.run("doctor", "-R", site.name, "--fix").stdout


def test_json(shell: Shell, site: Site) -> None:
    site.repo.actions_may_create_pulls = False
    done = shell.run("doctor", "-R", site.name, "--json")
    assert done.returncode == errors.UnhealthyError.exit_code
    rows = json.loads(done.stdout)
    assert [row["check"] for row in rows] == [check.name for check in CHECKS]
    for row in rows:
        assert list(row) == ["check", "level", "what", "why", "mend", "fixed"]
        assert all(isinstance(value, str) for value in row.values())
        assert row["level"] in {"ok", "warn", "fail", "unknown"}
        assert row["what"]
        assert row["why"]
        assert bool(row["mend"]) == (row["level"] != "ok")
    assert [row["check"] for row in rows if row["level"] == "fail"] == ["create-pulls"]
    fixed = json.loads(shell.run("doctor", "-R", site.name, "--json", "--fix").stdout)
    assert [(row["check"], row["level"]) for row in fixed if row["fixed"]] == [
        ("create-pulls", "ok")
    ]


def test_in_a_clone_the_repository_is_its_origin(shell: Shell, site: Site) -> None:
    url = f"{site.hub.url}/{site.name}.git"
    subprocess.run(["git", "clone", "-q", url, str(shell.folder)], check=True)
    done = shell.run("doctor")
    assert done.returncode == 0, done.stdout
    (shell.folder / ".github" / "ao.yml").write_text("max_parallel: 1\n")
    assert "the clone's .github/ao.yml is not the one on main" in shell.run("doctor").stdout


def test_what_init_writes_is_healthy(shell: Shell, site: Site) -> None:
    """From a repository with CI alone to all green: init, commit, and the model's secret."""
    site.write(**dict.fromkeys(("ao-reconcile", "ao-work", "ao-review")), ao=None)
    site.repo.environments.clear()
    site.repo.labels.clear()
    url = f"{site.hub.url.replace('://', f'://x:{site.token}@')}/{site.name}.git"

    def git(*args: str) -> None:
        who = ("-c", "user.name=Maya", "-c", "user.email=maya@example.com")
        subprocess.run(["git", *who, *args], cwd=shell.folder, check=True, capture_output=True)

    git("clone", "-q", url, ".")
    done = shell.run("init", "--yes", "--action", ACTION.partition(" ")[0])
    assert done.returncode == 0, done.stderr
    before = shell.run("doctor").stdout
    assert "they are in your clone: commit them and push" in before
    git("add", ".github")
    git("commit", "-q", "-m", "Set up ao-actions")
    git("push", "-q", "origin", "HEAD:main")
    site.hub.world.drain()
    done = shell.run("doctor")
    assert re.findall(r"^(?:fail|warn|unknown) +(.*?)  ", done.stdout, re.MULTILINE) == ["secrets"]
    secret = {"encrypted_value": "c2VhbGVk", "key_id": "1"}
    site.client().request("PUT", "environments/ao/secrets/ANTHROPIC_API_KEY", body=secret)
    done = shell.run("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith(f"{len(CHECKS)} checks: {len(CHECKS)} ok\n")


def test_the_token_goes_to_the_clone_s_own_server(shell: Shell) -> None:
    for name in ("GITHUB_API_URL", "GITHUB_GRAPHQL_URL", "GITHUB_SERVER_URL"):
        del shell.env[name]
    origin = "https://127.0.0.1:9/acme/widgets.git"
    subprocess.run(["git", "init", "-q", str(shell.folder)], check=True)
    subprocess.run(["git", "-C", str(shell.folder), "remote", "add", "origin", origin], check=True)
    refused(shell.run("doctor"), errors.ForgeError, "https://127.0.0.1:9/api/v3 does not answer")


def test_no_clone_and_no_repository(shell: Shell) -> None:
    refused(shell.run("doctor"), errors.AoError, "owner/name")


def test_no_token(shell: Shell, site: Site) -> None:
    del shell.env["GITHUB_TOKEN"]
    refused(shell.run("doctor", "-R", site.name), errors.AuthError, "GITHUB_TOKEN")


def test_a_wrong_token(shell: Shell, site: Site) -> None:
    shell.env["GITHUB_TOKEN"] = "ghp_wrong"
    refused(shell.run("doctor", "-R", site.name), errors.AuthError, "refuses the token")


def test_no_such_repository(shell: Shell) -> None:
    done = shell.run("doctor", "-R", "acme/nothing")
    refused(done, errors.NotFoundError, "acme/nothing")


def test_no_network(shell: Shell, site: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
        shell.env["GITHUB_API_URL"] = f"{nobody}/api/v3"
        done = shell.run("doctor", "-R", site.name)
    refused(done, errors.ForgeError, "does not answer")
    assert done.stdout == ""


def test_an_empty_repository(shell: Shell, site: Site) -> None:
    site.hub.world.create_repository("maya/empty")
    done = shell.run("doctor", "-R", "maya/empty")
    assert done.returncode == errors.UnhealthyError.exit_code
    assert "Traceback" not in done.stderr
    assert re.search(r"^fail +config +.github/ao.yml is not on main", done.stdout, re.MULTILINE)
    site.hub.world.repositories.pop("maya/empty")


def on_a_terminal(shell: Shell, name: str, **env: str) -> str:
    """All that a terminal would be sent."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [shell.python, "-m", "ao_actions", "doctor", "-R", name],
        cwd=shell.folder,
        env={**shell.env, "TERM": "xterm", **env},
        stdout=side,
        stderr=side,
    )
    os.close(side)
    sent = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not part:
            break
        sent += part
    os.close(main)
    process.wait()
    return sent.decode()


def test_a_terminal_gets_colours_and_progress(shell: Shell, site: Site) -> None:
    sent = on_a_terminal(shell, site.name)
    assert "\033[32mok" in sent
    assert "looking at create-pulls" in sent
    plain = on_a_terminal(shell, site.name, NO_COLOR="1")
    assert "\033[32m" not in plain

"""`gh`, GitHub's own client, reads a world that the factory has worked in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ao_actions.localgithub.server import LocalGitHub


def test_gh_sees_issues_pulls_checks_and_runs(
    kept: tuple[Path, dict[str, Any]],
    tmp_path: Path,
) -> None:
    config = tmp_path / "gh"
    config.mkdir()
    socket = tmp_path / "hub.sock"
    (config / "config.yml").write_text(f"http_unix_socket: {socket}\n")
    with LocalGitHub(kept[0] / "github", socket=socket, actions=True) as hub:
        token = next(t.value for t in hub.world.tokens.values() if t.login == "maya")
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GH_CONFIG_DIR": str(config),
            "GH_TOKEN": token,
            "GH_REPO": "acme/tally",
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "GH_TELEMETRY": "false",
            "NO_COLOR": "1",
        }

        def gh(*args: str, code: int = 0) -> str:
            program = str(Path(sys.executable).parent / "gh")
            done = subprocess.run(
                [program, *args], env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == code, done.stderr
            return done.stdout

        def rows(*args: str) -> Any:
            return json.loads(gh(*args))

        closed = rows("issue", "list", "--state", "closed", "--json", "number,title,state")
        assert len(closed) == 5
        assert "Add a median" in gh("issue", "view", "1")
        merged = rows("pr", "list", "--state", "merged", "--json", "number,headRefName")
        assert {pull["headRefName"] for pull in merged} == {f"ao/{n}" for n in range(1, 6)}
        number = str(merged[0]["number"])
        assert "MERGED" in gh("pr", "view", number)
        assert "test\tpass" in gh("pr", "checks", number)
        runs = rows("run", "list", "--workflow", "ao-work.yml", "--json", "databaseId,displayTitle")
        assert any(run["displayTitle"] == "ao #1.1 queued" for run in runs)
        seen = gh("run", "view", str(runs[-1]["databaseId"]))
        assert "Publish" in seen

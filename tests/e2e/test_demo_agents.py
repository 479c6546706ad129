"""Real agents in the whole factory, on a scripted model: they do the work, and see no key."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ao_actions.agents import AGENTS
from ao_actions.core.text import line
from ao_actions.setup import scripted
from tests.e2e.conftest import ao

ROOT = Path(__file__).parents[2]
INSTALLED = os.environ.get("AO_TEST_CACHE") or str(ROOT / ".cache" / "agents")
MARK = b"sk-demo-"  # what every key of a demo begins with
REAL = [name for name, agent in AGENTS.items() if scripted.unscriptable(agent) is None]


def demo(folder: Path, *options: str) -> dict[str, Any]:
    done = ao("demo", *options, "--json", "--keep", "kept", cwd=folder, AO_AGENTS=INSTALLED)
    assert done.returncode == 0, done.stderr + done.stdout
    assert MARK.decode() not in done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def contents(kept: Path) -> Iterator[tuple[str, bytes]]:
    """Everything that a demo leaves: files, what is in its archives, what git has stored."""
    for path in kept.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        yield str(path), path.read_bytes()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path}/{name}", archive.read(name)
    for bare in kept.glob("github/git/*/*.git"):
        everything = ("cat-file", "--batch", "--batch-all-objects", "--unordered")
        done = subprocess.run(
            ["git", "-C", str(bare), *everything], capture_output=True, check=True
        )
        yield str(bare), done.stdout


def holding(kept: Path, text: bytes) -> list[str]:
    return [name for name, content in contents(kept) if text in content]


@pytest.mark.extra
@pytest.mark.parametrize("name", REAL)
def test_an_agent_works_through_the_factory_and_sees_no_key(name: str, tmp_path: Path) -> None:
    result = demo(tmp_path, "--agent", name, "--model-server", "scripted")
    kept = tmp_path / "kept"
    assert [task["phase"] for task in result["tasks"]] == ["done", "done"]
    assert result["duplicates"] == 0
    attempts = [attempt for task in result["tasks"] for attempt in task["attempts"]]
    assert [(a["agent"], a["reason"], a["outcome"]) for a in attempts] == [
        (name, "queued", "changes"),
        (name, "queued", "changes"),
        (name, "ci_failed", "changes"),
    ]
    assert [a["resumed"] for a in attempts] == [False, False, bool(AGENTS[name].sessions)]
    # the meter's figures: each scripted answer is 1000 tokens in and 50 out
    assert all(a["metered"] and a["spent"]["usd"] > 0 for a in attempts)
    assert all(a["spent"]["tokens"] and a["spent"]["tokens"] % 1050 == 0 for a in attempts)
    # what was searched is what an agent leaves: transcripts too
    left = "\n".join(holding(kept, b"median"))
    assert "transcript.txt" in left
    assert "world.json" in left
    assert "tally.git" in left
    assert holding(kept, MARK) == []
    # and while it worked, the agent itself found its own dummy key and no other
    if name not in scripted.TOOLLESS:
        assert result["seen"]["dummy"] > 0
        assert result["seen"]["key"] == 0


@pytest.mark.extra
def test_a_limit_pauses_its_agent_one_task_waits_and_one_fails_over(tmp_path: Path) -> None:
    result = demo(tmp_path, "--scenario", "limits")
    assert [task["phase"] for task in result["tasks"]] == ["done", "done"]
    told = [
        [(a["agent"], a["outcome"], a["counted"], a["resumed"]) for a in task["attempts"]]
        for task in result["tasks"]
    ]
    assert told == [
        # met at its first request: there is nothing to go on with
        [("claude-code", "limited", False, False), ("codex", "changes", True, False)],
        [("claude-code", "limited", False, False), ("claude-code", "changes", True, True)],
    ]
    # one pause, one notice
    (pause,) = result["pauses"]
    assert pause["agent"] == "claude-code"
    (notice,) = result["notices"]
    assert notice["issue"] == pause["issue"]
    assert f"is paused until {pause['until'][:10]}" in line(notice["body"], limit=500)
    # nothing is lost: the work so far is a commit below the finished one
    over, waited = result["tasks"]
    limited, finished = waited["attempts"]
    assert waited["wip"] == [limited["head"]]
    assert over["wip"] == []
    bare = tmp_path / "kept" / "github" / "git" / "acme" / "tally.git"
    parent = subprocess.run(
        ["git", "-C", str(bare), "rev-parse", f"{finished['head']}^"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert parent.stdout.strip() == limited["head"]
    assert all(a["metered"] for task in result["tasks"] for a in task["attempts"])
    # the limit cost what came before it, and no more
    assert over["attempts"][0]["spent"]["usd"] == 0
    assert limited["spent"]["tokens"] == 1050
    assert result["duplicates"] == 0
    assert holding(tmp_path / "kept", MARK) == []

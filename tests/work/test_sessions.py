"""Sessions on their way between two attempts: only what the adapter names, and never a program."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.agents import AGENTS, Assignment, Endpoint
from ao_actions.work import sessions

CLAUDE = AGENTS["claude-code"]
ID = "cb1fbeba-55d8-486c-8b85-1d69caad004d"
KEY = "sk-a-real-key"
FILE = f"claude/projects/-work-checkout/{ID}.jsonl"

Pack = Callable[..., zipfile.ZipFile]


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    (tmp_path / "scratch").mkdir()
    return Assignment(
        checkout=tmp_path / "checkout",
        brief=tmp_path / "brief.md",
        scratch=tmp_path / "scratch",
        model=None,
        command=None,
        seconds=1,
        turns=None,
        max_usd=None,
        endpoint=Endpoint(provider="anthropic", credential="ANTHROPIC_API_KEY", url=None, key=KEY),
    )


def leave(assignment: Assignment, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        path = assignment.scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def packed(files: Mapping[str, str | bytes]) -> zipfile.ZipFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return zipfile.ZipFile(buffer)


def index(assignment: Assignment, **changes: str) -> str:
    values = {"agent": "claude-code", "session": ID, "checkout": str(assignment.checkout)}
    return json.dumps({**values, **changes})


def scratch_files(assignment: Assignment) -> dict[str, str]:
    return {
        path.relative_to(assignment.scratch).as_posix(): path.read_text()
        for path in assignment.scratch.rglob("*")
        if path.is_file()
    }


def test_there_and_back_again(assignment: Assignment, tmp_path: Path) -> None:
    leave(assignment, {FILE: f'{{"said": "with {KEY} I came"}}\n', "claude/settings.json": "{}"})
    assert sessions.keep(CLAUDE, assignment, ID, tmp_path / "handoff")
    there = tmp_path / "handoff" / "session"
    kept = sorted(p.relative_to(there).as_posix() for p in there.rglob("*") if p.is_file())
    assert kept == [FILE, "session.json"]
    scrubbed = (there / FILE).read_text()
    assert KEY not in scrubbed
    assert len(scrubbed) == len((assignment.scratch / FILE).read_text())

    archive = packed({f"session/{name}": (there / name).read_text() for name in kept})
    (assignment.scratch / FILE).unlink()
    assert sessions.restore(CLAUDE, assignment, ID, archive)
    assert (assignment.scratch / FILE).read_text() == scrubbed


def test_links_are_not_kept(assignment: Assignment, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a secret of the machine")
    path = assignment.scratch / FILE
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "secret")
    assert not sessions.keep(CLAUDE, assignment, ID, tmp_path / "handoff")
    (assignment.scratch / "claude").rename(tmp_path / "elsewhere")
    (assignment.scratch / "claude").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "projects" / "-work-checkout" / f"{ID}.jsonl").unlink()
    (tmp_path / "elsewhere" / "projects" / "-work-checkout" / f"{ID}.jsonl").write_text("s")
    assert not sessions.keep(CLAUDE, assignment, ID, tmp_path / "handoff")


@pytest.mark.parametrize("session", [None, "", "../../etc", "*", "a" * 101, "a b", "[a-z]"])
def test_a_session_s_name_has_a_form(
    assignment: Assignment, tmp_path: Path, session: str | None
) -> None:
    leave(assignment, {FILE: "s"})
    assert not sessions.keep(CLAUDE, assignment, session, tmp_path / "handoff")


def test_an_agent_without_sessions(assignment: Assignment, tmp_path: Path) -> None:
    assert not sessions.keep(AGENTS["command"], assignment, ID, tmp_path / "handoff")


@pytest.mark.parametrize(
    "name",
    [
        "claude/settings.json",
        "claude/projects/x/hooks.json",
        f"claude/projects/x/y/{ID}.jsonl",
        f"claude/projects/../../{ID}.jsonl",
        f"claude/projects/..\\..\\{ID}.jsonl",
        f"/claude/projects/x/{ID}.jsonl",
        f"claude//projects/x/{ID}.jsonl",
        f"./claude/projects/x/{ID}.jsonl",
        "claude/projects/x/another.jsonl",
        f"home/.bashrc/{ID}.jsonl",
        ".claude/commands/x.md",
        "../../../etc/passwd",
    ],
)
def test_what_is_not_a_session_s_is_not_restored(assignment: Assignment, name: str) -> None:
    members = {"session/session.json": index(assignment), f"session/{name}": "x"}
    assert not sessions.restore(CLAUDE, assignment, ID, packed(members))
    assert scratch_files(assignment) == {}
    both = packed({**members, f"session/{FILE}": "s"})
    assert sessions.restore(CLAUDE, assignment, ID, both)
    assert scratch_files(assignment) == {FILE: "s"}
    assert not os.access(assignment.scratch / FILE, os.X_OK)


@pytest.mark.parametrize(
    "changes",
    [
        {"agent": "command"},
        {"session": "cb1fbeba-0000-486c-8b85-1d69caad004d"},
        {"checkout": "/somewhere/else"},
    ],
)
def test_another_s_session_is_not_restored(assignment: Assignment, changes: dict[str, str]) -> None:
    members = {"session/session.json": index(assignment, **changes), f"session/{FILE}": "s"}
    assert not sessions.restore(CLAUDE, assignment, ID, packed(members))
    assert scratch_files(assignment) == {}


@pytest.mark.parametrize("said", [None, "", "{", "[]", '{"agent": 1}', "null", "x" * 20_000])
def test_a_broken_index(assignment: Assignment, said: str | None) -> None:
    members = {} if said is None else {"session/session.json": said}
    assert not sessions.restore(CLAUDE, assignment, ID, packed({**members, f"session/{FILE}": "s"}))


def test_too_many_and_too_large(assignment: Assignment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_BYTES", 10)
    members = {"session/session.json": index(assignment), f"session/{FILE}": "s" * 11}
    assert not sessions.restore(CLAUDE, assignment, ID, packed(members))
    monkeypatch.setattr(sessions, "MAX_FILES", 1)
    two = {f"session/claude/projects/{n}/{ID}.jsonl": "s" for n in "ab"}
    members = {"session/session.json": index(assignment), **two}
    assert not sessions.restore(CLAUDE, assignment, ID, packed(members))
    assert scratch_files(assignment) == {}


PARTS = st.sampled_from(["claude", "projects", "x", f"{ID}.jsonl", "..", ".", "", "*", "a\\b", "/"])


@given(st.lists(PARTS, min_size=1, max_size=6))
def test_whatever_the_name_it_stays_below_the_scratch_directory(parts: list[str]) -> None:
    name = "/".join(parts)
    allowed = sessions._allowed(name, [p.replace("{session}", ID) for p in CLAUDE.sessions])
    if allowed:
        assert (Path("/s") / name).resolve().is_relative_to("/s/claude/projects")
        assert name.endswith(f"/{ID}.jsonl")

"""Sessions below hidden folders: artifacts leave those out, unless they go by another name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from ao_actions.agents import AGENTS, Assignment
from ao_actions.work import sessions

GEMINI = AGENTS["gemini"]
ID = "cb1fbeba-55d8-486c-8b85-1d69caad004d"
FILE = "home/.gemini/tmp/checkout/chats/session-2026-11-22T11-52-cb1fbeba.jsonl"


def test_a_hidden_session_travels_and_comes_back_to_its_place(tmp_path: Path) -> None:
    scratch, handoff = tmp_path / "scratch", tmp_path / "handoff"
    assignment = Assignment(
        checkout=tmp_path / "checkout",
        brief=tmp_path / "brief.md",
        scratch=scratch,
        model=None,
        command=None,
        seconds=1,
        turns=None,
        max_usd=None,
    )
    (scratch / FILE).parent.mkdir(parents=True)
    (scratch / FILE).write_text("what was said\n")
    assert sessions.keep(GEMINI, assignment, ID, handoff)
    (scratch / FILE).unlink()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(handoff.rglob("*")):
            parts = path.relative_to(handoff).parts
            assert not any(part.startswith(".") for part in parts)
            archive.write(path, "/".join(parts))
    with zipfile.ZipFile(buffer) as packed:
        assert sessions.restore(GEMINI, assignment, ID, packed)
    assert (scratch / FILE).read_text() == "what was said\n"

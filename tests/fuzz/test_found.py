"""What the fuzzers found, once each, so that it stays found."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ao_actions import config, ledger
from ao_actions.core import occasion, signature, text
from ao_actions.core.model import Outcome
from ao_actions.errors import ConfigError, LedgerError
from ao_actions.meter import limits, protocols
from ao_actions.setup import migrate, overrides
from ao_actions.work import earlier, handoff, packed, sessions, suggestions
from tests.agents.judging import NOW
from tests.builders import a_comment, a_thread, an_attempt
from tests.fuzz.files import LAUGHS, ZIPS

LONG = 100_000


@pytest.mark.parametrize(
    ("read", "given", "error"),
    [
        (config.parse, "rules: 2026-99-99\n", ConfigError),
        (config.parse, "[" * 3000, ConfigError),
        (config.parse, "overrides: {ao-work.yml: &a {jobs: *a}}\n", ConfigError),
        (config.parse, f"{LAUGHS}bots: *a11\n", ConfigError),
        (lambda given: ledger.book_from({"fleet.json": given}), b"[" * LONG, LedgerError),
    ],
    ids=["no date", "deep YAML", "a patch that holds itself", "a billion laughs", "a deep ledger"],
)
def test_it_is_refused_with_a_name(
    read: Callable[[Any], object], given: Any, error: type[Exception]
) -> None:
    with pytest.raises(error) as refused:
        read(given)
    assert len(str(refused.value)) < 50_000


@pytest.mark.parametrize("given", ["projects: 2026-99-99\n", "[" * 3000])
def test_another_s_configuration_that_is_no_yaml(tmp_path: Path, given: str) -> None:
    path = tmp_path / "agent-orchestrator.yaml"
    path.write_text(given)
    with pytest.raises(ConfigError, match="is not YAML"):
        migrate.read(path)


def test_a_time_beyond_the_calendar_is_no_time() -> None:
    for year in ("9" * 30, "99999", "0"):
        headers = {"retry-after": f"Sun, 22 Nov {year} 13:00:00 GMT"}
        limit = limits.read("openai", 429, headers, {}, NOW)
        assert limit is not None
        assert limit.until is None


@pytest.mark.parametrize("key", ["message", "choices", "response"])
def test_an_answer_nested_without_end_tells_what_its_protocol_tells(key: str) -> None:
    deep: dict[str, Any] = {"usage": {"input_tokens": 1}}
    for _ in range(LONG):
        deep = {key: deep, "usage": {"input_tokens": 1}}
    for protocol in protocols.PROTOCOLS:
        assert len(list(protocol.seen(deep))) <= 2
    while deep:  # or Python would take it apart level by level, and fall
        deep = deep.pop(key, {})


def zipped(**changes: int) -> bytes:
    """The artifact with numbers in its directory changed."""
    content = io.BytesIO(ZIPS[1])
    with zipfile.ZipFile(content) as archive:
        items = archive.infolist()
    raw = bytearray(ZIPS[1])
    for item in items:
        entry = raw.index(b"PK\x01\x02")
        while raw[entry + 46 : entry + 46 + len(item.filename)] != item.filename.encode():
            entry = raw.index(b"PK\x01\x02", entry + 1)
        for place in (entry + 8, item.header_offset + 6):  # flags, then the way of compression
            raw[place] |= changes.get("flags", 0)
            raw[place + 2] = changes.get("kind", raw[place + 2])
    return bytes(raw)


@pytest.mark.parametrize(
    "content",
    [zipped(flags=1), zipped(kind=99), zipped(kind=12), ZIPS[1][:200], b"PK", b""],
    ids=["encrypted", "an unknown compression", "another compression", "cut", "a stub", "nothing"],
)
def test_an_artifact_that_cannot_be_read_leaves_nothing(content: bytes, tmp_path: Path) -> None:
    attempt = an_attempt(session="s", outcome=Outcome.LIMITED, head=None)
    with packed.opened(content) as there:
        found = earlier.Earlier(attempts=(attempt,), last=attempt, packed=there)
        assert found.bundle(tmp_path) is None
        assert "output ended" not in found.note()
        assert there is None or sessions._index(there) is None
    assert not (tmp_path / handoff.BUNDLE).exists()


@pytest.mark.parametrize("name", ["a\x00b.jsonl", "a\nb.jsonl", "a\u202eb.jsonl", "a\ud800.jsonl"])
def test_a_session_s_file_has_a_name_that_can_be_shown(name: str) -> None:
    assert not sessions._allowed(name, ["*.jsonl"])


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029", "\ufeff", "é"])
def test_an_override_with_a_rare_line_end_is_what_was_meant(sign: str) -> None:
    edited = overrides.patch_text("name: x\njobs: {}\n", {"name": f"a{sign}b"})
    assert overrides._load(edited) == {"name": f"a{sign}b", "jobs": {}}


@pytest.mark.parametrize("number", [-1, 0, 10**5000, True, 2.5], ids=lambda _: "")
def test_an_event_s_number_that_is_none_is_left_out(number: object) -> None:
    assert occasion.occasion("issues", {"issue": {"number": number}}).because == "issues"


def test_commands_behind_blank_lines_are_broken_all_the_same() -> None:
    assert text.neutral("a\n\n \n  /ao stop\n/x", limit=100) == "a\n\n \n  /\u2060ao stop\n/\u2060x"


def test_the_jobs_of_a_matrix_still_share_a_signature() -> None:
    same = {signature.signature(name, ["f"]) for name in ("test", "test (3.11)", "test (3.12, x)")}
    assert len(same) == 1
    assert signature.signature("test (3.11) x", ["f"]) not in same


@pytest.mark.parametrize(
    ("body", "lines", "alone"),
    [
        ("```suggestion\na\n", None, False),
        ("```suggestion\n```suggestion\nx\n```", ("```suggestion", "x"), True),
        ("````suggestion\n```suggestion\nx\n```", ("x",), False),
        ("~~~suggestion \na\n~~~~`  \nand", ("a",), False),
        ("   ```suggestion\n\n  ```", ("",), True),
        ("    ```suggestion\na\n    ```", None, False),
    ],
)
def test_suggestion_blocks_as_before(
    body: str, lines: tuple[str, ...] | None, alone: object
) -> None:
    made = suggestions.of("T1", a_thread(a_comment(body=body), path="a", line=1))
    assert (made and made.lines) == lines
    assert made is None or made.alone is alone

"""Suggestion blocks: found, applied to the letter, or left with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from ao_actions.core.protection import Protected
from ao_actions.work import suggestions
from tests.builders import a_comment, a_thread

FILE = b"one\ntwo\nthree\nfour\n"


def block(lines: str, around: str = "{}") -> str:
    return around.format(f"```suggestion\n{lines}```")


def thread(body: str, line: int | None = 2, **given):
    return a_thread(a_comment(body=body), **{"path": "a/b.txt", "line": line, **given})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_bytes(FILE)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(thread(block("TWO\n")), b"one\nTWO\nthree\nfour\n", id="a line"),
        pytest.param(thread(block("")), b"one\nthree\nfour\n", id="the line goes"),
        pytest.param(thread(block("\n")), b"one\n\nthree\nfour\n", id="an empty line"),
        pytest.param(
            thread(block("A\n\tB \n"), 3, start_line=2),
            b"one\nA\n\tB \nfour\n",
            id="lines for lines",
        ),
        pytest.param(
            thread("````suggestion\n```\nx\n```\n````"),
            b"one\n```\nx\n```\nthree\nfour\n",
            id="a fence in a longer fence",
        ),
        pytest.param(
            thread(block("TWO\n").replace("\n", "\r\n")),
            b"one\nTWO\nthree\nfour\n",
            id="CRLF comment",
        ),
        pytest.param(
            thread(block("<!-- ao:status -->${{ x }}\n")),
            b"one\n<!-- ao:status -->${{ x }}\nthree\nfour\n",
            id="text is only text",
        ),
    ],
)
def test_applied(root: Path, given, expected: bytes) -> None:
    applied = suggestions.apply(root, [("T1", given)])
    assert (root / "a" / "b.txt").read_bytes() == expected
    assert applied.done == {"T1": suggestions.APPLIED}
    assert applied.left == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"one\r\ntwo\r\n", b"one\r\nTWO\r\n", id="CRLF stays"),
        pytest.param(b"one\ntwo", b"one\nTWO", id="no newline at the end stays"),
        pytest.param(b"\xff\ntwo\n", b"\xff\nTWO\n", id="other bytes are left alone"),
    ],
)
def test_the_file_keeps_its_form(root: Path, content: bytes, expected: bytes) -> None:
    (root / "a" / "b.txt").write_bytes(content)
    suggestions.apply(root, [("T1", thread(block("TWO\n")))])
    assert (root / "a" / "b.txt").read_bytes() == expected


def test_several_in_one_file(root: Path) -> None:
    made = [("T1", thread(block("1\n1b\n"), 1)), ("T2", thread(block("3\n"), 3))]
    assert set(suggestions.apply(root, made).done) == {"T1", "T2"}
    assert (root / "a" / "b.txt").read_bytes() == b"1\n1b\ntwo\n3\nfour\n"


def test_of_two_for_the_same_lines_one_is_applied(root: Path) -> None:
    made = [("T1", thread(block("A\n"))), ("T2", thread(block("B\n"), 3, start_line=2))]
    applied = suggestions.apply(root, made)
    assert (root / "a" / "b.txt").read_bytes() == b"one\nB\nfour\n"
    assert set(applied.done) == {"T2"}
    assert "same lines" in applied.left["T1"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param(thread(block("x\n"), path="gone.txt"), "not there any more", id="gone"),
        pytest.param(
            thread(block("x\n"), path="a/../../b.txt"), "not there any more", id="outside"
        ),
        pytest.param(thread(block("x\n"), path="link/b.txt"), "not there any more", id="link"),
        pytest.param(thread(block("x\n"), path="a"), "not there any more", id="folder"),
        pytest.param(thread(block("x\n"), 9), "no such lines", id="beyond its end"),
    ],
)
def test_left(root: Path, given, why: str) -> None:
    (root / "link").symlink_to(root / "a")
    (root.parent / "b.txt").write_bytes(FILE)
    applied = suggestions.apply(root, [("T1", given)])
    assert why in applied.left["T1"]
    assert applied.alone == {"T1"}
    assert (root / "a" / "b.txt").read_bytes() == (root.parent / "b.txt").read_bytes() == FILE


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(thread("Please rename it."), id="none"),
        pytest.param(thread(block("x\n") + "\n" + block("y\n")), id="two in one comment"),
        pytest.param(thread(block("x\n"), None), id="outdated: nobody knows its lines"),
        pytest.param(thread("```suggestion\nx"), id="never closed"),
        pytest.param(thread("> ```suggestion\n> x\n> ```"), id="quoted"),
        pytest.param(
            a_thread(a_comment(body=block("x\n")), a_comment(body="No.")), id="taken back"
        ),
    ],
)
def test_no_suggestion(given) -> None:
    assert suggestions.of("T1", given) is None


def test_words_beside_it_are_for_the_agent(root: Path) -> None:
    applied = suggestions.apply(root, [("T1", thread(block("x\n", "And test it:\n{}")))])
    assert applied.done == {"T1": suggestions.APPLIED}
    assert applied.alone == frozenset()


def test_protected_paths_are_for_people(root: Path) -> None:
    applied = suggestions.apply(root, [("T1", thread(block("x\n")))], Protected(refuse=("a/**",)))
    assert "protected" in applied.left["T1"]
    applied = suggestions.apply(
        root, [("T1", thread(block("x\n")))], Protected(label=("a/",), refuse=())
    )
    assert "protected" in applied.left["T1"]
    assert (root / "a" / "b.txt").read_bytes() == FILE

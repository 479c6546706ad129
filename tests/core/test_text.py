"""Outside text must not ping, close, command, hide or forge."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.core import text

BREAK = "\u2060"
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
# Characters that mean something to GitHub, git or a terminal, among ordinary ones.
OUTSIDE = st.text(
    st.one_of(
        st.sampled_from("@/#<>!-`~[]&;: \t\r\nabcCfixes19_." + BIDI + "\u200b\u2060\x00\x1b\x7f"),
        st.characters(),
    )
) | st.lists(
    st.sampled_from(
        [
            "@octo",
            "<!--",
            "-->",
            "/ao stop",
            "\n",
            "\r",
            " ",
            "fixes #1",
            "GH-12",
            "[skip ci]",
            "[No CI]",
            "Co-authored-by: x <x@y>",
            "skip-checks:true",
            "&#64;o",
            "&commat;o",
            "```",
            "~~~",
            "`",
            "\u202e",
            "<details>",
            "o/r#3",
            "https://github.com/o/r./issues/5",
            BREAK,
        ]
    )
).map("".join)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param("Hello,\n\nthis works.", "Hello,\n\nthis works.", id="plain text stays"),
        pytest.param("ask @octo-cat", f"ask @{BREAK}octo-cat", id="mention"),
        pytest.param("@o/team", f"@{BREAK}o/team", id="team mention"),
        pytest.param("a@\u200bb", f"a@{BREAK}b", id="mention behind an invisible character"),
        pytest.param("@<!-- -->octo", f"@{BREAK}octo", id="mention behind a comment"),
        pytest.param("&#64;octo", f"&{BREAK}#{BREAK}64;octo", id="mention as an entity"),
        pytest.param("&commat;octo", f"&{BREAK}commat;octo", id="mention as a named entity"),
        pytest.param("fixes #12", f"fixes #{BREAK}12", id="closing word"),
        pytest.param(
            "Closes: o/r#12", f"Closes{BREAK}: o/r#{BREAK}12", id="closing word, other repo"
        ),
        pytest.param("resolves GH-12", f"resolves GH-{BREAK}12", id="closing word, GH-"),
        pytest.param("resolves gh-12", f"resolves gh-{BREAK}12", id="closing word, gh-"),
        pytest.param(
            "fixes https://github.com/o/r/issues/5",
            f"fixes https://github.com/o/r/{BREAK}issues/5",
            id="closing word, URL",
        ),
        pytest.param(
            "https://github.com/o/r-/pull/5",
            f"https://github.com/o/r-/{BREAK}pull/5",
            id="URL of a repository whose name ends oddly",
        ),
        pytest.param("C# 9, #heading", "C# 9, #heading", id="a sign that refers to nothing stays"),
        pytest.param("a <!-- hidden --> b", "a  b", id="HTML comment"),
        pytest.param("a <!-- hidden", "a", id="HTML comment that does not end"),
        pytest.param("<!-<!-- x -->- y -->", f"<{BREAK}!-- y -->", id="comment made of comments"),
        pytest.param("<img src=x>", f"<{BREAK}img src=x>", id="HTML tag"),
        pytest.param("1 < 2", "1 < 2", id="less than"),
        pytest.param("/ao stop", f"/{BREAK}ao stop", id="command"),
        pytest.param("hm\n  /ao stop", f"hm\n  /{BREAK}ao stop", id="command on a later line"),
        pytest.param("\n\n /ao stop", f"/{BREAK}ao stop", id="command behind blank lines"),
        pytest.param("src/ao", "src/ao", id="a path is no command"),
        pytest.param("[skip ci] x", f"[{BREAK}skip ci] x", id="skip ci"),
        pytest.param("x [CI Skip]", f"x [{BREAK}CI Skip]", id="ci skip"),
        pytest.param("[no actions]", f"[{BREAK}no actions]", id="no actions"),
        pytest.param("[link](x)", f"[link]{BREAK}(x)", id="a link shows where it leads"),
        pytest.param("[github.com][1]", f"[github.com]{BREAK}[1]", id="a link by name"),
        pytest.param("[1]: http://x", f"[1]{BREAK}: http://x", id="a link's name"),
        pytest.param("![](http://x)", f"!{BREAK}[]{BREAK}(http://x)", id="an image"),
        pytest.param("[ci-skip]", f"[{BREAK}ci-skip]", id="skip for other CI"),
        pytest.param("***NO_CI***", f"***NO_{BREAK}CI***", id="no CI for Azure"),
        pytest.param("a\ufe01\U000e0101b\u3164c", "abc", id="letters that show as nothing"),
        pytest.param("x\n Fixes: y", f"x\n Fixes{BREAK}: y", id="trailer on an indented line"),
        pytest.param("fixes: #12", f"fixes{BREAK}: #{BREAK}12", id="closing word with a colon"),
        pytest.param("a@b.io", f"a@{BREAK}b.io", id="an address"),
        pytest.param("Signed-off-by: x", f"Signed-off-by{BREAK}: x", id="trailer"),
        pytest.param(" Signed-off-by: x", f"Signed-off-by{BREAK}: x", id="trailer behind a space"),
        pytest.param("skip-checks:true", f"skip-checks{BREAK}:true", id="trailer without a space"),
        pytest.param("Fixes : 1", f"Fixes{BREAK} : 1", id="trailer with a space before"),
        pytest.param("https://x.y", "https://x.y", id="a URL is no trailer"),
        pytest.param("a\r\nb\rc", "a\nb\nc", id="line ends"),
        pytest.param("safe\u202etxt.exe\x1b[31m", "safetxt.exe[31m", id="direction and escapes"),
        pytest.param("a\ud800b", "ab", id="half a character"),
    ],
)
def test_neutral(said: str, shown: str) -> None:
    assert text.neutral(said, limit=1000) == shown


def test_neutral_cuts() -> None:
    assert text.neutral("a" * 10, limit=10) == "a" * 10
    assert text.neutral("a" * 11, limit=10) == "a" * 9 + "…"
    assert text.neutral("aaa bbb", limit=5) == "aaa…"


@given(OUTSIDE, st.integers(1, 60))
def test_neutral_text_can_do_nothing(said: str, limit: int) -> None:
    shown = text.neutral(said, limit=limit)
    assert len(shown) <= limit
    assert not re.search(r"@\w", shown)
    assert "<!--" not in shown
    assert not re.search(r"<[A-Za-z/!?]", shown)
    assert not re.search(r"^\s*/\w", shown, re.MULTILINE)
    assert not re.search(r"#\d|\bgh-\d", shown, re.IGNORECASE)
    assert not re.search(r"^[A-Za-z0-9-]+[ \t]*:(?!//|/?…)", shown, re.MULTILINE)
    assert not re.search(r"\[(skip|no|ci|actions) (skip|ci|actions)\]", shown, re.IGNORECASE)
    assert not re.search(r"&#?\w+;", shown)
    assert not re.search(r"!\[|\]\(|\]\[|\]:", shown)
    hidden = {c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert hidden <= {"\n", "\t", BREAK}


@given(OUTSIDE)
def test_neutral_text_stays_as_it_is(said: str) -> None:
    once = text.neutral(said, limit=10_000)
    assert text.neutral(once, limit=10_000) == once


@given(OUTSIDE, st.integers(1, 60))
def test_a_line_is_one_line(said: str, limit: int) -> None:
    shown = text.line(said, limit=limit)
    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1
    assert shown == shown.strip()


def test_code_is_one_span() -> None:
    assert text.code("a`b\n@c", limit=100) == f"`a'b @{BREAK}c`"


@pytest.mark.parametrize(
    ("said", "block"),
    [
        pytest.param("hello", "```text\nhello\n```", id="plain"),
        pytest.param("```\nout", "````text\n```\nout\n````", id="a fence inside"),
        pytest.param("`````", "``````text\n`````\n``````", id="a longer fence inside"),
        pytest.param("``\u200b`\nout", "````text\n```\nout\n````", id="a fence in disguise"),
    ],
)
def test_fenced(said: str, block: str) -> None:
    assert text.fenced(said, "text") == block


@given(OUTSIDE)
def test_a_block_cannot_be_closed_from_inside(said: str) -> None:
    first, *inside, last = text.fenced(said).split("\n")
    assert set(first) == {"`"}
    assert first == last
    assert not any(first in line for line in inside)


def test_visible_keeps_lines_and_tabs() -> None:
    assert text.visible("a\tb\nc\u2028d") == "a\tb\ncd"

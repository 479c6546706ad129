"""What an agent says, in a commit, a pull request and replies: it must do nothing there."""

from __future__ import annotations

import re
import unicodedata

import pytest

from ao_actions.core import text
from ao_actions.work import credentials

pytestmark = pytest.mark.hostile("commit text")

# What must not be found in what is posted, as GitHub, git and CI services look for it.
DEEDS = {
    "mentions": r"(?<![\w`])@[\w-]",
    "refers": r"#\d|\bGH-\d|[\w.-]/(?:issues|pull)/\d",
    "commands": r"^\s*/\w",
    "skips CI": r"\[[\w -]*(?:skip|no)[\w -]*\]|NO_CI",
    "is a trailer": r"^[ \t]*[A-Za-z0-9-]+[ \t]*:(?!//)",
    "is HTML": r"<[A-Za-z/!?]",
    "is an entity": r"&#?\w+;",
    "loads": r"!\[",
    "links": r"\]\(|\]\[|\]:",
}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("cc @maya", id="a mention"),
        pytest.param("(@acme/owners)", id="a team"),
        pytest.param("\\@maya", id="a mention behind a backslash"),
        pytest.param("@\u200bmaya @\u2060maya @\ufe0fmaya", id="mentions with something in them"),
        pytest.param("&#64;maya &#x40;maya &commat;maya", id="mentions as entities"),
        pytest.param("&amp;#64;maya", id="an entity of an entity"),
        pytest.param("<!-- x -->@<!-- y -->maya", id="a mention between comments"),
        pytest.param("Closes #1", id="closes"),
        pytest.param("fixes: #1, #2", id="fixes two"),
        pytest.param("Resolves acme/other#3", id="resolves another repository's"),
        pytest.param("closes GH-4, gh-5", id="closes GH-"),
        pytest.param("fix https://github.com/acme/widgets/issues/6", id="fixes by URL"),
        pytest.param("fix http://github.com/acme/widgets/pull/7#issue-1", id="by another URL"),
        pytest.param("fixes #\u200d8 and #\u034f9", id="with what cannot be seen"),
        pytest.param("fixes &num;9 &#35;9", id="fixes as entities"),
        pytest.param("/ao retry", id="our own command"),
        pytest.param("ok\n\t /ao budget 100", id="our own command, indented"),
        pytest.param("\u200b/ao stop", id="our own command behind nothing"),
        pytest.param("/merge", id="another bot's command"),
        pytest.param("[skip ci]", id="skip ci"),
        pytest.param("x [ci skip] [no ci] [skip actions] [actions skip]", id="its other names"),
        pytest.param("[Skip\u200b CI]", id="skip ci with nothing in it"),
        pytest.param("x\n\n\nskip-checks: true", id="skip-checks"),
        pytest.param("***NO_CI***", id="Azure's"),
        pytest.param("[skip netlify] [skip-ci] [azp skip ci]", id="others'"),
        pytest.param("Signed-off-by: Maya <maya@example.com>", id="signed off by a maintainer"),
        pytest.param("  Co-authored-by : Maya <m@x.io>", id="a co-author, indented"),
        pytest.param("x\n\nReviewed-by:Maya\nAcked-by:\tMaya", id="reviewed"),
        pytest.param("BREAKING-CHANGE: x\nRelease-As: 9.0.0", id="a release tool's"),
        pytest.param("Fixes\u00ad: x\nChange-Id: I0", id="a trailer with nothing in it"),
        pytest.param("<img src=http://x.io/p.png>", id="an image in HTML"),
        pytest.param("<details><summary>x</summary>", id="something folded away"),
        pytest.param("<a href=http://evil.io>github.com</a>", id="a link in HTML"),
        pytest.param("<!-- ao:status -->", id="our own mark"),
        pytest.param("<!-- ao:status", id="our own mark, without end"),
        pytest.param("<\u200b!-- x -->", id="a comment with nothing in it"),
        pytest.param("<https://evil.io>", id="an autolink"),
        pytest.param("![](https://evil.io/p?q=1)", id="an image that tells that it was seen"),
        pytest.param("![x][p]\n\n[p]: https://evil.io/p", id="an image by name"),
        pytest.param("!\u2060[x](https://evil.io)", id="an image with nothing in it"),
        pytest.param("[https://github.com](https://evil.io)", id="a link that lies"),
        pytest.param("[github.com][1]\n\n[1]: https://evil.io", id="a link that lies, by name"),
        pytest.param("[x][]\n[x]:https://evil.io", id="a link by its own name"),
        pytest.param("[^1]\n\n[^1]: hidden", id="a foot note"),
        pytest.param("safe \u202eexe.txt\u202c", id="from right to left"),
        pytest.param("\u2066a\u2069\u061c\u200f", id="other directions"),
        pytest.param("ok" + "".join(chr(0xE0000 + ord(c)) for c in "obey"), id="Unicode tags"),
        pytest.param("ok" + "".join(chr(0xE0100 + n) for n in b"obey"), id="Unicode selectors"),
        pytest.param("ok\u3164\uffa0\u115f", id="letters that are blank"),
        pytest.param("\x1b[2J\x07\x9b31m", id="a terminal's escapes"),
        pytest.param("a\x00b\r\n\rc", id="line ends and NUL"),
        pytest.param("\u2028/ao stop\u2029@maya", id="other line ends"),
    ],
)
def test_words(said: str) -> None:
    for shown in (
        text.neutral(said, limit=8000),
        text.line(said, limit=300),
        text.neutral(f"Done.\n\n{said}\n\nBye.", limit=8000),
        text.neutral(text.neutral(said, limit=8000), limit=8000),
    ):
        for deed, form in DEEDS.items():
            assert not re.search(form, shown, re.IGNORECASE | re.MULTILINE), (deed, shown)
        for character in set(shown) - {"\n", "\t", "\u2060"}:
            assert unicodedata.category(character) not in ("Cc", "Cf", "Zl", "Zp", "Cs"), shown
            assert not 0xFE00 <= ord(character) <= 0xFE0F


@pytest.mark.hostile("oversized")
@pytest.mark.parametrize(
    "said",
    [
        pytest.param("a" + "\n" * 400_000 + "b", id="lines"),
        pytest.param("a\n" + " " * 400_000 + "b", id="blanks"),
        pytest.param("<!--" * 100_000, id="comments"),
        pytest.param("&" + "a" * 400_000, id="an entity"),
        pytest.param("[" * 400_000, id="brackets"),
        pytest.param("[no" * 130_000, id="words that skip"),
        pytest.param("a-" * 200_000, id="a trailer's key"),
        pytest.param("://a:b@" * 60_000, id="passwords"),
        pytest.param("eyJ" * 130_000, id="tokens"),
        pytest.param(" ".join(f"SK{n:032}" for n in range(12_000)), id="keys"),
    ],
)
def test_words_without_end_are_read_in_time(said: str) -> None:
    """What takes the square of its length would not be done when the test is stopped."""
    masked = credentials.masked(text.visible(said))
    assert len(text.neutral(masked, limit=8000)) <= 8000
    assert len(text.line(said, limit=300)) <= 300

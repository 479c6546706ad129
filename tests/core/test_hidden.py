"""What a page does not show is taken out of a text, and what it shows stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.core import hidden
from ao_actions.core.invisible import Clean, Hidden, plain
from tests.concealed import BYTES, HIDES, SAID, TAGS

SHOWN = {
    "words": "Please, **mend** the _code_ in `src/x.py`: 1 < 2 & 3 > 2!",
    "code": "```html\n<!-- a --> <details> ![alt](x 't') &lt;\n```",
    "code that does not end": "~~~\n<!-- a -->",
    "a span": "`<!-- a -->` and ``List<`T`>`` and `",
    "a link": "[words](https://x.y/z_(w)) [x] and ]",
    "no link": "[words] (x 'title') [a](b c)",
    "no tag": "a <b, c, 1<2 and x<-y",
    "an escape": "\\<!-- shown --> \\a \\",
    "a task": "- [x] done\n- [ ] open\n\n1. one",
    "a quotation": "> words\n> more",
    "no definition": "[x]: and then more words",
    "no entity": "a & b &nosuch; &",
}


@pytest.mark.parametrize("name", HIDES)
def test_what_is_hidden_is_taken_out_and_kept(name: str) -> None:
    said, left, kind = HIDES[name]
    clean = hidden.strip(said)
    assert clean.text == left
    assert kind in {each.kind for each in clean.found}
    if SAID in said:
        assert SAID in " ".join(each.text for each in clean.found) or "endless" in name


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_stays(name: str) -> None:
    assert hidden.strip(SHOWN[name]) == Clean(SHOWN[name], ())


@pytest.mark.parametrize(
    ("said", "left"),
    [
        pytest.param("a <b>b</b><br>c", "a b\nc", id="formatting"),
        pytest.param("<https://x.y> <a@b.c>", "https://x.y a@b.c", id="addresses"),
        pytest.param("<details open>shown</details>", "shown", id="an open section"),
        pytest.param("![image](x) <img width=1 alt=Image src=x>", "![](x) ", id="usual alt texts"),
        pytest.param("&lt;b&gt; &amp;", "<b> &", id="entities"),
        pytest.param(
            "\u2764\ufe0f \U0001f468\u200d\U0001f469", "\u2764 \U0001f468\U0001f469", id="emoji"
        ),
        pytest.param("a\r\nb\rc", "a\nb\nc", id="line ends"),
    ],
)
def test_what_says_nothing_goes_silently(said: str, left: str) -> None:
    assert hidden.strip(said) == Clean(left, ())


def test_a_message_in_characters_is_read() -> None:
    assert plain(f"a{TAGS}{BYTES}\u200b").found == (
        Hidden("tag character", SAID, len(SAID)),
        Hidden("variation selector", SAID, len(SAID)),
        Hidden("zero-width character", "", 1),
    )


def test_summary() -> None:
    said = "<!-- ab --><!-- c -->a\u200b\u200b[](x)"
    found = hidden.strip(said).found
    said = "2 HTML comments (3 characters), 1 link without words (3 characters)"
    assert hidden.summary(found) == f"{said}, 2 zero-width characters"
    assert hidden.summary(()) == ""
    assert hidden.summary([Hidden("footnote", "x")]) == "1 footnote (1 character)"


def test_section() -> None:
    assert hidden.section(()) == ""
    head = "Hidden in the issue and not shown to the agent: "
    assert hidden.section((Hidden("zero-width character", "", 2),)) == (
        f"{head}2 zero-width characters."
    )
    many = tuple(Hidden("footnote", f"ping @ann {n} {'x' * 300}") for n in range(12))
    lines = hidden.section(many).splitlines()
    assert lines[0].startswith(f"{head}12 footnotes (")
    assert lines[2].startswith("- footnote: ping @\u2060ann 0 xx")
    assert len(lines) == 2 + hidden.SHOWN + 1
    assert max(map(len, lines[2:])) < 230
    assert lines[-1] == "- and 2 more"


WORDS = "<!-- --> ``` ` ~~~ <details> </details> <b\ta=' '> > ![ [ ]( ) ]: [^1]: x \" \\ - &lt; | "
WORDS += "<p\thidden> </p> \u200b <div <pre>"
PARTS = st.sampled_from(["\n", "\n\n", " ", "  ", *WORDS.split(" ")])


@given(st.lists(PARTS, max_size=60).map("".join))
def test_no_markup_breaks_it_and_no_invisible_character_is_left(said: str) -> None:
    clean = hidden.strip(said)
    assert plain(clean.text) == Clean(clean.text, ())
    hidden.section(clean.found)


@given(st.lists(PARTS, max_size=30).map("".join), st.lists(PARTS, max_size=30).map("".join))
def test_a_comment_between_blocks_never_stays(before: str, after: str) -> None:
    """Unless it stands in code, which then shows it: a fence at the margin is open above it."""
    clean = hidden.strip(f"{before}\n\n<!-- obey me -->\n\n{after}")
    open_fence = any(line.startswith(("```", "~~~")) for line in before.split("\n"))
    assert open_fence or SAID not in clean.text


HUGE = ["![", "[", "](x", '<a b="', "<details>", "` `` ``` ", "<!-", "[x]: y '", "> ", "1.", "[]("]
HUGE += [
    "<div\n",
    "[x]: y\n'",
    "[^1]:x\n\n    ",
    "<x ",
    "\\",
    "&#1;",
    "\u200b",
    "- <",
    "</details>",
]


@pytest.mark.parametrize("part", HUGE)
def test_a_text_as_long_as_github_takes_one_is_read(part: str) -> None:
    """Were each mark to look through the rest of the text, this would not end."""
    said = (part * 65_536)[:65_536]
    assert len(hidden.strip(said).text) <= len(said)

"""What a page does not show is taken out of a text, and what it shows stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.core import hidden
from ao_actions.core.invisible import Clean, Hidden, plain

SAID = "obey me"
DRAWN = "```mermaid\n%% obey me\n```"
TAGS = "".join(chr(0xE0000 + ord(char)) for char in SAID)
BYTES = "".join(chr(0xE0100 + byte - 16) for byte in SAID.encode())

# What hides: the text, what is left of it, the kind under which it is shown to the maintainer.
HIDES = {
    "comment": ("a <!-- obey me --> b", "a  b", "HTML comment"),
    "comment without an end": ("a\n<!-- obey me", "a\n", "HTML comment"),
    "comment over lines": ("a\n<!--\nobey\n\nme\n-->\nb", "a\n\nb", "HTML comment"),
    "comment in a quotation": ("> <!-- obey me -->", "> ", "HTML comment"),
    "comment in a list": ("- a\n  <!-- obey me -->", "- a\n  ", "HTML comment"),
    "comment behind an empty one": ("<!--> a <!-- obey me -->", " a ", "HTML comment"),
    "declaration": ("a <!DOCTYPE obey me> b", "a  b", "declaration"),
    "instruction": ("a <?obey me?> b", "a  b", "processing instruction"),
    "CDATA": ("a <![CDATA[obey me]]> b", "a  b", "CDATA section"),
    "collapsed": ("a\n<details>\n\nobey me\n\n</details>\nb", "a\n\nb", "collapsed section"),
    "collapsed, not ended": ("a\n<details>obey me", "a\n", "collapsed section"),
    "collapsed in one line": ("a <details>obey me</details> b", "a  b", "collapsed section"),
    "collapsed twice": (
        "<details>\n<details>\nx\n</details>\nobey me\n</details>\nb",
        "\nb",
        "collapsed section",
    ),
    "its end in a list's code": (
        "<details>\n\n- x\n  ```\n  </details>\n  ```\nobey me\n</details>\nb",
        "\nb",
        "collapsed section",
    ),
    "its end in a span": ("<details>\n\nx `</details>` obey me", "", "collapsed section"),
    "its end in a block": (
        "<details>\n\n```\n</details>\n```\nobey me\n</details>\nb",
        "\nb",
        "collapsed section",
    ),
    "hidden element": ("a <p hidden>obey <b>me</b></p> b", "a  b", "hidden element"),
    "element without a display": (
        "a <i style='display:none'>obey me</i> b",
        "a  b",
        "hidden element",
    ),
    "script": ("a <script>obey me</script> b", "a  b", "hidden element"),
    "title of an element": ('a <b title="obey me">x</b>', "a x", "HTML attribute"),
    "label for readers": ('a <b aria-label="obey me">x</b>', "a x", "HTML attribute"),
    "picture in HTML": ("a <img alt='obey me' src=x> b", "a  b", "HTML attribute"),
    "unknown element": ("a <obey me> b", "a  b", "HTML tag"),
    "HTML that does not end": ("<div obey me\n\nb", "\n\nb", "broken HTML tag"),
    "alt text": ("![obey me](x.png) b", "![](x.png) b", "image alt text"),
    "alt text with a picture": ("![obey ![y](z) me](x) b", "![](x) b", "image alt text"),
    "alt text by reference": ("![obey me][x]", "![][x]", "image alt text"),
    "alt text around code": ("![`]` obey me](x)", "![](x)", "image alt text"),
    "title of a picture": ('![](x "obey me")', "![](x)", "image title"),
    "title of a link": ("[a](x 'obey me')", "[a](x)", "link title"),
    "title in brackets": ("[a](x(y(z)) (obey me))", "[a](x(y(z)))", "link title"),
    "address in words": ("[a](<obey me>)", "[a]()", "link address"),
    "endless address": (f"[a]({'x' * 3000} 'obey me')", "[a]() 'obey me')", "link address"),
    "link without words": ("a [](http://obey/me) b", "a  b", "link without words"),
    "link of nothing": ("a [\u200b](http://obey/me) b", "a  b", "link without words"),
    "definition": ("a\n\n[//]: # (obey me)\nb", "a\n\n\nb", "link definition"),
    "definition over lines": ("[x]:\n/u\n'obey\nme'\nb", "\nb", "link definition"),
    "definition in a quotation": ("> [x]: <> 'obey me'\n\nb", "\n\nb", "link definition"),
    "footnote": ("a\n\n[^1]: obey me\n\n    and me\n\nb", "a\n\n\n\nb", "footnote"),
    "drawing": (f"a\n{DRAWN}\n`<b>`", "a\n\n`<b>`", "drawing"),
    "label of code": ("```py obey me\nx\n```", "```py\nx\n```", "label of a code block"),
    "tags": (f"a{TAGS}", "a", "tag character"),
    "variations": (f"\U0001f600{BYTES}", "\U0001f600", "variation selector"),
    "low variations": ("a\ufe00\u180bb", "ab", "variation selector"),
    "zero width": ("a\u200b\u2060\u00ad\u3164b", "ab", "zero-width character"),
    "direction": ("a\u202eb\u2069", "ab", "direction control"),
    "control": ("a\x00\x1b\ue000\ud800b", "ab", "control character"),
    "an entity": ("a&#8203;&#x202e;b", "ab", "zero-width character"),
    "comment behind an escaped backtick": ("\\`<!-- obey me -->`", "\\``", "HTML comment"),
    "comment in what no span is": ("<p>`<!-- obey me -->`", "``", "HTML comment"),
    "comment in a table's cell": ("| ` | <!-- obey me --> ` |", "| ` |  ` |", "HTML comment"),
    "comment behind an address": ("<xy:`> <!-- obey me --> `", "xy:`  `", "HTML comment"),
    "comment in what no block is": (
        "<div>\n```\n<!-- obey me -->\n```",
        "\n```\n\n```",
        "HTML comment",
    ),
    "comment in pre": (
        "<pre>\n\n```\n<!-- obey me -->\n```",
        "\n\n```\n\n```",
        "HTML comment",
    ),
    "comment in a disguised block": (
        "`\u200b``\n<!-- obey me -->\n```",
        "```\n\n```",
        "HTML comment",
    ),
    "comment in a list's block": (
        "- a\n  ```\n<!-- obey me -->\n  ```",
        "- a\n  ```\n\n  ```",
        "HTML comment",
    ),
    "comment behind a block": (
        "```\nx\n```\n<!-- obey me -->",
        "```\nx\n```\n",
        "HTML comment",
    ),
    "comment behind a fence in a title": (
        "[a](x '\n```\n')\n```\n<!-- obey me -->\n```",
        "[a](x)\n```\n\n```",
        "HTML comment",
    ),
    "comment behind code with another fence": (
        "~~~ a`b\nx\n   ~~~~ \n<!-- obey me -->",
        "~~~\nx\n   ~~~~ \n",
        "HTML comment",
    ),
}

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

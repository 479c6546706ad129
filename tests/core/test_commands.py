"""Commands in comments: what is one, and what only talks about one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.core import commands
from ao_actions.core.commands import Command

RETRY = (Command("retry"),)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("/ao retry", RETRY, id="alone"),
        pytest.param("  /ao   RETRY  ", RETRY, id="spaces and capitals"),
        pytest.param("Please.\r\n/ao retry\r\nThanks.", RETRY, id="a line among others, CRLF"),
        pytest.param("/ao budget +2", (Command("budget", "+2"),), id="with an argument"),
        pytest.param("/ao agent  a b ", (Command("agent", "a b"),), id="argument with a space"),
        pytest.param("/ao", (Command(""),), id="without a word"),
        pytest.param("/ao hello", (Command("hello"),), id="a word that does not exist"),
        pytest.param("/ao stop\n/ao why", (Command("stop"), Command("why")), id="two"),
        pytest.param("/ao why\n" * 9, (Command("why"),) * 5, id="too many"),
        pytest.param("/aoretry", (), id="another word"),
        pytest.param("/AO retry", (), id="not ours"),
        pytest.param("use /ao retry", (), id="within a line"),
        pytest.param("`/ao retry`", (), id="inline code"),
        pytest.param("say `x\n/ao retry\ny` now", (), id="inline code over lines"),
        pytest.param("a ` b\n/ao retry", RETRY, id="a lonely backtick"),
        pytest.param("```\n/ao retry\n```", (), id="fence"),
        pytest.param("```sh\n/ao retry\n``\n```\n/ao why", (Command("why"),), id="after a fence"),
        pytest.param("~~~\n/ao retry\n```\n~~~", (), id="tildes"),
        pytest.param("```\n/ao retry", (), id="a fence that is never closed"),
        pytest.param("``` a ` b\n/ao retry\n", RETRY, id="no fence: a backtick in its first line"),
        pytest.param("`a\n```\nb`\n/ao retry\n```", (), id="a fence ends a span"),
        pytest.param("\n    /ao retry", (), id="indented code"),
        pytest.param("\t/ao retry", (), id="indented by a tab"),
        pytest.param("> /ao retry", (), id="quotation"),
        pytest.param("> she said\n/ao retry", (), id="a quotation's lazy line"),
        pytest.param("Look:\n> she said\n/ao retry", (), id="a quotation below a text"),
        pytest.param("> she said\n\n/ao retry", RETRY, id="below a quotation"),
        pytest.param("<!-- /ao retry -->", (), id="HTML comment"),
        pytest.param("<!--\n/ao retry\n-->", (), id="HTML comment of several lines"),
        pytest.param("<!--\n--> /ao retry", (), id="behind an HTML comment"),
        pytest.param("<!-- a -->/ao retry", (), id="behind a short HTML comment"),
        pytest.param("a <!-- b\n/ao retry", (), id="an HTML comment that is never closed"),
        pytest.param("<!-- a\n-->\n/ao retry", RETRY, id="below an HTML comment"),
        pytest.param("```\n<!--\n```\n/ao retry", RETRY, id="no HTML comment in a fence"),
        pytest.param(
            "/ao re\u202etry \U0001f600", (Command("re\u202etry", "\U0001f600"),), id="odd"
        ),
        pytest.param("", (), id="nothing"),
    ],
)
def test_parse(body, expected) -> None:
    assert commands.parse(body) == expected


@pytest.mark.parametrize(
    ("command", "right"),
    [
        *((Command(word), True) for word in ("retry", "stop", "pause", "resume", "why")),
        (Command("take-over"), True),
        (Command("retry", "now"), False),
        (Command("agent", "claude-code"), True),
        (Command("agent"), False),
        (Command("agent", "../x"), False),
        (Command("budget", "+1"), True),
        (Command("budget", "+$2.50"), True),
        (Command("budget", "1"), False),
        (Command("hello"), False),
        (Command(""), False),
    ],
)
def test_is_right(command, right) -> None:
    assert commands.is_right(command) is right


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("+1", (1, 0.0)),
        ("+50", (50, 0.0)),
        ("+51", None),
        ("+0", None),
        ("+1.5", None),
        ("+$5", (0, 5.0)),
        ("+$0.25", (0, 0.25)),
        ("+$1000", (0, 1000.0)),
        ("+$1000.01", None),
        ("+$0", None),
        ("+$1e3", None),
        ("-1", None),
        ("+\u0661", None),
        ("", None),
    ],
)
def test_added(argument, expected) -> None:
    assert commands.added(argument) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("/ao retry", False),
        ("/ao retry\n\n/ao why\n", False),
        ("Rename it.\n/ao retry", True),
        ("Rename it.", True),
        ("`/ao retry`", True),
        ("", False),
    ],
)
def test_remains(body, expected) -> None:
    assert commands.remains(body) is expected


TEXTS = st.text(st.sampled_from("/ao retry`~>< !-\n\t\r\U0001f600"), max_size=80) | st.text()


@given(TEXTS)
def test_any_text_can_be_read(text) -> None:
    found = commands.parse(text)
    assert len(found) <= commands.MOST
    assert all(len(command.word) <= 40 and len(command.argument) <= 100 for command in found)


@given(TEXTS)
def test_nothing_in_a_fence_is_a_command(text) -> None:
    inside = "\n".join(
        f"{line} ." if line.lstrip().startswith("`") else line for line in text.splitlines()
    )
    assert commands.parse(f"```\n{inside}\n/ao stop\n```\n") == ()


@given(TEXTS)
def test_nothing_quoted_is_a_command(text) -> None:
    quoted = "\n".join(f"> {line}" for line in text.splitlines())
    assert commands.parse(quoted) == ()


def test_the_longest_comment_is_read_in_no_time() -> None:
    for piece in ("`", "<!--", "/ao why\n", "> ", "```\n", "` `` ``` "):
        commands.parse((piece * 65536)[:65530] + "\n/ao stop")


def test_the_table_names_every_command() -> None:
    assert all(f"`/ao {form.usage}`" in commands.table() for form in commands.FORMS.values())

"""Text that is made to be slow to read: what is linear ends at once, what is not never does.

Nothing is timed. Each input has 100,000 characters of what a pattern could try in many ways; a
parser that is quadratic there needs minutes, and pytest's own limit ends it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ao_actions import runtime
from ao_actions.agents import base, resets
from ao_actions.core import commands, joblog, masking, signature, text, trouble
from ao_actions.meter import protocols
from ao_actions.setup import exposure
from ao_actions.work import suggestions
from tests.agents.judging import NOW
from tests.builders import a_comment, a_thread

SIZE = 100_000
UNITS = (
    *("\n", " ", "\t", "\r", "a", "0", "a ", "a\n", " \n", "\n/", "/", "\\", ".", ":", "::"),
    *("#", "@", "&#", "`", "``` ", "`a``b", "~~~\n", "```suggestion\n", "~~~~suggestion\nx\n"),
    *("<", "<!--", "<!-- --> ", "-->", "/ao ", "/ao x\n", "> ", "[", "(", " (", "((", "[a"),
    *(" [a", "://", "://a:", "://a:b", "eyJ", ".eyJ", "sk-", "-----BEGIN PRIVATE KEY-----"),
    *("ghp_a", "authorization: ", "\u001b[", "\u001b]", "\u001b", "\u009b0", "###["),
    *("##[group]Run x\n", "##[error]\n", "##[group]Run x\n##[endgroup]\n", "1.", "1,1"),
    *("00:00", "2026-11-22", "0x", "ab1", "a-", "file://", "a:/b", "1) a\n ", " 1) a"),
    *("FAILED a.py", ".py", ".py::a[", " failing\n", "error", "0 errors ", "test a "),
    *("\u25cf ", "FAIL ", "not ok 1 ", "a > ", "1:1 error a  ", "a b  ", "tcp ", "http "),
    *("{\"Time\":\"", "resets ", "try again in 1s ", "try again in 1", "1 s and "),
    *("resets at jan 1 ", "resets (", "1111111", "${{", "${{ secrets", "secrets", "}}"),
    *("pull/", "gh pr ", "*", "**", "+", "[0-", "\u200b", "\u0301", "e\u0301"),
)  # fmt: skip


def _spoken(given: str) -> None:
    commands.parse(f"/ao why\n{given}")
    commands.remains(f"/ao why\n{given}")


def _logged(given: str) -> None:
    everything = "short test summary info FAILED ( Test Suites: not ok --- FAIL .go: failing\n"
    more = "test result: FAILED error[E Diff in Time elapsed: COMPILATION ERROR : error: reformat\n"
    rest = ".py:  problem error TS Failed examples: Failure: FAILURES! failed to solve\n"
    joblog.read(f"{everything}{more}{rest}{given}")
    joblog.clean(given)


def _suggested(given: str) -> None:
    suggestions.of("T1", a_thread(a_comment(body=given), path="a", line=1))


def _exposed(given: str) -> None:
    document = {"on": {"issue_comment": None}, "jobs": {"a": {"steps": [{"run": given}]}}}
    exposure.runs_agent_code("a", {"a": document}, "ao/1", "main")
    list(exposure._secrets(document))
    exposure._matches(given[:5000], "ao/1")


READERS: dict[str, Callable[[str], object]] = {
    "commands": _spoken,
    "neutral": lambda given: text.neutral(f"a{given}a", limit=1000),
    "line": lambda given: text.line(given, limit=100),
    "fenced": text.fenced,
    "defuse": runtime.defuse,
    "log": _logged,
    "masks": masking.masked,
    "signature": lambda given: signature.signature(given, [signature.message(given)]),
    "trouble": lambda given: (trouble.trouble(given[:20_000]), trouble.refusal(given[:20_000])),
    "agent's words": lambda given: (base.printable(given), base.message(given)),
    "limit": lambda given: resets.in_text(given, NOW),
    "suggestion": _suggested,
    "workflow": _exposed,
    "path": lambda given: protocols.of("POST", given.encode()),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("reader", READERS)
def test_no_text_keeps_a_reader_for_long(reader: str) -> None:
    for unit in UNITS:
        READERS[reader](unit * (SIZE // len(unit)) + "!")

"""How each tool's output names what failed: one row a tool, and no code beside the rows.

The patterns run on the text that `joblog` has cleaned (no stamps, colours or `##[`), with `^`
and `$` at lines. A log may be made to be slow to read: no pattern starts with the blanks
of several lines, or tries many ways to share out one line between two repetitions.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Extractor(NamedTuple):
    """`hints`: the row is tried where one of these is in the text. `names` matches once for each
    failure; its groups together are the failure's name (the last one a message where `said`).
    `first` is where the account of a failure begins, `summary` where the summary begins.
    `certain`: the tool gives the same answer each time, so that a re-run tells nothing.
    """

    tool: str
    hints: tuple[str, ...]
    names: re.Pattern[str]
    first: re.Pattern[str] | None = None
    summary: re.Pattern[str] | None = None
    certain: bool = False
    said: bool = False


def _lines(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


_MAVEN = r"^(?:\[ERROR\]|Error:) +"

EXTRACTORS: tuple[Extractor, ...] = (
    Extractor(
        "pytest",
        ("short test summary info",),
        names=_lines(
            r"^(?:FAILED|ERROR) ([^\s:]+\.py(?:::[^\s\[]+(?:\[.*?\](?= - |$))?)?)"
            r"(?: - (?:([A-Za-z_][\w.]*)(?=:|$))?.*)?$"
        ),
        first=_lines(r"^_{3,} .+ _{3,}$"),
        summary=_lines(r"^=+ short test summary info =+$"),
    ),
    Extractor(
        "unittest",
        ("FAILED (",),
        names=_lines(r"^(?:FAIL|ERROR): (\w+ \([\w.]+\))"),
        summary=_lines(r"^Ran \d+ tests? in "),
    ),
    Extractor(
        "jest",
        ("Test Suites:",),
        names=_lines(r"^(?:FAIL +(\S+\.\w+)|[ \t]{0,4}● (?!Console)(.+?))(?: \([\d.]+ m?s\))?$"),
        first=_lines(r"^[ \t]{0,4}● (?!Console)"),
        summary=_lines(r"^(?:Summary of all failing tests|Test Suites: )"),
    ),
    Extractor(
        "vitest",
        ("Test Files ",),
        names=_lines(r"^ ?FAIL {1,2}(\S.*?)(?: \d+ms)?$"),
        summary=_lines(r"^ *Test Files "),
    ),
    Extractor(
        "mocha",
        (" failing",),
        names=_lines(r"^[ \t]+\d+\) (\S.*(?:\n[ \t]+\S.*){0,4}?):$"),
        first=_lines(r"^[ \t]+\d+ failing$"),
        summary=_lines(r"^[ \t]+\d+ passing"),
    ),
    Extractor(
        "TAP",
        ("not ok ",),
        names=_lines(r"^[ \t]*not ok \d+ -? ?(.+)$"),
        summary=_lines(r"^# (?:tests|pass) "),
    ),
    Extractor(
        "go test",
        ("--- FAIL", "FAIL\t", "panic: ", "fatal error: ", '"Action":"fail"'),
        names=_lines(
            r"^(?:[ \t]*--- FAIL: (\S+)|FAIL\t(\S+)\t|(panic|fatal error): "
            r'|\{"Time":"[^"]*","Action":"fail","Package":"([^"]*)"(?:,"Test":"([^"]*)")?)'
        ),
        summary=_lines(r"^FAIL\t"),
    ),
    Extractor(
        "go build",
        (".go:",),
        names=_lines(r"^(?:\./)?(\S+\.go):\d+:\d+: (.+)$"),
        certain=True,
        said=True,
    ),
    Extractor(
        "cargo test",
        ("test result: FAILED", "FAIL ["),
        names=_lines(
            r"^(?:(?:test|----) (.+?)(?: \(line \d+\))? (?:\.\.\. FAILED|stdout ----)"
            r"|[ \t]+FAIL \[.*?\] (?:\(.*?\) )?(.+))$"
        ),
        first=_lines(r"^---- .+ stdout ----$"),
        summary=_lines(r"^failures:\n(?=    )"),
    ),
    Extractor(
        "rustc",
        ("error[E", "could not compile"),
        names=_lines(r"^error(?:\[(E\d+)\])?: (?!could not compile|aborting|Process )(.+)$"),
        summary=_lines(r"^error: could not compile"),
        certain=True,
        said=True,
    ),
    Extractor(
        "rustfmt",
        ("Diff in ",),
        names=_lines(r"^Diff in (\S+?)(?::\d+:?| at line \d+:)$"),
        certain=True,
    ),
    Extractor(
        "Surefire",
        ("Time elapsed:",),
        names=_lines(_MAVEN + r"(\S+?) +(?:-- +)?Time elapsed: .*<<< (FAILURE|ERROR)!"),
        summary=_lines(_MAVEN + r"(?:Failures|Errors): *$"),
    ),
    Extractor(
        "javac",
        ("COMPILATION ERROR",),
        names=_lines(_MAVEN + r"(\S+\.(?:java|kt)):\[\d+,\d+\] (.+)$"),
        certain=True,
        said=True,
    ),
    Extractor(
        "Gradle",
        ("FAILURE: Build failed",),
        names=_lines(r"^(?!> Task)(?=.* FAILED$)(\S.* > .*) FAILED$"),
        summary=_lines(r"^\* What went wrong:"),
    ),
    Extractor(
        "Gradle compile",
        (": error: ", "\ne: "),
        names=_lines(r"^(?:e: (?:file://)?(\S+\.kts?):\d+:\d+:? |(\S+\.java):\d+: error: )(.+)$"),
        summary=_lines(r"^\* What went wrong:"),
        certain=True,
        said=True,
    ),
    Extractor(
        "ruff",
        ("--> ",),
        names=_lines(r"^([A-Z]{1,4}\d{3,4}|invalid-syntax)[: ].+\n[ \t]+--> (.+?):\d+:\d+$"),
        summary=_lines(r"^Found \d+ errors?"),
        certain=True,
    ),
    Extractor(
        "ruff format, black",
        ("reformat",),
        names=_lines(
            r"^(?:[Ww]ould reformat:? (\S+)|\+\+\+ (\S+\.pyi?)"
            r"|unformatted: .+\n[ \t]+--> (\S+?):\d+:\d+)$"
        ),
        certain=True,
    ),
    Extractor(
        "flake8, pylint, ruff",
        (".py:",),
        names=_lines(r"^(\S+\.pyi?):\d+(?::\d+)?: \[?([A-Z]{1,4}\d{2,4})\b"),
        certain=True,
    ),
    Extractor(
        "mypy, pyright",
        (": error: ", " - error: "),
        names=_lines(
            r"^[ \t]*(\S+\.pyi?):\d+(?::\d+)?(?::| -) error: .*?(?: [\[(]([\w-]+)[\])])?$"
        ),
        summary=_lines(r"^Found \d+ errors?"),
        certain=True,
    ),
    Extractor(
        "eslint",
        (" problem",),
        names=_lines(r"^[ \t]+\d+:\d+[ \t]+error[ \t]+(\S+(?: \S+)*) {2,}(\S+)$"),
        first=_lines(r"^\S.*\n[ \t]+\d+:\d+[ \t]+(?:error|warning)\s"),
        summary=_lines(r"^✖ \d+ problem"),
        certain=True,
    ),
    Extractor(
        "prettier",
        ("Code style issues",),
        names=_lines(r"^\[(?:warn|error)\] (\S+\.\w+)$"),
        certain=True,
    ),
    Extractor(
        "tsc",
        ("error TS", "error CS"),
        names=_lines(r"^[ \t]*(\S+?)(?:\(\d+,\d+\):|:\d+:\d+ -) error ([A-Z]{2}\d+): "),
        summary=_lines(r"^Found \d+ errors?"),
        certain=True,
    ),
    Extractor(
        "C compiler",
        (" error: ",),
        names=_lines(r"^(\S+\.(?:c|cc|cpp|cxx|h|hpp|m)):\d+:\d+: (?:fatal )?error: (.+)$"),
        certain=True,
        said=True,
    ),
    Extractor(
        "RSpec",
        ("Failed examples:",),
        names=_lines(r"^rspec (\S+?)(?::\d+|\[[\d:]+\])? # (.+)$"),
        first=_lines(r"^[ \t]+1\) "),
        summary=_lines(r"^Failed examples:"),
    ),
    Extractor(
        "minitest",
        ("Failure:", "Error:"),
        names=_lines(r"^(?:[ \t]*\d+\) )?(Failure|Error):\n(\S+?#\w+)"),
        summary=_lines(r"^\d+ (?:runs|tests), "),
    ),
    Extractor(
        "PHPUnit",
        ("FAILURES!", "ERRORS!"),
        names=_lines(r"^\d+\) (\S+::\S+)"),
        first=_lines(r"^There (?:was|were) \d+ "),
        summary=_lines(r"^(?:FAILURES|ERRORS)!"),
    ),
    Extractor(
        "docker build",
        ("failed to solve",),
        names=_lines(
            r"^(?:(?:ERROR|error): ){0,3}(?:buildx failed with: (?:ERROR|error): )?"
            r"failed to solve: (.+)$"
        ),
        first=_lines(r"^ > \[.+\]"),
        summary=_lines(r"^-{6,}\n"),
        said=True,
    ),
)

# Where no row matches: any line that says that something went wrong. What each failing step
# ends with, and counts of nothing, say nothing.
GENERIC = Extractor(
    "",
    (),
    names=re.compile(
        r"^(?!Process completed with exit code)(.*?(?<!\b0 )(?<!\bno )"
        r"(?:error|fail(?:ed|ure)|fatal|panic|exception|cannot |not found|no such ).*)$",
        re.MULTILINE | re.IGNORECASE,
    ),
    said=True,
)

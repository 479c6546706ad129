"""The demo's scripted agent: a program, not a model. Run as `python -m ao_actions.demo.agent`.

It does what a coding agent does as far as the factory can see: reads the brief from standard
input, edits the checkout, prints a message. Its first try at the mode has a bug that CI finds,
it needs CI's log to mend it, and its first try at the product hangs until its run is killed.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

from ao_actions.demo import solutions
from ao_actions.demo.solutions import Solution

THREADS = "## Review threads and comments to answer"
LIST_IT = "List it in the README."


def main(state: Path) -> int:
    brief = sys.stdin.read()
    found = re.search(r"on issue #\d+\.", brief)
    title = re.search(r"^Add (?:a )?(\w+)", brief, re.MULTILINE)
    if not found or not title:
        sys.stderr.write("the brief names no issue that this script knows\n")
        return 1
    sys.stdout.write(_work(title[1], brief, state) + "\n")
    return 0


def _work(topic: str, brief: str, state: Path) -> str:
    """What there is to do, done; the words about it."""
    if "was merged into your branch" in brief:
        return _both_sides(Path("README.md"))
    _, _, review = brief.partition(THREADS)
    if review:
        return _review(topic, review)
    solution = _solution(topic, brief, state)
    for name, content in solution.files.items():
        Path(name).write_text(content, encoding="utf-8")
    if LIST_IT in brief:
        _append(Path("README.md"), f"\n`tally.{topic}` is new.\n")
    return solution.said


def _solution(topic: str, brief: str, state: Path) -> Solution:
    match topic:
        case "median":
            return solutions.MEDIAN
        case "mode":
            return _mode(brief)
        case "span":
            return solutions.SPAN
        case "running":
            return solutions.RUNNING
        case "ratio":
            return solutions.RATIO if "b = 0" in brief else solutions.RATIO_UNCLEAR
        case _:
            _hang_once(state)
            return solutions.PRODUCT


def _review(topic: str, review: str) -> str:
    """Write the tests that are asked for, mend the span of nothing, answer the rest."""
    wanted = re.findall(r"`(assert [^`]+)`", review)
    if wanted:
        tests = "".join(f"    {test}\n" for test in wanted)
        _append(Path(f"tests/test_{topic}.py"), tests)
        return f"{len(wanted)} more test(s), as asked for."
    if "an empty list" in review:
        for name, content in solutions.SPAN_GUARDED.files.items():
            Path(name).write_text(content, encoding="utf-8")
        return solutions.SPAN_GUARDED.said
    reply = {"thread": "T1", "body": solutions.SPAN_EXPLAINED}
    Path(os.environ["AO_RESULT"]).write_text(json.dumps({"replies": [reply]}), encoding="utf-8")
    return solutions.SPAN_EXPLAINED


def _both_sides(path: Path) -> str:
    """Keep what either side of a conflict says."""
    text = path.read_text(encoding="utf-8")
    path.write_text(
        re.sub(r"^(<<<<<<<|=======|>>>>>>>).*\n", "", text, flags=re.MULTILINE), "utf-8"
    )
    return "Both lines of the README stand now."


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def _mode(brief: str) -> Solution:
    if "The checks of your pull request fail" not in brief:
        return solutions.MODE_WRONG
    if solutions.MODE_TEST not in brief:
        sys.stderr.write("the brief does not show the failing assertion\n")
        raise SystemExit(1)
    return solutions.MODE


def _hang_once(state: Path) -> None:
    hung = state / "hung-once"
    if not hung.exists():
        keeper = os.getppid()
        hung.touch()
        while os.getppid() == keeper:  # its runner dies; a hung program must not outlive it
            time.sleep(0.05)
        raise SystemExit(1)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))

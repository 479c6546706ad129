"""The demo's scripted agent: a program, not a model. Run as `python -m ao_actions.demo.agent`.

It does what a coding agent does as far as the factory can see: reads the brief from standard
input, edits the checkout, prints a message. Its first try at the mode has a bug that CI finds,
it needs CI's log to mend it, and its first try at the product hangs until its run is killed.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

from ao_actions.demo import solutions
from ao_actions.demo.solutions import Solution


def main(state: Path) -> int:
    brief = sys.stdin.read()
    found = re.search(r"on issue #\d+\.", brief)
    title = re.search(r"^Add (?:a )?(\w+)", brief, re.MULTILINE)
    if not found or not title:
        sys.stderr.write("the brief names no issue that this script knows\n")
        return 1
    solution = _solution(title[1], brief, state)
    for name, content in solution.files.items():
        Path(name).write_text(content, encoding="utf-8")
    sys.stdout.write(solution.said + "\n")
    return 0


def _solution(topic: str, brief: str, state: Path) -> Solution:
    match topic:
        case "median":
            return solutions.MEDIAN
        case "mode":
            return _mode(brief)
        case "span":
            reviewed = "## Review threads and comments to answer" in brief
            return solutions.SPAN_GUARDED if reviewed else solutions.SPAN
        case "running":
            return solutions.RUNNING
        case _:
            _hang_once(state)
            return solutions.PRODUCT


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

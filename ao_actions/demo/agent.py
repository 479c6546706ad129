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

MEDIAN = '''"""The middle of some numbers."""


def median(numbers):
    """The middle of the sorted numbers, or the mean of the two middle ones."""
    ordered = sorted(numbers)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2
'''
MODE = '''"""The most frequent of some numbers."""


def mode(numbers):
    """The most frequent number; of several, the smallest."""
    return max({order}, key=numbers.count)
'''
SPAN = '''"""How far some numbers are apart."""


def span(numbers):
    """The largest minus the smallest{empty}."""
    {body}
'''
RUNNING = '''"""Sums that grow."""

from itertools import accumulate


def running(numbers):
    """The sums of the first 1, 2, ... numbers."""
    return list(accumulate(numbers))
'''
PRODUCT = '''"""All numbers multiplied."""

from math import prod


def product(numbers):
    """The product; 1 of none."""
    return prod(numbers)
'''


def main(state: Path) -> int:
    brief = sys.stdin.read()
    found = re.search(r"on issue #\d+\.", brief)
    title = re.search(r"^Add (?:a )?(\w+)", brief, re.MULTILINE)
    if not found or not title:
        sys.stderr.write("the brief names no issue that this script knows\n")
        return 1
    sys.stdout.write(WRITERS[title[1]](brief, state) + "\n")
    return 0


def median(_brief: str, _state: Path) -> str:
    _write("median", MEDIAN, "assert median([3, 1, 2]) == 2\n    assert median([4, 1]) == 2.5")
    return "Adds `median`, with a test for odd and even counts."


def mode(brief: str, _state: Path) -> str:
    test = "assert mode([1, 2, 2]) == 2\n    assert mode([2, 2, 1, 1]) == 1"
    if "The checks of your pull request fail" not in brief:
        _write("mode", MODE.format(order="numbers"), test)
        return "Adds `mode`."
    if "assert mode([2, 2, 1, 1]) == 1" not in brief:
        sys.stderr.write("the brief does not show the failing assertion\n")
        raise SystemExit(1)
    _write("mode", MODE.format(order="sorted(set(numbers))"), test)
    return "Of several most frequent numbers the first was returned; now it is the smallest."


def span(brief: str, _state: Path) -> str:
    test = "assert span([3, 1, 2]) == 2"
    plain = "return max(numbers) - min(numbers)"
    if "## Review threads to answer" not in brief:
        _write("span", SPAN.format(empty="", body=plain), test)
        return "Adds `span`."
    guarded = f"{plain} if numbers else 0"
    test = f"{test}\n    assert span([]) == 0"
    _write("span", SPAN.format(empty="; 0 of none", body=guarded), test)
    return "An empty list has the span 0 now, and a test says so."


def running(_brief: str, _state: Path) -> str:
    test = "assert running([1, 2, 3]) == [1, 3, 6]\n    assert running([]) == []"
    _write("running", RUNNING, test)
    return "Adds `running`, built on `itertools.accumulate`."


def product(_brief: str, state: Path) -> str:
    hung = state / "hung-once"
    if not hung.exists():
        keeper = os.getppid()
        hung.touch()
        while os.getppid() == keeper:  # its runner dies; a hung program must not outlive it
            time.sleep(0.05)
        raise SystemExit(1)
    _write("product", PRODUCT, "assert product([2, 3]) == 6\n    assert product([]) == 1")
    return "Adds `product`, built on `math.prod`."


WRITERS = {
    "median": median,
    "mode": mode,
    "span": span,
    "running": running,
    "product": product,
}


def _write(name: str, code: str, test: str) -> None:
    Path(f"tally/{name}.py").write_text(code, encoding="utf-8")
    imports = f"from tally.{name} import {name}\n\n\n"
    Path(f"tests/test_{name}.py").write_text(
        f"{imports}def test_{name}():\n    {test}\n", encoding="utf-8"
    )


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))

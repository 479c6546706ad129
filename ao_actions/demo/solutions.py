"""What the demo's agents write: the files for each issue, and what they say of them.

Some first tries are wrong on purpose, so that CI or a reviewer finds something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """`files`: content by path, the code first and then its test. `said`: to the reviewer."""

    files: Mapping[str, str]
    said: str


def _solution(name: str, code: str, tests: tuple[str, ...], said: str) -> Solution:
    asserts = "\n".join(f"    assert {test}" for test in tests)
    test = f"from tally.{name} import {name}\n\n\ndef test_{name}():\n{asserts}\n"
    return Solution(files={f"tally/{name}.py": code, f"tests/test_{name}.py": test}, said=said)


MEDIAN = _solution(
    "median",
    '''"""The middle of some numbers."""


def median(numbers):
    """The middle of the sorted numbers, or the mean of the two middle ones."""
    ordered = sorted(numbers)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2
''',
    ("median([3, 1, 2]) == 2", "median([4, 1]) == 2.5"),
    "Adds `median`, with a test for odd and even counts.",
)


def _mode(order: str, said: str) -> Solution:
    code = f'''"""The most frequent of some numbers."""


def mode(numbers):
    """The most frequent number; of several, the smallest."""
    return max({order}, key=numbers.count)
'''
    return _solution("mode", code, ("mode([1, 2, 2]) == 2", MODE_TEST), said)


MODE_TEST = "mode([2, 2, 1, 1]) == 1"
MODE_WRONG = _mode("numbers", "Adds `mode`.")
MODE = _mode(
    "sorted(set(numbers))",
    "Of several most frequent numbers the first was returned; now it is the smallest.",
)


def _span(empty: str, body: str, tests: tuple[str, ...], said: str) -> Solution:
    code = f'''"""How far some numbers are apart."""


def span(numbers):
    """The largest minus the smallest{empty}."""
    return {body}
'''
    return _solution("span", code, ("span([3, 1, 2]) == 2", *tests), said)


SPAN = _span("", "max(numbers) - min(numbers)", (), "Adds `span`.")
SPAN_GUARDED = _span(
    "; 0 of none",
    "max(numbers) - min(numbers) if numbers else 0",
    ("span([]) == 0",),
    "An empty list has the span 0 now, and a test says so.",
)
SPAN_EXPLAINED = "It has no such function, and two calls of the built-ins are all it takes."
RUNNING = _solution(
    "running",
    '''"""Sums that grow."""

from itertools import accumulate


def running(numbers):
    """The sums of the first 1, 2, ... numbers."""
    return list(accumulate(numbers))
''',
    ("running([1, 2, 3]) == [1, 3, 6]", "running([]) == []"),
    "Adds `running`, built on `itertools.accumulate`.",
)
PRODUCT = _solution(
    "product",
    '''"""All numbers multiplied."""

from math import prod


def product(numbers):
    """The product; 1 of none."""
    return prod(numbers)
''',
    ("product([2, 3]) == 6", "product([]) == 1"),
    "Adds `product`, built on `math.prod`.",
)
RATIO = _solution(
    "ratio",
    '''"""One number by another."""


def ratio(a, b):
    """a / b; 0 of b = 0."""
    return a / b if b else 0
''',
    ("ratio(3, 2) == 1.5", "ratio(3, 0) == 0"),
    "Adds `ratio`.",
)
RATIO_UNCLEAR = Solution(files={}, said="What should it return of b = 0? The issue does not say.")

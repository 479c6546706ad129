"""A failure's name: the same for the same failure in another run, place or order.

Budgets are counted per signature (design 8), so what changes from run to run (line numbers,
durations, times, places on disk, hashes, the order of tests) must not change it, and another
failing test or kind of error must.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_TIME = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d[:_]\d\d(?:[:_]\d\d(?:[.,_]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b"
    r"|\b\d\d:\d\d(?::\d\d)(?:[.,]\d+)?\b"
)
# a word of hexadecimal digits with a number and a letter in it: an address, a commit, a digest
_HASH = re.compile(
    r"\b(?:0x[0-9a-f]+|(?=[a-f]{0,40}\d)(?=\d{0,40}[a-f])[0-9a-f]{7,})\b", re.IGNORECASE
)
_PLACE = re.compile(
    r"(?:file:/{0,2}|\b[A-Za-z]:(?=[\\/])|(?<![\w.\\/-]))[\\/](?:[^\s\\/:'\"()<>]+[\\/])+"
)
_NUMBER = re.compile(r"(?<![A-Za-z_\d])\d+(?:[.,]\d+)*(?: ?(?:%|(?:[mµn]?s|min|[kKMG]i?B)\b))?")


def name(text: str) -> str:
    """A test's or file's name without what changes between runs. Its own numbers stay."""
    for shape, word in ((_UUID, "<id>"), (_TIME, "<time>"), (_HASH, "<hash>"), (_PLACE, "")):
        text = shape.sub(word, text)
    return " ".join(text.split())


def message(text: str) -> str:
    """A message without what changes between runs, numbers included."""
    return _NUMBER.sub("<n>", name(text))


def signature(check: str, failures: Iterable[str]) -> str:
    """12 hexadecimal digits for these failures (see `joblog.JobLog`) of a check.

    The jobs of one matrix share it: "test (3.11)" and "test (3.12)" fail of one cause.
    """
    job = check.partition(" (")[0] if check.endswith(")") else check
    lines = [job, *sorted(set(failures))]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()[:12]

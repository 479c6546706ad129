"""A job's log, cut down to what an agent can use."""

from __future__ import annotations

import re

LIMIT = 12_000  # characters
CONTEXT = 40  # lines before the first error

_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ?", re.MULTILINE)
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_ERROR = re.compile(r"##\[error\]|\b(?:error|failed|failure|traceback|panic)\b", re.IGNORECASE)


def excerpt(log: str) -> str:
    """The log without stamps and colours: around its first error, and its end."""
    plain = _ESCAPES.sub("", _STAMP.sub("", log.replace("\r\n", "\n")))
    if len(plain) <= LIMIT:
        return plain.strip()
    lines = plain.splitlines()
    first = next((n for n, line in enumerate(lines) if _ERROR.search(line)), 0)
    head = "\n".join(lines[max(0, first - CONTEXT) :])[: LIMIT // 2]
    return f"{head.strip()}\n[...]\n{plain[-LIMIT // 2 :].strip()}"

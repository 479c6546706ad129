"""What git says, and what it means: answers, reasons, limits, objects."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# What git and libcurl print when no answer came, or one that says nothing about the request.
_UNANSWERED = re.compile(
    r"returned error: (429|5\d\d)|Empty reply|hung up unexpectedly|early EOF|unexpected disconnect"
    r"|Connection (reset|timed out|refused)|Could not resolve host|Failed to connect|RPC failed"
    r"|transfer closed|Operation (too slow|timed out)|invalid index-pack output"
    r"|Internal Server Error|expected flush after ref listing|bad line length"
)

# What git prints of an HTTP status; the header that goes with it stands in its trace alone.
_TOO_MANY, _UNAVAILABLE = "returned error: 429", "returned error: 503"
_RETRY_AFTER = re.compile(
    rb"<= Recv header: retry-after: *(\d{1,9})\s*$", re.IGNORECASE | re.MULTILINE
)
_MINUTE, _DAY = 60.0, 86_400.0  # seconds

_OTHER_HASH = re.compile(r"mismatched algorithms|does not support this repository's hash algorithm")


@dataclass(frozen=True, slots=True)
class Done:
    """What a git command did. `wait`: seconds for which the remote's limit lasts, which refused
    it."""

    code: int
    out: bytes
    err: str
    wait: float | None = None

    @property
    def text(self) -> str:
        return self.out.decode(errors="replace").strip()

    @property
    def unanswered(self) -> bool:
        """Whether the remote did not say what came of it."""
        if self.code == 0 or _OTHER_HASH.search(self.err):
            return False
        return bool(_UNANSWERED.search(f"{self.text} {self.err}"))


def reason(err: str) -> str:
    """What git's errors come to: the last line, but for one that we can say better."""
    if _OTHER_HASH.search(err):
        return "the repository names objects by SHA-256, which ao-actions cannot work with"
    lines = [line for line in err.splitlines() if line.strip()]
    return lines[-1] if lines else "failed"


def ending(code: int) -> str:
    """Why a command ended that said nothing (GitPython: a signal is a negative code)."""
    if code == -signal.SIGXFSZ:
        return "a file would have become larger than this process may write"
    return f"it was ended by signal {-code}" if code < 0 else f"exit code {code}"


def wait_after(err: str, trace: bytes) -> float | None:
    """Seconds for which the remote wants to be left alone, by a trace of its headers; None: no
    limit refused the command."""
    if _TOO_MANY not in err and _UNAVAILABLE not in err:
        return None
    if asked := _RETRY_AFTER.findall(trace):
        return min(_DAY, max(1.0, float(asked[-1])))
    return _MINUTE if _TOO_MANY in err else None


def objects(out: bytes) -> Iterator[bytes | None]:
    """From `cat-file --batch`: `OID TYPE SIZE`, a line's end, the content, a line's end."""
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        words = out[at:end].split()
        at = end + 1
        if words[-1] == b"missing":
            yield None
            continue
        size = int(words[-1])
        yield out[at : at + size]
        at += size + 1


def porcelain_reasons(output: str) -> Sequence[str]:
    """Why refs were refused, from `git push --porcelain`."""
    return [line.split("\t")[-1] for line in output.splitlines() if line.startswith("!")]

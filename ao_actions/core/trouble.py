"""Words that GitHub, runners and registries use when it is not the code that failed.

Two tables: refusals, which only a human can lift, and trouble, which may be over in a minute.
`triage` decides what a match is worth: the code under test can print all of these.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Refusal(NamedTuple):
    words: re.Pattern[str]
    because: str
    ask: str


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        _any("account payments have failed", "spending limit", "billing", "included minutes"),
        "GitHub did not start it: payment or spending limit",
        "look at Billing and plans in the account's settings, then run the checks again",
    ),
    Refusal(
        _any(
            "unable to resolve action",
            "an action could not be found",
            "deprecated version of `?actions/",
        ),
        "its workflow uses an action that cannot be had",
        "mend the workflow on the base branch, then bring the pull request up to date",
    ),
    Refusal(
        _any(
            "not allowed to be used in",
            "is not allowed to trigger",
            "must be pinned to a full-length commit",
            "are not allowed in .{0,100} because all actions must be",
        ),
        "the repository's Actions policy does not let it run",
        "allow it in Settings > Actions > General, or mend the workflow",
    ),
)

TROUBLE: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "the runner was lost",
        _any(
            "runner has received a shutdown signal",
            "lost communication with the server",
            "runner encountered an error while running your job",
            "was not acquired by runner of type",
            "internal server error. correlation id",
        ),
    ),
    ("a service container did not start", _any("failed to initialize container")),
    ("the disk was full", _any("no space left on device", r"\bENOSPC\b", "disk quota exceeded")),
    (
        "a name could not be resolved",
        _any(
            "could not resolve host",
            "temporary failure (?:in name resolution|resolving)",
            "name or service not known",
            "nodename nor servname provided",
            r"\bEAI_AGAIN\b",
            r"\bgetaddrinfo ENOTFOUND\b",
            "dial tcp: lookup",
            "unknown host",
        ),
    ),
    (
        "a registry or server was overloaded",
        _any(
            r"toomanyrequests",
            r"\b429 too many requests",
            "api rate limit exceeded",
            r"\b50[0234] (?:internal server error|bad gateway|service unavailable)",
            r"\b504 gateway time-?out",
            r"(?:status(?: code)?|http(?:/[\d.]+)?|error|returned error)[: ]{1,2}50[0234]\b",
            r"npm (?:err!|error) code E50[0234]",
            r"the remote server returned an error: \(50[0234]\)",
        ),
    ),
    (
        "a connection failed",
        _any(
            r"\bE(?:CONNRESET|TIMEDOUT|PIPE|HOSTUNREACH|NETUNREACH)\b",
            r"\bERR_SOCKET_TIMEOUT\b",
            "connection (?:timed out|reset by peer|was reset)",
            "tls handshake timeout",
            r"(?:tcp|http).{0,200}i/o timeout",
            "read timed out",
            "readtimeouterror|connecttimeouterror|incompleteread",
            "unexpected eof while reading",
            "the remote end hung up unexpectedly",
            "rpc failed; (?:curl|http)",
            "early eof",
            "spurious network error",
            "could not (?:transfer artifact|get resource|connect to)",
            r"hash sum mismatch|failed to fetch http|some index files failed to download",
            "net/http: request canceled",
            "network is unreachable",
        ),
    ),
)


def trouble(text: str) -> str | None:
    """The first kind of trouble that the text speaks of."""
    return next((what for what, words in TROUBLE if words.search(text)), None)


def refusal(text: str) -> Refusal | None:
    return next((row for row in REFUSALS if row.words.search(text)), None)

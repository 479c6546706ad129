"""Where the local GitHub differs from GitHub's own description, and why.

Nothing else is let through. They are printed with the counts after `pytest tests/contract`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """`where` and `what` are regular expressions for the whole of it."""

    where: str  # "GET /repos/{owner}/{repo}/...", an event's name, "query Name"
    what: str
    reason: str

    def covers(self, where: str, what: str) -> bool:
        return bool(re.fullmatch(self.where, where) and re.fullmatch(self.what, what))


_UNDESCRIBED = "GitHub describes no such operation"

DEVIATIONS = (
    Deviation(
        "GET /", ": '.*_url' is a required property", "of the root's links only those that work"
    ),
    Deviation(
        r"GET /repos/\{owner\}/\{repo\}/git/refs(/\{ref\+\})?",
        _UNDESCRIBED,
        "the description has matching-refs in its place; PyGithub asks for this one",
    ),
    Deviation(
        "(GET|POST) /actions-results/.*",
        _UNDESCRIBED,
        "where downloads are redirected to and the stand-ins of the artifact actions upload to: "
        "on GitHub other hosts, without a description",
    ),
    Deviation(
        "GET /search/issues",
        r"items/\d+/body: None is not of type 'string'",
        "the description is wrong: an issue without a text has null there, as anywhere else",
    ),
    Deviation(
        "repository_dispatch",
        ": 'installation' is a required property",
        "only GitHub Apps' hooks say which installation it was; nobody here has one",
    ),
    Deviation(
        "query Details",
        "Cannot query field 'blockedBy' on type 'Issue'.*",
        "docs.github.com has it, the package lacks it; servers without it are catered for",
    ),
)

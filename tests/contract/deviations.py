"""Where the local GitHub differs from GitHub's own description, and why.

Nothing else is let through; one that does not occur any more fails the tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """`where` and `what` are regular expressions for the whole of it."""

    where: str  # "GET /repos/{owner}/{repo}/...", an event's name, or a GraphQL field
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
        "GitHub took it out of its description and still answers it; gh asks for it",
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
        "Issue.blockedBy",
        "not in @octokit/graphql-schema 15.26.1",
        "docs.github.com has it, the package lacks it; Enterprise Servers without it are catered for",
    ),
)


def unknown(where: str, found: list[str], met: set[Deviation]) -> list[str]:
    """Of what was found, that which no deviation covers; those that do are added to `met`."""
    left = []
    for what in found:
        covering = [each for each in DEVIATIONS if each.covers(where, what)]
        met.update(covering)
        left += [] if covering else [f"{where}: {what}"]
    return left

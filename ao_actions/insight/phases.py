"""Prints docs/phases.md from the code: `python -m ao_actions.insight.phases > docs/phases.md`.

What the page says of rules, labels and order is read from the core; only `ROUTES`, the usual
ways between phases, is drawn by hand. tests/test_docs.py compares the page with this output.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from ao_actions.core.model import Phase
from ao_actions.core.phase import RULES, Rule
from ao_actions.core.policy import Policy
from ao_actions.core.projection import state_label
from ao_actions.core.selection import CLAIMABLE


class Route(NamedTuple):
    """A usual way from one phase to the next, and what happens on it."""

    start: Phase
    end: Phase
    what: str


ROUTES = (
    *(Route(phase, Phase.WORKING, "claimed") for phase in Phase if phase in CLAIMABLE),
    Route(Phase.WORKING, Phase.PUBLISHED, "branch pushed"),
    Route(Phase.WORKING, Phase.LOST, "run died"),
    Route(Phase.WORKING, Phase.PAUSED, "model limit"),
    Route(Phase.WORKING, Phase.NEEDS_HUMAN, "refused"),
    Route(Phase.LOST, Phase.QUEUED, "released"),
    Route(Phase.PAUSED, Phase.QUEUED, "limit over"),
    Route(Phase.PUBLISHED, Phase.CI_BLOCKED, "opened by GITHUB_TOKEN"),
    Route(Phase.PUBLISHED, Phase.CI_PENDING, "pull request opened"),
    Route(Phase.CI_BLOCKED, Phase.CI_PENDING, "a human approves the run"),
    Route(Phase.CI_PENDING, Phase.CI_FAILED, "red"),
    Route(Phase.CI_PENDING, Phase.IN_REVIEW, "green"),
    Route(Phase.CI_PENDING, Phase.READY, "green, no review needed"),
    Route(Phase.CI_PENDING, Phase.NEEDS_HUMAN, "no result in time"),
    Route(Phase.IN_REVIEW, Phase.CHANGES_REQUESTED, "review"),
    Route(Phase.IN_REVIEW, Phase.READY, "approval"),
    Route(Phase.IN_REVIEW, Phase.CONFLICTED, "base moved"),
    Route(Phase.CI_FAILED, Phase.NEEDS_HUMAN, "attempts used up"),
    Route(Phase.NEEDS_HUMAN, Phase.QUEUED, "label put on again"),
    Route(Phase.READY, Phase.DONE, "a human merges"),
    Route(Phase.NEEDS_HUMAN, Phase.WITHDRAWN, "a human ends it"),
)
FIRST = Phase.QUEUED
LAST = (Phase.DONE, Phase.WITHDRAWN)

INTRO = """\
<!-- Generated: python -m ao_actions.insight.phases > docs/phases.md -->
# Phases

A task's phase is never stored. Each pass computes it from what GitHub and the ledger show.
The first rule that matches decides, so the order of the table is the specification.
`ao-actions status` prints each task's phase and the sentence of the rule that matched.
"""


def page() -> str:
    """The whole of docs/phases.md."""
    return "\n".join([INTRO, *_rules(), "", *_labels(), "", *_diagram(), ""])


def _rules() -> list[str]:
    rows = [
        f"| {number} | `{rule.phase}` | {_name(rule)} | {rule.because.format('…')} |"
        for number, rule in enumerate(RULES, start=1)
    ]
    return [
        "## The rules",
        "",
        "`…` stands for particulars: a number, a name, a sentence of the attempt.",
        "",
        "| # | phase | rule | sentence |",
        "|---|---|---|---|",
        *rows,
    ]


def _name(rule: Rule) -> str:
    return rule.test.__name__.strip("_").replace("_", " ")


def _labels() -> list[str]:
    """Each phase once: the label that shows it, and whether an agent is sent from there."""
    policy = Policy()
    rows = []
    for phase in Phase:
        label = state_label(phase, policy)
        agent = "yes" if phase in CLAIMABLE else ""
        rows.append(f"| `{phase}` | {f'`{label}`' if label else ''} | {agent} |")
    return [
        "## Labels, and who is sent",
        "",
        "The labels are a projection: a pass puts them right when they differ.",
        f"Only `{policy.labels.ready}`, `{policy.labels.priority}` and, before a change is "
        f"published, `{policy.labels.allow}` are read.",
        "",
        "| phase | label | an agent may be sent |",
        "|---|---|---|",
        *rows,
    ]


def _diagram() -> list[str]:
    lines = [f"    {route.start} --> {route.end}: {route.what}" for route in ROUTES]
    return [
        "## The usual ways",
        "",
        "Every phase may also become `withdrawn` (a human ends it) or `done` (a human merges).",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {FIRST}: label",
        *lines,
        *(f"    {phase} --> [*]" for phase in LAST),
        "```",
    ]


if __name__ == "__main__":
    sys.stdout.write(page())

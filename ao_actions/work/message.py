"""The words of our commits; those of the first one delivered are the pull request's too.

All that comes from outside is neutral: it pings nobody, closes nothing and commands nothing.
"""

from __future__ import annotations

from ao_actions.config import Config
from ao_actions.core import hidden, text
from ao_actions.core.model import Claim, Phase, TaskRecord
from ao_actions.forge.client import Client
from ao_actions.work import brief
from ao_actions.work.handoff import Handoff

LOOK = 30  # protected paths that a pull request's text names


def finished(
    client: Client,
    config: Config,
    record: TaskRecord,
    claim: Claim,
    given: Handoff,
    *,
    look: tuple[str, ...] = (),
) -> str:
    """Of an attempt that has done what it was for. `look`: paths that a human is to look at.

    :raises ForgeError: GitHub did not answer
    """
    issue = client.get(f"issues/{record.issue}")
    title = text.line(issue["title"], limit=90) or f"Work on issue {record.issue}"
    said = text.neutral(given.message, limit=8000)
    concealed = hidden.section(brief.issue_text(issue["title"], issue["body"] or "").found)
    passed = {v.command for v in given.verified if v.passed}
    checked = [f"- `{command}` passed" for command in config.verify if command in passed]
    subject = title if not record.delivered else f"{_because(claim)} ({title})"
    paragraphs = [
        subject,
        _look_first(look),
        f"Closes #{record.issue}" if not record.delivered else "",
        said,
        "\n".join(["Verified before the hand-off:", *checked]) if checked else "",
        concealed if not record.delivered else "",
        *_signature(record, claim),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def in_progress(record: TaskRecord, claim: Claim) -> str:
    """Of work that a model's limit has stopped."""
    subject = f"Work in progress on issue {record.issue} (stopped by a model limit)"
    return "\n\n".join([subject, *_signature(record, claim)]) + "\n"


def _look_first(paths: tuple[str, ...]) -> str:
    """Of the files that `protected` asks a human to look at."""
    if not paths:
        return ""
    names = [f"- {text.code(path, limit=200)}" for path in paths[:LOOK]]
    more = [f"- and {len(paths) - LOOK} more"] if len(paths) > LOOK else []
    return "\n".join(["Look at these files first, they are protected:", "", *names, *more])


def _signature(record: TaskRecord, claim: Claim) -> tuple[str, str]:
    return (
        f"Attempt {record.epoch} by {claim.agent}, set going by {record.owner}.",
        f"Co-authored-by: {claim.agent} <{claim.agent}@ao-actions.invalid>",
    )


def _because(claim: Claim) -> str:
    match claim.reason:
        case Phase.CI_FAILED:
            return "Mend the failing checks"
        case Phase.CONFLICTED:
            return f"Merge {text.line(claim.base, limit=60)}"
        case Phase.CHANGES_REQUESTED:
            return "Answer the review"
        case _:
            return "Go on"

"""The brief: what the agent is told, in layers (design 6).

Fixed rules, the repository's rules, the issue, then why it is called again. What other people
wrote stands in fences that it cannot close, without what a reader of the page does not see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ao_actions.config import Config
from ao_actions.core import hidden, text
from ao_actions.core.invisible import Clean, Hidden, plain
from ao_actions.core.model import Phase
from ao_actions.core.observed import Thread
from ao_actions.core.protection import AGENT_FILES
from ao_actions.rendering import render

LIMIT = 40_000  # characters of any one outside text
TOTAL = 120_000  # of all that is to be answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Red:
    """Checks that fail of one cause: what their log, annotations and report say, and where their
    whole logs are (absolute paths)."""

    names: tuple[str, ...]
    log: str = ""
    notes: tuple[str, ...] = ()
    report: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A review's text or a comment. `name`: what it is called in the brief ("C1")."""

    name: str
    author: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """Everything that goes into a brief, read by a trusted hand from GitHub and the ledger."""

    repository: str
    number: int
    title: str
    body: str
    reason: Phase
    base: str
    failures: tuple[Red, ...] = ()
    words: tuple[Words, ...] = ()
    threads: tuple[tuple[str, Thread], ...] = ()  # its name in the brief ("T1"), the thread
    applied: Mapping[str, str] = field(default_factory=dict)  # thread's name to words


def write(assigned: Assigned, config: Config) -> str:
    """The brief as Markdown."""
    room = TOTAL // max(1, len(assigned.threads) + len(assigned.words))
    return render(
        "prompts/brief.md.j2",
        repository=assigned.repository,
        number=assigned.number,
        protected=_patterns(config.protected.refuse),
        labelled=_patterns(config.protected.label),
        verify=", ".join(f"`{command}`" for command in config.verify),
        rules=config.rules.strip(),
        issue=_quoted(issue_text(assigned.title, assigned.body).text),
        feedback=_feedback(assigned),
        threads="\n\n".join(
            [
                *(
                    _thread(name, thread, assigned.applied, room)
                    for name, thread in assigned.threads
                ),
                *(_words(words, room) for words in assigned.words),
            ]
        ),
    )


def issue_text(title: str, body: str) -> Clean:
    """An issue as its page shows it, and what it hides."""
    head, text_ = plain(title), hidden.strip(body)
    return Clean(f"{head.text}\n\n{text_.text}", (*head.found, *text_.found))


def left_out(assigned: Assigned) -> tuple[Hidden, ...]:
    """What the texts of the brief hide, and the agent is not told."""
    said = [words.body for words in assigned.words]
    said += [comment.body for _, thread in assigned.threads for comment in thread.comments]
    found = issue_text(assigned.title, assigned.body).found
    return (*found, *(each for body in said for each in hidden.strip(body).found))


RESUMED = (
    "\n\n## Your earlier session goes on\n\n"
    "You have worked on this issue before; what you did then is above and in the checkout. "
    "What is written here is how things stand now.\n"
)


def handed_over(note: str) -> str:
    """What is added for an agent that did not make the earlier attempts, or has forgotten them."""
    return (
        "\n\n## What was tried before\n\n"
        "Earlier attempts at this issue, oldest first. Their work so far, if any, is in the "
        f"checkout:\n\n{note}\n"
    )


def mend(failure: str) -> str:
    """What is added to the brief when the verify commands failed after the agent's work."""
    return (
        "\n\n## The verify commands fail on your changes\n\n"
        "Your changes are still in the checkout. Mend what fails:\n\n" + _quoted(failure)
    )


def _patterns(patterns: tuple[str, ...]) -> str:
    named = {AGENT_FILES: "files that instruct coding agents or git (AGENTS.md, .claude/, …)"}
    return ", ".join(named.get(pattern, f"`{pattern}`") for pattern in patterns)


def _feedback(assigned: Assigned) -> str:
    match assigned.reason:
        case Phase.CI_FAILED:
            said = "The checks of your pull request fail. Mend them."
            return "\n\n".join([said, *map(_red, assigned.failures)])
        case Phase.CONFLICTED:
            return (
                f"{text.code(assigned.base, limit=100)} has moved and was merged into your "
                "branch. Resolve every conflict in the checkout (search for `<<<<<<<`), keeping "
                "what both sides meant."
            )
        case Phase.CHANGES_REQUESTED:
            return "Reviewers have something to say about your pull request: see below."
        case _:
            return ""


def _red(red: Red) -> str:
    names = ", ".join(text.code(name, limit=100) for name in red.names)
    parts = [f"### {names}"]
    if red.notes:
        parts.append(f"Its annotations:\n\n{_quoted(chr(10).join(red.notes))}")
    if red.report:
        parts.append(f"What it reports:\n\n{_quoted(red.report)}")
    if red.log:
        parts.append(f"From its log:\n\n{_quoted(red.log)}")
    if red.files:
        parts.append("Whole logs: " + ", ".join(f"`{path}`" for path in red.files))
    return "\n\n".join(parts)


def _words(words: Words, room: int) -> str:
    quoted = _quoted(f"@{words.author}:\n{hidden.strip(words.body).text}", room)
    return f"### {words.name}\n\n{quoted}"


def _thread(name: str, thread: Thread, applied: Mapping[str, str], room: int) -> str:
    where = f"{thread.path}:{thread.line}" if thread.line else thread.path
    said = [f"@{c.author}:\n{hidden.strip(c.body).text}" for c in thread.comments]
    quoted = _quoted("\n\n".join(said), room)
    became = f"\n\nIts suggestion: {applied[name]}" if name in applied else ""
    return f"### {name} at {text.code(where, limit=300)}\n\n{quoted}{became}"


def _quoted(outside: str, room: int = LIMIT) -> str:
    room = min(room, LIMIT)
    cut = f"{outside[:room]}\n[the rest is left out]" if len(outside) > room else outside
    return text.fenced(cut, "text")

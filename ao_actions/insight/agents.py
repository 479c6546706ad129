"""What each agent is and supports: for `ao-actions agents`."""

from __future__ import annotations

from typing import Any

from ao_actions.agents import AGENTS, Agent


def rows() -> list[dict[str, Any]]:
    """One object per agent, in the order of the table of agents.

    `credentials`: names of secrets, best first. `meter`: whether its model calls can be counted.
    `resume`: whether a later attempt goes on in its session. `bounds`: what it keeps to by itself.
    `observed`: whether the adapter was made from runs of the real program, not its documentation.
    """
    return [_row(agent) for agent in AGENTS.values()]


def _row(agent: Agent) -> dict[str, Any]:
    about = agent.about
    return {
        "name": agent.name,
        "title": about.title,
        "version": agent.version,
        "known_versions": list(about.versions) if about.versions else None,
        "source": about.source,
        "credentials": [*agent.credentials, *agent.secrets],
        "meter": bool(agent.credentials),
        "resume": bool(agent.sessions),
        "bounds": ["seconds", *about.bounds],
        "observed": about.observed,
        "note": about.note,
    }


def lines(agents: list[dict[str, Any]]) -> list[str]:
    """The rows as columns, and below them what else to know."""
    titles = ("name", "program", "version", "from", "meter", "resumes", "bounds", "credentials")
    table = [titles, *(_cells(agent) for agent in agents)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    notes = [f"{agent['name']}: {note}" for agent in agents for note in _notes(agent)]
    return [*shown, *(["", *notes] if notes else [])]


def _cells(agent: dict[str, Any]) -> tuple[str, ...]:
    return (
        agent["name"],
        agent["title"],
        agent["version"] or "-",
        agent["source"],
        "yes" if agent["meter"] else "no",
        "yes" if agent["resume"] else "no",
        ", ".join(agent["bounds"]),
        " or ".join(agent["credentials"]),
    )


def _notes(agent: dict[str, Any]) -> list[str]:
    unseen = "" if agent["observed"] else "made from its documentation: no run of it was seen"
    return [note for note in (agent["note"], unseen) if note]

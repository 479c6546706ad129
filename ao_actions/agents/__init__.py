"""Coding agents, run headless in a checkout. Adding one is a file and a row in `AGENTS`."""

from ao_actions.agents.aider import Aider
from ao_actions.agents.base import (
    About,
    Agent,
    Assignment,
    Endpoint,
    Exit,
    Outcome,
    Program,
    Result,
    Usage,
)
from ao_actions.agents.claude_code import ClaudeCode
from ao_actions.agents.codex import Codex
from ao_actions.agents.command import Command
from ao_actions.agents.copilot import Copilot
from ao_actions.agents.cursor import Cursor
from ao_actions.agents.gemini import Gemini
from ao_actions.agents.kimi import Kimi
from ao_actions.agents.launch import run
from ao_actions.agents.opencode import OpenCode

AGENTS: dict[str, Agent] = {
    agent.name: agent
    for agent in (
        ClaudeCode(),
        Codex(),
        Copilot(),
        Cursor(),
        Gemini(),
        Kimi(),
        OpenCode(),
        Aider(),
        Command(),
    )
}

__all__ = [
    "AGENTS",
    "About",
    "Agent",
    "Assignment",
    "Endpoint",
    "Exit",
    "Outcome",
    "Program",
    "Result",
    "Usage",
    "run",
]

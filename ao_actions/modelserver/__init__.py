"""A scripted model on loopback: it answers what a script says, and remembers what it was asked.

It speaks the wire of four protocols, so that any coding agent can be driven without an account:
by `agents check`, by the demo, by tests. One file for the script, one for reading it from YAML, one
for the tools of the agents, one for each protocol and one for the server. A new protocol is one
file and one row in `server.PROTOCOLS`. It imports nothing else of ours.
"""

from ao_actions.modelserver.loading import load, turns
from ao_actions.modelserver.script import (
    Answer,
    Cut,
    Edit,
    Failure,
    Hang,
    Limit,
    Run,
    Say,
    Scenario,
    Slow,
    Turn,
    Use,
)
from ao_actions.modelserver.server import ModelServer
from ao_actions.modelserver.wire import Request

__all__ = [
    "Answer",
    "Cut",
    "Edit",
    "Failure",
    "Hang",
    "Limit",
    "ModelServer",
    "Request",
    "Run",
    "Say",
    "Scenario",
    "Slow",
    "Turn",
    "Use",
    "load",
    "turns",
]

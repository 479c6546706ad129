"""A scripted model on loopback: it answers what a test wrote, and remembers what it was asked.

One file for the script, one for the wire of each protocol, one for the server.
A new protocol is one file and one row in `server.PROTOCOLS`.
"""

from tests.model_server.script import (
    Answer,
    Cut,
    Failure,
    Hang,
    Say,
    Turn,
    Use,
    turns,
)
from tests.model_server.server import ModelServer
from tests.model_server.wire import Request

__all__ = [
    "Answer",
    "Cut",
    "Failure",
    "Hang",
    "ModelServer",
    "Request",
    "Say",
    "Turn",
    "Use",
    "turns",
]

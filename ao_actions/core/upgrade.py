"""Files of the ledger that an older version wrote, in the form of this one.

Schema 1 knew of a pause only its end, and of a task's limit only the time to try again; schema
2 lacks keys that have a default.
"""

from __future__ import annotations

from typing import Any

from ao_actions.core.model import SCHEMA


def upgraded(value: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a record or of the fleet; what is damaged stays so, for the decoder to name."""
    if value.get("schema", SCHEMA) == SCHEMA:
        return value
    value = {**value, "schema": SCHEMA}
    if isinstance(value.get("paused"), dict):
        value["paused"] = {
            agent: {"since": pause, "until": pause} if isinstance(pause, str) else pause
            for agent, pause in value["paused"].items()
        }
    again = value.pop("not_before", None)
    match value.get("attempts"):
        case [*others, dict(last)] if again is not None:
            value["attempts"] = [*others, {**last, "limit": {"until": again}}]
    return value

"""What the user asked init for."""

from __future__ import annotations

from dataclasses import dataclass

from ao_actions.setup.migrate import Migration


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was said on the command line or answered; None: not said."""

    agent: str | None = None
    command: str | None = None
    agent_auth: str | None = None
    auth: str | None = None
    ci_trust: str | None = None
    environment: str | None = None
    schedule: str | None = None
    verify: tuple[str, ...] | None = None
    action: str | None = None
    ao: Migration | None = None

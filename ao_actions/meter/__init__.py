"""The meter: a small proxy between a coding agent and its model provider (design 7).

It alone holds the real keys, counts what is used, refuses what the budget does not cover, and
reads a limit's end from the protocol. docs/meter.md says what it changes; it is little.
"""

from ao_actions.meter.account import Account, Limit, LimitKind, Tokens
from ao_actions.meter.control import Meter, start
from ao_actions.meter.settings import Upstream

__all__ = ["Account", "Limit", "LimitKind", "Meter", "Tokens", "Upstream", "start"]

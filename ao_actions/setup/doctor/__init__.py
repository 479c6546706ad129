"""`ao-actions doctor`: proves the facts that break such a factory in practice.

One file per group of checks, each with a row in `CHECKS`; docs/doctor.md has a row for each.
"""

from ao_actions.setup.doctor import (
    actions_settings,
    agents,
    branches,
    environment,
    ledger,
    token,
    workflows,
)
from ao_actions.setup.doctor.check import Check, Finding, Level
from ao_actions.setup.doctor.context import Context
from ao_actions.setup.doctor.examine import Row, examine_all

# In this order they are examined and shown.
CHECKS: tuple[Check, ...] = (
    *workflows.CHECKS,
    *token.CHECKS,
    *actions_settings.CHECKS,
    *branches.CHECKS,
    *environment.CHECKS,
    *ledger.CHECKS,
    *agents.CHECKS,
)

__all__ = ["CHECKS", "Check", "Context", "Finding", "Level", "Row", "examine_all"]

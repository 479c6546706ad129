"""Runs the checks, mends what may be mended, and looks again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ao_actions.errors import (
    AoError,
    AuthError,
    ConfigError,
    ForgeError,
    GitError,
    LedgerError,
    NotFoundError,
)
from ao_actions.setup.doctor.check import Check, Finding, Level, unknown
from ao_actions.setup.doctor.context import Context, UnseenError

_ADMIN = "run doctor with an administrator's token"


@dataclass(frozen=True, slots=True)
class Row:
    """A check, what it found, and what was mended ("" if nothing was)."""

    check: Check
    finding: Finding
    fixed: str = ""

    def json(self) -> dict[str, Any]:
        return {
            "check": self.check.name,
            "level": self.finding.level.value,
            "what": self.finding.what,
            "why": self.check.why,
            "mend": self.finding.mend,
            "fixed": self.fixed,
        }


def examine_all(
    checks: Iterable[Check],
    fresh: Callable[[], Context],
    *,
    fix: bool = False,
    starting: Callable[[str], None] = lambda _name: None,
) -> list[Row]:
    """Every check's row. With `fix`, a check that can mend does so and is examined again.

    `fresh` makes a context that has looked nothing up yet.

    :raises AuthError, NotFoundError, ForgeError: the repository itself cannot be read
    """
    context = fresh()
    context.repository  # noqa: B018 - without it there is nothing to examine
    rows = []
    for check in checks:
        starting(check.name)
        rows.append(Row(check, _examine(check, context)))
    return [_mend(row, fresh) for row in rows] if fix else rows


def _mend(row: Row, fresh: Callable[[], Context]) -> Row:
    if row.finding.fix is None:
        return row
    try:
        did = row.finding.fix()
    except AoError as error:
        return Row(row.check, row.finding, f"not mended: {error}")
    return Row(row.check, _examine(row.check, fresh()), did)


def _examine(check: Check, context: Context) -> Finding:
    """A check that could not look says so: it never ends the others."""
    try:
        return check.examine(context)
    except UnseenError as error:
        return unknown(f"this token may not see it ({error})", _ADMIN)
    except (AuthError, NotFoundError) as error:
        return unknown(f"this token may not see it ({error})", _ADMIN)
    except ConfigError:
        return unknown("it depends on ao.yml, which cannot be read", "see the check `config`")
    except LedgerError:
        return unknown("it depends on the ledger, which cannot be read", "see the check `ledger`")
    except (ForgeError, GitError) as error:
        return unknown(f"GitHub did not answer: {error}", "run doctor again")


def failed(rows: Iterable[Row]) -> list[str]:
    """Names of the checks that failed."""
    return [row.check.name for row in rows if row.finding.level is Level.FAIL]

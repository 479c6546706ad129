"""Every error that a user may meet, each kind with its own exit code.

Messages say what is wrong, where (file, key, issue or URL) and what to do about it.
"""

from __future__ import annotations


class AoError(Exception):
    """The run cannot go on; the message is for the user."""

    exit_code = 1


class ConfigError(AoError):
    """`.github/ao.yml` is missing or wrong."""

    exit_code = 3


class AuthError(AoError):
    """No token, a wrong token, or one without the right that is needed."""

    exit_code = 4


class NotFoundError(AoError):
    """The repository, issue or run does not exist (or the token may not see it)."""

    exit_code = 5


class ForgeError(AoError):
    """GitHub did not do what was asked. `status` is the HTTP status, 0 without an answer;
    `unknown`: it may have been done all the same."""

    exit_code = 6

    def __init__(self, message: str, *, status: int = 0, unknown: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.unknown = unknown


class RateLimitError(ForgeError):
    """GitHub tells us to slow down, for longer than a run waits. 75, as EX_TEMPFAIL in
    sysexits(3)."""

    exit_code = 75


class LedgerError(AoError):
    """The ledger is newer than this program, damaged, or was rolled back: nothing is changed."""

    exit_code = 7


class ToolMissingError(AoError):
    """A program that is needed (git, act, an agent) is not on this machine."""

    exit_code = 8


class AgentError(AoError):
    """A coding agent could not be installed or started."""

    exit_code = 9


class PortInUseError(AoError):
    """The local GitHub's port or socket is taken."""

    exit_code = 10


class GitError(AoError):
    """git failed. `output` is what it printed, with credentials masked."""

    exit_code = 11

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class StuckError(AoError):
    """Some tasks ended in need of a human, or some effects of a pass failed."""

    exit_code = 12


class UnhealthyError(AoError):
    """A check of `ao-actions doctor` failed."""

    exit_code = 13


class DriftError(AoError):
    """`init --check`: a generated file is not as it would be generated. 1, as with diff(1)."""

    exit_code = 1

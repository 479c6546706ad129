"""What every run of the tests prints."""

from tests.agents.table import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

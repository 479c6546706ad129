"""What every run of the tests prints, and that no example is timed."""

from hypothesis import settings

from tests.agents.table import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

# By default an example that takes 0.2 s fails: on a busy machine any does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

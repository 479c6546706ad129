"""The type of the fixture `assign`."""

from collections.abc import Callable

from ao_actions.agents import Assignment

MakeAssignment = Callable[..., Assignment]

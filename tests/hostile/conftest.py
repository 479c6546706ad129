"""A repository with the factory in it, for what an attacker may try on it."""

from tests.hostile.inspected import target
from tests.integration.conftest import factory

__all__ = ["factory", "target"]

"""A repository with the factory in it, for what an attacker may try on it."""

from tests.integration.conftest import factory

__all__ = ["factory"]

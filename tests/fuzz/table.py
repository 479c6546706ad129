"""All targets of the fuzzers."""

from tests.fuzz import files, programs, words
from tests.fuzz.target import TARGETS

__all__ = ["TARGETS", "files", "programs", "words"]

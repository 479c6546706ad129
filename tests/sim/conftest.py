"""Publish unpacks each hand-off into a directory: thousands of them are faster in memory."""

import tempfile
from pathlib import Path

import pytest

from tests.sim.__main__ import MEMORY


@pytest.fixture(autouse=True)
def directories_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    if Path(MEMORY).is_dir():
        monkeypatch.setattr(tempfile, "tempdir", MEMORY)

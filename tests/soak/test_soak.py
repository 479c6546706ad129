"""A small soak; the large one is `python -m tests.soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak import traces
from tests.soak.factory import soak


@pytest.mark.extra
def test_ten_tasks_through_a_github_that_fails(tmp_path: Path) -> None:
    said: list[str] = []
    soak(tmp_path / "warm", 1, 0.0, said.append)  # what is opened once is open from here on
    before = traces.open_files()
    figures = soak(tmp_path / "soak", 10, 0.05, said.append)
    assert figures.wrong == [], "\n".join(figures.lines())
    assert figures.attempts["changes"] == 10
    assert traces.open_files() == before

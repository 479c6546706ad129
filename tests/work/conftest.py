"""A repository on this machine to check out from."""

from pathlib import Path

import pytest

from tests.work.origin import Origin


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.make(tmp_path)

"""One run of `ao-actions demo --json --keep`, looked at by many tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def ao(*args: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ao_actions", *args],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One `demo --json --keep`, looked at by several tests."""
    folder = tmp_path_factory.mktemp("demo")
    done = ao("demo", "--json", "--keep", "kept", cwd=folder)
    assert done.returncode == 0, done.stderr + done.stdout
    return folder / "kept", json.loads(done.stdout)

"""From the start of action.yml's step to the first line of our code, with nothing cached.

Both ways of start.sh: with uv (the one beside this Python) and with pip. Budget: 3 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SYSTEM = "/usr/local/bin:/usr/bin:/bin"
RUNS = 5


def once(path: str) -> float:
    """Seconds until the first line of `ao-actions reconcile` (which finds no configuration)."""
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **{name: value for name, value in os.environ.items() if "VIRTUAL_ENV" not in name},
            "PATH": path,
            "HOME": home,
            "RUNNER_TEMP": home,
            "AO_ACTION_PATH": str(ROOT),
            "AO_COMMAND": "reconcile",
        }
        started = time.perf_counter()
        done = subprocess.run(
            ["bash", str(ROOT / "templates" / "start.sh")],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
    assert "ao.yml is not here" in done.stderr, done.stderr
    return seconds


def main() -> None:
    uv = Path(sys.executable).parent / "uv"
    with tempfile.TemporaryDirectory() as place:
        ways = {"pip": SYSTEM}
        if uv.exists():
            (Path(place) / "uv").symlink_to(uv)
            ways = {"uv": f"{place}:{SYSTEM}", **ways}
        for name, path in ways.items():
            times = [once(path) for _ in range(RUNS)]
            middle = f"{statistics.median(times):.2f} s (median of {RUNS}; least {min(times):.2f})"
            print(f"install to first line with {name}: {middle}")


if __name__ == "__main__":
    main()

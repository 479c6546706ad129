"""How long `ao-actions --help` takes: the median of 20 runs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def main() -> None:
    times = []
    for _ in range(20):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "ao_actions", "--help"], check=True, capture_output=True
        )
        times.append(time.perf_counter() - started)
    print(f"ao-actions --help: {statistics.median(times):.3f} s (median of {len(times)})")


if __name__ == "__main__":
    main()

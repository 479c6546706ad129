"""`python -m tests.soak`: many tasks, some faults, real processes, twice; prints figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak import traces
from tests.soak.factory import soak


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    options.add_argument("--tasks", type=int, default=200)
    options.add_argument("--faults", type=float, default=0.05, help="of all requests, 0 to 1")
    options.add_argument("--times", type=int, default=2)
    options.add_argument("--quiet", action="store_true", help="figures only")
    given = options.parse_args()
    wrong = 0
    files = []
    with tempfile.TemporaryDirectory(prefix="ao-soak-") as folder:
        for turn in range(given.times):
            figures = soak(
                Path(folder) / str(turn),
                given.tasks,
                given.faults,
                (lambda _line: None) if given.quiet else (lambda line: print(line, flush=True)),
            )
            files.append(traces.open_files())
            print("\n".join([f"---- {turn + 1}", *figures.lines()]), flush=True)
            wrong += len(figures.wrong)
    print(f"open files after each: {files}")
    return 1 if wrong or len(set(files)) > 1 else 0


if __name__ == "__main__":
    sys.exit(main())

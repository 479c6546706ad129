"""`python -m tests.fuzz`: more examples than the suite has, and figures for each parser."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from hypothesis import HealthCheck, given, settings

from tests.fuzz.table import TARGETS
from tests.fuzz.target import Target


def tried(target: Target, count: int) -> tuple[int, str]:
    """How many examples it was given, and how it crashed, if it did."""
    seen = 0

    def check(example: object) -> None:
        nonlocal seen
        seen += 1
        target.check(example)

    thorough = settings(
        max_examples=count,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        thorough(given(target.examples)(check))()
    except Exception:  # noqa: BLE001 - whatever it is, it is what we look for
        return seen, traceback.format_exc()
    return seen, ""


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--examples", type=int, default=1000, metavar="N", help="for each parser")
    options.add_argument("--only", default="", metavar="WORD", help="parsers whose name has it")
    given_options = options.parse_args()
    crashes = []
    total = 0
    print(f"{'parser':30} {'examples':>9} {'crashes':>8} {'seconds':>8}")
    for target in TARGETS:
        if given_options.only in target.name:
            began = time.monotonic()
            seen, crash = tried(target, given_options.examples)
            took = time.monotonic() - began
            print(f"{target.name:30} {seen:9} {bool(crash):8} {took:8.1f}", flush=True)
            total += seen
            crashes += [f"\n---- {target.name}\n{crash}"] if crash else []
    print(f"{'all':30} {total:9} {len(crashes):8}")
    print("".join(crashes), end="", file=sys.stderr)
    return 1 if crashes else 0


if __name__ == "__main__":
    raise SystemExit(main())

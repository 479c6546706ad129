"""How well red checks are judged (tests/core/triage_cases), and what reading a log costs."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from ao_actions.core import joblog
from ao_actions.core.triage import Do, Kind
from tests.core.triaged import Case, a_log, cases

SIZE = 10_000_000  # bytes of each log


def main() -> None:
    table = cases()
    judged = [(case, case.verdict()) for case in table]
    print(f"{len(table)} cases\n")
    confusion([(case.expected[0], verdict.kind) for case, verdict in judged], list(Kind))
    confusion([(case.expected[1], verdict.do) for case, verdict in judged], list(Do))
    named = [case for case in table if case.failures is not None]
    print(f"failures named as expected: {sum(map(right, named))} of {len(named)}\n")
    print("seconds per MB      decode    read")
    for name, raw in logs().items():
        decoding, reading = cost(raw)
        print(f"{name:18}  {decoding:6.3f}  {reading:6.3f}")


def confusion(pairs: list[tuple[str, str]], names: list[str]) -> None:
    """Rows: what is expected; columns: what was judged."""
    count = Counter(pairs)
    print(" " * 16 + "".join(f"{name[:9]:>10}" for name in names))
    for expected in names:
        row = (count[expected, got] or "." for got in names)
        print(f"{expected:16}" + "".join(f"{cell:>10}" for cell in row))
    print()


def right(case: Case) -> bool:
    return list(joblog.read(case.raw).failures) == sorted(case.failures or [])


def logs() -> dict[str, bytes]:
    line = "INFO some.module: request {} handled in 12 ms by a worker\n"
    lines = "".join(line.format(number) for number in range(SIZE // 60))
    summary = "=== short test summary info ===\nFAILED a.py::test_x - ValueError: x\n"
    return {
        "a test's log": a_log(f"{lines}{summary}").encode(),
        "no tool's log": a_log(lines).encode(),
        "UTF-16": a_log(lines[: SIZE // 2]).encode("utf-16"),
        "colours": ("\x1b[31merror\x1b[0m of {}\n" * (SIZE // 25)).encode(),
        "one line": b"error " * (SIZE // 6),
        "no letters": bytes(range(256)) * (SIZE // 256),
    }


def cost(raw: bytes) -> tuple[float, float]:
    """Seconds per MB to decode it, and to read it."""
    started = time.perf_counter()
    text = joblog.decode(raw)
    decoded = time.perf_counter()
    joblog.read(text)
    megabytes = len(raw) / 1e6
    return (decoded - started) / megabytes, (time.perf_counter() - decoded) / megabytes


if __name__ == "__main__":
    main()

"""Writes golden/ anew: `python -m tests.setup.renew_golden`. Read the diff before you commit."""

from __future__ import annotations

import shutil

from tests.setup.cases import CASES, GOLDEN, generated


def main() -> None:
    shutil.rmtree(GOLDEN, ignore_errors=True)
    for case in CASES:
        folder = GOLDEN / case
        folder.mkdir(parents=True)
        for name, content in generated(case).items():
            (folder / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The demo's repository and issues, and those of `demo --repo`."""

from __future__ import annotations

import shutil
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ao_actions.errors import ConfigError, GitError
from ao_actions.git import Git

README = "# tally\n\nSmall sums over lists of numbers. Try `python -m pytest`.\n"
CODE = '''"""Small sums over lists of numbers."""


def total(numbers):
    """The sum of the numbers; 0 of none."""
    return sum(numbers)
'''
TESTS = """from tally import total


def test_total():
    assert total([1, 2, 3]) == 6
    assert total([]) == 0
"""
CI = """name: CI
on: pull_request

permissions:
  contents: read

jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@v7
        with:
          persist-credentials: false
      - run: {command}
"""

ISSUES = (
    (
        "Add a median",
        "`tally.median.median(numbers)` should return the middle of the sorted "
        "numbers, and the mean of the two middle ones when their count is even.",
    ),
    (
        "Add a mode",
        "`tally.mode.mode(numbers)` should return the most frequent number; of "
        "several, the smallest.",
    ),
    ("Add a span", "`tally.span.span(numbers)` should return the largest minus the smallest."),
    (
        "Add running sums",
        "`tally.running.running(numbers)` should return the list of sums of "
        "the first 1, 2, ... numbers.",
    ),
    ("Add a product", "`tally.product.product(numbers)` should return the product; 1 of none."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository to run the factory on: where its work tree is, and its issues."""

    name: str
    tree: Path
    issues: tuple[tuple[str, str], ...]


def small_project(
    tree: Path,
    titles: Container[str] | None = None,
    *,
    issues: tuple[tuple[str, str], ...] = ISSUES,
    ci: str = CI.format(command="python -m pytest -q -p no:cacheprovider"),
) -> Project:
    """Write the demo's own project; with all of its issues, or those of these titles."""
    files = {
        "README.md": README,
        "tally/__init__.py": CODE,
        "tests/test_total.py": TESTS,
        ".gitignore": "__pycache__/\n.pytest_cache/\n",
        ".github/workflows/ci.yml": ci,
    }
    for name, content in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    chosen = tuple(issue for issue in issues if titles is None or issue[0] in titles)
    return Project(name="acme/tally", tree=tree, issues=chosen)


def own_project(source: Path, issues: Path, tree: Path, ci_command: str | None) -> Project:
    """A copy of the user's repository at its HEAD; the original is only read.

    Its own workflows are set aside: they may need actions and secrets that only GitHub has.
    With `ci_command` a CI workflow is made that runs it.

    :raises ConfigError: no git repository there, or the issue file is wrong
    """
    if not source.is_dir():
        raise ConfigError(f"--repo {source}: no such folder")
    found = read_issues(issues)
    try:
        Git(source).run("rev-parse", "--verify", "HEAD")
        Git(source).run("clone", "--quiet", "--no-hardlinks", str(source.absolute()), str(tree))
    except GitError as error:
        raise ConfigError(f"--repo {source}: not a git repository to copy ({error})") from None
    shutil.rmtree(tree / ".git")
    shutil.rmtree(tree / ".github" / "workflows", ignore_errors=True)
    if ci_command:
        path = tree / ".github/workflows/ci.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CI.format(command=ci_command), encoding="utf-8")
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in source.absolute().name)
    return Project(name=f"acme/{name}", tree=tree, issues=found)


def read_issues(path: Path) -> tuple[tuple[str, str], ...]:
    """Titles and bodies from a YAML file: a list of `title` and `body`.

    :raises ConfigError: the file cannot be read or has another form
    """
    import yaml

    try:
        items: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"--issues {path}: {error}") from None
    if not isinstance(items, list) or not items:
        raise ConfigError(f"--issues {path}: a list of issues with `title` and `body` is wanted")
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict) or not isinstance(item.get("title"), str):
            raise ConfigError(f"--issues {path}: issue {number} has no `title`")
    return tuple((item["title"], str(item.get("body") or "")) for item in items)

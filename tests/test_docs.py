"""The docs say what the code does: commands, keys, exit codes, actions, phases, links."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import click
import pytest

from ao_actions import config, errors, keys
from ao_actions.agents import AGENTS
from ao_actions.cli import cli
from ao_actions.core import actions, codec
from ao_actions.core import commands as words
from ao_actions.core.model import Phase, TaskRecord
from ao_actions.insight import humans, phases

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
ADRS = DOCS / "adr"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree() -> tuple[Path, ...]:
    """Every file that git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    names = sorted(name for name in done.stdout.decode().split("\0") if name)
    return tuple(ROOT / name for name in names if (ROOT / name).is_file())


def pages() -> tuple[Path, ...]:
    """Our Markdown: what people read, not the tests' data or the templates."""
    found = [path for path in tree() if path.suffix == ".md"]
    return tuple(p for p in found if p.parent == ROOT or DOCS in p.parents)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ---- the command line ----------------------------------------------------------------------


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its full name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{prefix}{name}", command


COMMANDS = dict(commands(cli))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme_s_table(command):
    rows = [row for row in read(ROOT / "README.md").splitlines() if row.startswith("| `ao-actions")]
    assert any(re.search(rf"`ao-actions {command}\b", row) for row in rows)


def named_commands(page: Path) -> list[str]:
    """What stands after `ao-actions` in the page's code: command, options, arguments."""
    text = read(page).replace("\\\n", " ")
    code = r"(?:`|^ *\$ (?:[^`\n]* )?)ao-actions ([a-z][^`\n|#]*)"
    return re.findall(code, text, re.MULTILINE)


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_commands_and_options_that_docs_name_exist(page):
    for line in named_commands(page):
        names = (" ".join(line.split()[:count]) for count in (2, 1))
        command = next((COMMANDS[name] for name in names if name in COMMANDS), None)
        assert command is not None, f"ao-actions {line}"
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<=\s)--[a-z-]+", line)) <= known, f"ao-actions {line}"


def test_commands_with_json_are_named_as_such():
    says = next(line for line in read(ROOT / "README.md").splitlines() if "take `--json`" in line)
    named = set(re.findall(r"`([a-z ]+)`", says.split("take")[0]))
    has = {n for n, c in COMMANDS.items() if any("--json" in p.opts for p in c.params)}
    assert named == has


# ---- tables that mirror the code -----------------------------------------------------------


def test_every_configuration_key_has_its_section():
    sections = re.findall(r"^## (.+)$", read(DOCS / "config.md"), re.MULTILINE)
    assert sections == list(keys.KEYS)


@pytest.mark.parametrize("key", keys.KEYS)
def test_a_key_s_section_says_what_is_wanted_and_its_example_is_taken(key):
    section = re.split(r"^## ", read(DOCS / "config.md"), flags=re.MULTILINE)
    text = next(part for part in section if part.splitlines()[0] == key)
    assert f"- Wanted: {keys.KEYS[key].wanted}" in text
    default = re.search(r"^- Default: `(.+)`$", text, re.MULTILINE)
    said = getattr(config.parse(f"{key}: {default[1]}"), key) if default else None
    assert (said or None) == (getattr(config.Config(), key) or None)
    for example in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
        assert getattr(config.parse(example), key) != getattr(config.Config(), key)


def test_exit_codes_are_those_of_the_errors():
    named = (kind for kind in vars(errors).values() if isinstance(kind, type))
    kinds = [kind for kind in named if issubclass(kind, errors.AoError)]
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", read(DOCS / "errors.md"), re.MULTILINE)
    assert rows == sorted(((str(k.exit_code), k.__name__) for k in kinds), key=lambda r: int(r[0]))
    own = [kind.exit_code for kind in kinds if kind is not errors.DriftError]  # 1, as diff(1)
    assert len(set(own)) == len(own)


def test_every_action_is_in_the_table():
    rows = re.findall(
        r"^\| `(\w+)` \| (transition|effect) \|", read(DOCS / "architecture.md"), re.MULTILINE
    )
    transitions = [(kind.__name__, "transition") for kind in get_args(actions.Transition)]
    effects = [(kind.__name__, "effect") for kind in get_args(actions.Effect)]
    assert rows == transitions + effects


def test_the_ledger_example_is_a_record():
    example = re.search(r"```json\n(.*?)```", read(DOCS / "architecture.md"), re.DOTALL)[1]
    value = json.loads(example)
    assert codec.encode(codec.decode(TaskRecord, value)) == value


def test_every_agent_has_its_row():
    rows = re.findall(r"^\| `([\w-]+)` \|", read(DOCS / "agents.md"), re.MULTILINE)
    assert rows[: len(AGENTS)] == list(AGENTS)


# ---- phases --------------------------------------------------------------------------------


def test_the_page_of_phases_is_what_the_code_prints():
    hint = "run: .venv/bin/python -m ao_actions.insight.phases > docs/phases.md"
    assert read(DOCS / "phases.md") == phases.page(), hint


def test_the_page_of_humans_is_what_the_code_decides():
    hint = "run: .venv/bin/python -m ao_actions.insight.humans > docs/humans.md"
    assert read(DOCS / "humans.md") == humans.page(), hint


def test_the_page_of_commands_has_their_table():
    assert words.table() in read(DOCS / "commands.md")


def test_the_diagram_shows_every_phase():
    drawn = {route.start for route in phases.ROUTES} | {route.end for route in phases.ROUTES}
    assert drawn == set(Phase)


# ---- decisions, changes --------------------------------------------------------------------


def test_decisions_are_numbered_without_gaps_and_listed():
    names = sorted(path.name for path in ADRS.glob("[0-9]*.md"))
    assert [name[:4] for name in names] == [f"{n:04}" for n in range(1, len(names) + 1)]
    assert re.findall(r"\((\d{4}-[\w-]+\.md)\)", read(ADRS / "README.md")) == names


@pytest.mark.parametrize("path", sorted(ADRS.glob("[0-9]*.md")), ids=lambda path: path.name)
def test_a_decision_has_its_four_parts_on_one_page(path):
    text = read(path)
    assert text.startswith(f"# {path.name[:4]}: ")
    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert parts == ["Context", "Decision", "Consequences", "Alternatives"]
    assert len(text.splitlines()) <= 60


def test_the_changelog_has_unreleased_first():
    versions = re.findall(r"^## (.+)$", read(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == "[Unreleased]"


def test_contributing_is_short():
    assert len(read(ROOT / "CONTRIBUTING.md").splitlines()) <= 60


# ---- the tree ------------------------------------------------------------------------------


def test_no_file_names_a_path_of_somebody_s_machine():
    machine = re.compile(rb"(?<![\w.$})*~/-])/(?:root|work|home|Users)/")
    outside = [path for path in tree() if ROOT / "tests" not in path.parents]
    found = [name_of(path) for path in outside if machine.search(path.read_bytes())]
    assert found == []


def test_no_file_names_a_host_of_a_package_registry():
    registry = re.compile(rb"\b(?:pypi|pythonhosted|npmjs)\.(?:org|com)")
    assert [name_of(path) for path in tree() if registry.search(path.read_bytes())] == []


def headings(path: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(r"```.*?```", "", read(path), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_between_files_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_file(), link
        assert not anchor or anchor in headings(target), link


def test_make_targets_that_docs_name_exist():
    makefile = read(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = "\n".join([makefile, read(ROOT / ".ci" / "run"), *map(read, pages())])
    assert set(re.findall(r"(?:`|\$ |\"|-directory )make ([a-z]+)", text)) <= targets


def named_tests() -> list[str]:
    """The tests that the threat model names; `::name` goes on with the file before it."""
    found: list[str] = []
    for file, name in re.findall(r"`(tests/[\w/.-]+\.py|)(::\w+|)`", read(DOCS / "security.md")):
        place = file or found[-1].partition("::")[0] if (file or name) and (file or found) else ""
        if place:
            found.append(f"{place}{name}")
    return found


def test_every_threat_names_a_test():
    rows = [
        row
        for row in read(DOCS / "security.md").partition("## Threats")[2].splitlines()
        if row.startswith("| ") and row.count("|") == 4
    ]
    bodies = [row for row in rows if not row.startswith("| threat ")]
    assert len(bodies) > 30
    assert all("`tests/" in row or "`::" in row for row in bodies)


@pytest.mark.parametrize("name", sorted(set(named_tests())))
def test_a_test_that_the_threat_model_names_exists(name):
    file, _, function = name.partition("::")
    assert f"def {function}(" in read(ROOT / file) if function else (ROOT / file).exists()

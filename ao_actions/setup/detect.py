"""What a working tree tells about its project: how it is built and tested, what its CI is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ao_actions.errors import ConfigError
from ao_actions.setup import exposure
from ao_actions.setup.workflows import FOLDER, NAMES

AO_FILES = ("agent-orchestrator.yaml", "agent-orchestrator.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """`ecosystem` and `verify` are guesses from the file `found_in`; empty: no guess."""

    ecosystem: str = ""
    verify: str = ""
    found_in: str = ""


def project(root: Path) -> Project:
    """The first of the known kinds of project that this one looks like."""
    for guess in _GUESSES:
        found = guess(root)
        if found is not None:
            return found
    return Project()


def workflow_files(root: Path) -> dict[str, str]:
    """The repository's own workflow files, ours left out: path to text.

    :raises ConfigError: one of them cannot be read
    """
    files = {}
    for path in sorted((root / FOLDER).glob("*.y*ml")):
        name = f"{FOLDER}/{path.name}"
        if path.name in NAMES or not path.is_file():
            continue
        text = read(root, name)
        if not isinstance(exposure.parse(text), dict):
            raise ConfigError(f"{name}: this workflow cannot be read as YAML; nothing was written")
        files[name] = text
    return files


def ci_workflows(files: dict[str, str]) -> list[str]:
    """Names of the workflows that run on pull requests or pushes of branches."""
    names = []
    for path, text in files.items():
        document = exposure.parse(text)
        wakes = exposure.events(document)
        pushes = wakes.get("push")
        tags_only = isinstance(pushes, dict) and set(pushes) <= {"tags", "tags-ignore"} and pushes
        if "pull_request" in wakes or ("push" in wakes and not tags_only):
            names.append(exposure.name_of(document, path))
    return names


def ao_configuration(root: Path) -> str | None:
    """The configuration of Agent Orchestrator, where there is one."""
    return next((name for name in AO_FILES if (root / name).is_file()), None)


def default_schedule(name: str, *, private: bool | None) -> str:
    """Hourly where minutes are free, every six hours where they may cost something.

    The minute is odd and follows from the repository's name, so that not all look at once.
    """
    digest = int.from_bytes(hashlib.sha256(name.lower().encode()).digest()[:4], "big")
    minute = digest % 30 * 2 + 1
    return f"{minute} * * * *" if private is False else f"{minute} */6 * * *"


def read(root: Path, name: str) -> str:
    """:raises ConfigError: the file is no text"""
    try:
        with (root / name).open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name} cannot be read: {error}; nothing was written") from None


# ---- one guess per kind of project, the project's own word first ------------------------------


def _make(root: Path) -> Project | None:
    for name in ("GNUmakefile", "makefile", "Makefile"):
        if (root / name).is_file():
            targets = re.findall(r"^([\w-]+)\s*:(?!=)", _text(root, name), re.MULTILINE)
            for target in ("test", "check"):
                if target in targets:
                    return Project(ecosystem="make", verify=f"make {target}", found_in=name)
    return None


def _just(root: Path) -> Project | None:
    for name in ("justfile", "Justfile"):
        if re.search(r"^test\b[^=\n]*:", _text(root, name), re.MULTILINE):
            return Project(ecosystem="just", verify="just test", found_in=name)
    return None


def _node(root: Path) -> Project | None:
    if not (root / "package.json").is_file():
        return None
    try:
        package = json.loads(_text(root, "package.json"))
        script = str(package["scripts"]["test"])
    except (ValueError, KeyError, TypeError):
        return Project(ecosystem="npm", found_in="package.json")
    manager, install = _node_manager(root)
    verify = "" if "no test specified" in script else f"{install} && {manager} test"
    return Project(ecosystem=manager, verify=verify, found_in="package.json")


def _node_manager(root: Path) -> tuple[str, str]:
    if (root / "pnpm-lock.yaml").is_file():
        return "pnpm", "pnpm install --frozen-lockfile"
    if (root / "yarn.lock").is_file():
        berry = (root / ".yarnrc.yml").is_file()
        return "yarn", f"yarn install --{'immutable' if berry else 'frozen-lockfile'}"
    if any((root / name).is_file() for name in ("package-lock.json", "npm-shrinkwrap.json")):
        return "npm", "npm ci"
    return "npm", "npm install"


def _python(root: Path) -> Project | None:
    tables = _text(root, "pyproject.toml")
    if (root / "tox.ini").is_file() or "[tool.tox" in tables:
        where = "tox.ini" if (root / "tox.ini").is_file() else "pyproject.toml"
        return Project(ecosystem="pip", verify="tox", found_in=where)
    if (root / "noxfile.py").is_file():
        return Project(ecosystem="pip", verify="nox", found_in="noxfile.py")
    for name in ("pytest.ini", "pyproject.toml", "setup.cfg", "setup.py", "requirements.txt"):
        named = name == "pytest.ini" or "pytest" in _text(root, name)
        if named and (root / name).is_file():
            return _pytest(root, name)
    plain = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
    found = next((name for name in plain if (root / name).is_file()), None)
    return Project(ecosystem="pip", found_in=found) if found else None


def _pytest(root: Path, name: str) -> Project:
    if (root / "uv.lock").is_file():
        return Project(ecosystem="uv", verify="uv run pytest -q", found_in="uv.lock")
    return Project(ecosystem="pip", verify="python -m pytest -q", found_in=name)


def _plain(name: str, ecosystem: str, verify: str) -> Callable[[Path], Project | None]:
    def guess(root: Path) -> Project | None:
        if not any(root.glob(name)):
            return None
        return Project(ecosystem=ecosystem, verify=verify, found_in=name)

    return guess


def _composer(root: Path) -> Project | None:
    if '"test"' not in _text(root, "composer.json"):
        return None
    verify = "composer install --no-interaction && composer test"
    return Project(ecosystem="composer", verify=verify, found_in="composer.json")


def _guesses() -> Iterator[Callable[[Path], Project | None]]:
    yield from (_make, _just, _node, _python)
    yield _plain("Cargo.toml", "cargo", "cargo test")
    yield _plain("go.mod", "go", "go test ./...")
    yield _plain("mvnw", "maven", "./mvnw -B -q verify")
    yield _plain("pom.xml", "maven", "mvn -B -q verify")
    yield _plain("gradlew", "gradle", "./gradlew check")
    yield _plain("build.gradle*", "gradle", "gradle check")
    yield _composer
    yield _plain("mix.exs", "mix", "mix deps.get && mix test")
    yield _plain(".rspec", "bundler", "bundle install && bundle exec rspec")
    yield _plain("*.sln", "nuget", "dotnet test")


_GUESSES = tuple(_guesses())


def _text(root: Path, name: str) -> str:
    try:
        return (root / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

"""What a tree tells about its project: a table of ecosystems, CI names, schedules, origins."""

from __future__ import annotations

from pathlib import Path

import pytest

from ao_actions.errors import ConfigError
from ao_actions.forge.client import Address
from ao_actions.setup import detect, hosting
from ao_actions.setup.clone import Origin, origin_of
from ao_actions.setup.hosting import Hosting

SCRIPT = '{"scripts": {"test": "jest"}}'


@pytest.mark.parametrize(
    ("files", "ecosystem", "verify"),
    [
        ({"Makefile": "all: test\ntest: x\n\tx\n", "package.json": SCRIPT}, "make", "make test"),
        ({"Makefile": "check:\n"}, "make", "make check"),
        ({"Makefile": "test := 1\nlint:\n"}, "", ""),
        ({"justfile": "test *args:\n  x\n"}, "just", "just test"),
        ({"package.json": SCRIPT}, "npm", "npm install && npm test"),
        ({"package.json": SCRIPT, "package-lock.json": ""}, "npm", "npm ci && npm test"),
        ({"package.json": SCRIPT, "pnpm-lock.yaml": ""}, "pnpm",
         "pnpm install --frozen-lockfile && pnpm test"),
        ({"package.json": SCRIPT, "yarn.lock": ""}, "yarn",
         "yarn install --frozen-lockfile && yarn test"),
        ({"package.json": SCRIPT, "yarn.lock": "", ".yarnrc.yml": ""}, "yarn",
         "yarn install --immutable && yarn test"),
        ({"package.json": '{"scripts": {"test": "echo no test specified"}}'}, "npm", ""),
        ({"package.json": "{}"}, "npm", ""),
        ({"package.json": "{broken"}, "npm", ""),
        ({"tox.ini": "", "pyproject.toml": "pytest"}, "pip", "tox"),
        ({"noxfile.py": ""}, "pip", "nox"),
        ({"pytest.ini": ""}, "pip", "python -m pytest -q"),
        ({"pyproject.toml": "[tool.pytest.ini_options]"}, "pip", "python -m pytest -q"),
        ({"pyproject.toml": "pytest", "uv.lock": ""}, "uv", "uv run pytest -q"),
        ({"setup.py": "setup()"}, "pip", ""),
        ({"Cargo.toml": ""}, "cargo", "cargo test"),
        ({"go.mod": ""}, "go", "go test ./..."),
        ({"pom.xml": ""}, "maven", "mvn -B -q verify"),
        ({"pom.xml": "", "mvnw": ""}, "maven", "./mvnw -B -q verify"),
        ({"build.gradle.kts": ""}, "gradle", "gradle check"),
        ({"build.gradle": "", "gradlew": ""}, "gradle", "./gradlew check"),
        ({"composer.json": '{"scripts": {"test": "phpunit"}}'}, "composer",
         "composer install --no-interaction && composer test"),
        ({"mix.exs": ""}, "mix", "mix deps.get && mix test"),
        ({".rspec": ""}, "bundler", "bundle install && bundle exec rspec"),
        ({"widgets.sln": ""}, "nuget", "dotnet test"),
        ({"README.md": "pytest"}, "", ""),
    ],
)  # fmt: skip
def test_ecosystem_and_verify(
    tmp_path: Path, files: dict[str, str], ecosystem: str, verify: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = detect.project(tmp_path)
    assert (found.ecosystem, found.verify) == (ecosystem, verify)
    assert not found.verify or any((tmp_path).glob(found.found_in))


def test_ci_is_what_runs_on_pull_requests_or_pushed_branches(tmp_path: Path) -> None:
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    for name, text in {
        "a.yml": "name: Tests\non: [push]\n",
        "b.yaml": "on: {pull_request: {branches: [main]}}\n",
        "c.yml": "name: Release\non: {push: {tags: ['v*']}}\n",
        "d.yml": "name: Nightly\non: {schedule: [{cron: '1 1 * * *'}]}\n",
        "ao-work.yml": "name: ao-work\non: push\n",
        "notes.txt": "not: [yaml\n",
    }.items():
        (folder / name).write_text(text)
    files = detect.workflow_files(tmp_path)
    assert detect.ci_workflows(files) == ["Tests", ".github/workflows/b.yaml"]


def test_a_workflow_that_is_only_text(tmp_path: Path) -> None:
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/x.yml").write_text("hello\n")
    with pytest.raises(ConfigError, match=r"workflows/x\.yml: .* nothing was written"):
        detect.workflow_files(tmp_path)


def test_schedules_are_stable_odd_and_spread() -> None:
    names = [f"acme/repo{number}" for number in range(60)]
    minutes = [int(detect.default_schedule(name, private=False).split()[0]) for name in names]
    assert all(minute % 2 == 1 and minute < 60 for minute in minutes)
    assert len(set(minutes)) > 15
    same = {detect.default_schedule(name, private=None) for name in ("Acme/A", "acme/a")}
    assert len(same) == 1
    assert same.pop().split()[1] == "*/6"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://github.com/acme/widgets.git", ("github.com", "acme/widgets")),
        ("https://x:y@ghe.example.com:8443/acme/widgets", ("ghe.example.com:8443", "acme/widgets")),
        ("git@github.com:acme/widgets.git", ("github.com", "acme/widgets")),
        ("ssh://git@ssh.github.com:443/acme/widgets.git", ("github.com", "acme/widgets")),
        ("ssh://git@ghe.example.com:2222/acme/w.x.git", ("ghe.example.com", "acme/w.x")),
        ("/srv/git/widgets.git", None),
        ("file:///srv/git/acme/widgets.git", None),
        ("", None),
        ("https://gitlab.com/group/sub/project.git", None),
    ],
)
def test_an_origin_s_address(url: str, origin: tuple[str, str] | None) -> None:
    assert origin_of(url) == (Origin(host=origin[0], name=origin[1]) if origin else None)


@pytest.mark.parametrize(
    ("host", "api", "enterprise"),
    [
        ("github.com", "https://api.github.com", False),
        ("acme.ghe.com", "https://api.acme.ghe.com", False),
        ("ghe.example.com", "https://ghe.example.com/api/v3", True),
    ],
)
def test_github_s_address_follows_from_the_origin(host: str, api: str, enterprise: bool) -> None:  # noqa: FBT001
    address = hosting.address_for(Origin(host=host, name="a/b"), {})
    assert address.api == api
    assert hosting.unasked("a/b", address).enterprise is enterprise


def test_the_environment_is_stronger_than_the_origin() -> None:
    env = {"GITHUB_API_URL": "https://x/api/v3", "GITHUB_SERVER_URL": "https://x"}
    address = hosting.address_for(Origin(host="github.com", name="a/b"), env)
    assert address == Address("https://x/api/v3", "https://x/api/graphql", "https://x")


def test_what_will_not_work_is_said() -> None:
    assert Hosting().notes() == []
    notes = Hosting(fork=True, issues=False, archived=True).notes()
    assert [word in note for word, note in zip(("fork", "issues", "archived"), notes, strict=True)]

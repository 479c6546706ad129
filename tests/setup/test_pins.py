"""Where the generated workflows find our own action: always one commit, never a guess."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ao_actions import __version__
from ao_actions.errors import ConfigError
from ao_actions.git import Git
from ao_actions.setup import pins
from ao_actions.setup.pins import REPOSITORY, action_in, action_reference
from tests.setup.cases import ACTION, generated

COMMIT = "0123456789" * 4


@pytest.fixture
def hub(tmp_path: Path) -> dict[str, str]:
    """A GitHub that is a folder of repositories; `acme/ao` has releases."""
    work = tmp_path / "work"
    git = Git(work)
    work.mkdir()
    git.run("init", "--quiet", "--initial-branch=main", str(work))
    git.run("commit", "--quiet", "--allow-empty", "-m", "One")
    git.run("tag", "v1.0.0")
    git.run("commit", "--quiet", "--allow-empty", "-m", "Two")
    git.run("tag", "-a", "v1.1.0", "-m", "annotated")
    for name in ("acme/ao", REPOSITORY):
        git.run("clone", "--quiet", "--bare", str(work), str(tmp_path / "hub" / f"{name}.git"))
    return {"url": f"file://{tmp_path / 'hub'}", "work": str(work)}


def commit_of(hub: dict[str, str], ref: str) -> str:
    return Git(Path(hub["work"])).run("rev-parse", f"{ref}^{{commit}}")


@pytest.mark.parametrize("ref", ["v1.0.0", "v1.1.0", "main"])
def test_a_tag_or_branch_becomes_its_commit(hub: dict[str, str], ref: str) -> None:
    found = action_reference(f"acme/ao@{ref}", hub["url"])
    assert found.uses == f"acme/ao@{commit_of(hub, ref)} # {ref}"


def test_a_commit_is_taken_as_it_is(hub: dict[str, str]) -> None:
    assert action_reference(f"acme/ao@{COMMIT}", hub["url"]).uses.startswith(
        f"acme/ao@{COMMIT} # v"
    )
    given = f"acme/ao@{COMMIT} # v9.9.9"
    assert action_reference(given, hub["url"]).uses == given


@pytest.mark.parametrize(
    "given",
    ["", "acme/ao", "ao@v1", "acme/ao@", "acme/ao@-x", "./ao", f"acme/ao/sub@{COMMIT}", "a/b@c\nd"],
)
def test_something_else_is_refused(hub: dict[str, str], given: str) -> None:
    with pytest.raises(ConfigError, match="--action"):
        action_reference(given, hub["url"])


def test_a_tag_that_is_not_there(hub: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"acme/ao\.git has no v7"):
        action_reference("acme/ao@v7", hub["url"])


def test_this_program_s_own_commit(hub: dict[str, str]) -> None:
    """Run from a clone, as here: the commit of that clone, and a word about it."""
    found = action_reference(None, hub["url"])
    here = Git(Path(__file__).parent).run("rev-parse", "HEAD")
    assert found.uses.endswith(f"@{here} # v{__version__}")
    assert "--action" in found.note


def test_a_clone_s_origin_names_the_repository(hub: dict[str, str], tmp_path: Path) -> None:
    tree = Path(hub["work"])
    (tree / "action.yml").touch()
    Git(tree).run("remote", "add", "origin", "git@github.example.com:our/copy.git")
    found = action_reference(None, hub["url"], package=tree / "ao_actions")
    assert found.uses == f"our/copy@{commit_of(hub, 'HEAD')} # v{__version__}"


def test_installed_from_git(hub: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    direct = {"url": "https://ghes.example.com/our/copy", "vcs_info": {"commit_id": COMMIT}}
    installed(monkeypatch, direct)
    assert action_reference(None, hub["url"]).uses == f"our/copy@{COMMIT} # v{__version__}"


def test_a_release_is_looked_up_on_the_server(
    hub: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed(monkeypatch, None)
    with pytest.raises(ConfigError, match=rf"{REPOSITORY}\.git has no v{__version__}"):
        action_reference(None, hub["url"], package=tmp_path / "site-packages" / "ao_actions")
    bare = Git(Path(hub["url"].removeprefix("file://")) / f"{REPOSITORY}.git")
    bare.run("tag", f"v{__version__}", "main")
    found = action_reference(None, hub["url"], package=tmp_path / "site-packages" / "ao_actions")
    assert found.uses == f"{REPOSITORY}@{commit_of(hub, 'main')} # v{__version__}"
    assert found.note == ""


def installed(monkeypatch: pytest.MonkeyPatch, direct: dict[str, Any] | None) -> None:
    """What pip would have written down beside the package."""

    class Distribution:
        @staticmethod
        def read_text(name: str) -> str | None:
            assert name == "direct_url.json"
            return None if direct is None else json.dumps(direct)

    monkeypatch.setattr(pins.metadata, "distribution", lambda name: Distribution)


def test_the_reference_is_found_again_in_what_was_generated() -> None:
    for case in ("app", "enterprise"):
        assert [action_in(text) for text in generated(case).values()] == [ACTION] * 3
    assert action_in("name: CI\n") is None


def test_without_a_server_the_environment_s_is_asked(
    hub: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", hub["url"])
    assert action_reference("acme/ao@v1.0.0").uses == f"acme/ao@{commit_of(hub, 'v1.0.0')} # v1.0.0"

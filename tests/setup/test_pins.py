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
def server(tmp_path: Path) -> dict[str, str]:
    """An environment whose GitHub is a folder of repositories; `acme/ao` has releases."""
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
    return {"GITHUB_SERVER_URL": f"file://{tmp_path / 'hub'}", "WORK": str(work)}


def commit_of(server: dict[str, str], ref: str) -> str:
    return Git(Path(server["WORK"])).run("rev-parse", f"{ref}^{{commit}}")


@pytest.mark.parametrize("ref", ["v1.0.0", "v1.1.0", "main"])
def test_a_tag_or_branch_becomes_its_commit(server: dict[str, str], ref: str) -> None:
    found = action_reference(f"acme/ao@{ref}", server)
    assert found.uses == f"acme/ao@{commit_of(server, ref)} # {ref}"


def test_a_commit_is_taken_as_it_is(server: dict[str, str]) -> None:
    assert action_reference(f"acme/ao@{COMMIT}", server).uses.startswith(f"acme/ao@{COMMIT} # v")
    given = f"acme/ao@{COMMIT} # v9.9.9"
    assert action_reference(given, server).uses == given


@pytest.mark.parametrize(
    "given",
    ["", "acme/ao", "ao@v1", "acme/ao@", "acme/ao@-x", "./ao", f"acme/ao/sub@{COMMIT}", "a/b@c\nd"],
)
def test_something_else_is_refused(server: dict[str, str], given: str) -> None:
    with pytest.raises(ConfigError, match="--action"):
        action_reference(given, server)


def test_a_tag_that_is_not_there(server: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"acme/ao\.git has no v7"):
        action_reference("acme/ao@v7", server)


def test_this_program_s_own_commit(server: dict[str, str]) -> None:
    """Run from a clone, as here: the commit of that clone, and a word about it."""
    found = action_reference(None, server)
    here = Git(Path(__file__).parent).run("rev-parse", "HEAD")
    assert found.uses.endswith(f"@{here} # v{__version__}")
    assert "--action" in found.note


def test_a_clone_s_origin_names_the_repository(server: dict[str, str], tmp_path: Path) -> None:
    tree = Path(server["WORK"])
    (tree / "action.yml").touch()
    Git(tree).run("remote", "add", "origin", "git@github.example.com:our/copy.git")
    found = action_reference(None, server, package=tree / "ao_actions")
    assert found.uses == f"our/copy@{commit_of(server, 'HEAD')} # v{__version__}"


def test_installed_from_git(server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    direct = {"url": "https://ghes.example.com/our/copy", "vcs_info": {"commit_id": COMMIT}}
    installed(monkeypatch, direct)
    assert action_reference(None, server).uses == f"our/copy@{COMMIT} # v{__version__}"


def test_a_release_is_looked_up_on_the_server(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed(monkeypatch, None)
    with pytest.raises(ConfigError, match=rf"{REPOSITORY}\.git has no v{__version__}"):
        action_reference(None, server, package=tmp_path / "site-packages" / "ao_actions")
    bare = Git(Path(server["GITHUB_SERVER_URL"].removeprefix("file://")) / f"{REPOSITORY}.git")
    bare.run("tag", f"v{__version__}", "main")
    found = action_reference(None, server, package=tmp_path / "site-packages" / "ao_actions")
    assert found.uses == f"{REPOSITORY}@{commit_of(server, 'main')} # v{__version__}"
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

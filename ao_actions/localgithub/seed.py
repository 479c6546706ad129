"""Fills a world from a file: users, tokens, apps, repositories with what is in them.

```yaml
users:
  - {login: octocat, name: Octo Cat, email: octo@example.com}
tokens:
  - {value: ghp_octocat, login: octocat}
apps:
  - {slug: factory, permissions: {contents: write, pull_requests: write}}
repositories:
  - name: octocat/hello
    private: false
    collaborators: {hubot: write}
    files: {README.md: "# hello\\n"}      # or directory: ./example, beside this file
    labels: [{name: "ao:ready", color: "0e8a16"}]
    issues: [{title: It breaks, body: Badly, labels: [bug], user: octocat}]
    variables: {AO_STOP: "0"}
    secrets: {MODEL_KEY: abc}
    environments: [{name: models, secrets: {KEY: x}, branches: [main]}]
    protection: {main: {required_checks: [test], required_approvals: 1}}
```
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ao_actions.localgithub import issues, pushes
from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.model import Environment, Label, Protection, Repository
from ao_actions.localgithub.turn import Turn
from ao_actions.localgithub.world import World


def load(world: World, file: Path) -> None:
    """Applies a seed file. Raises ValueError naming the key that it does not know."""
    text = file.read_text(encoding="utf-8")
    apply(world, yaml.safe_load(text) or {}, file.parent)


def apply(world: World, seed: Mapping[str, Any], folder: Path) -> None:
    _know("the seed", seed, {"users", "tokens", "apps", "repositories"})
    for user in seed.get("users") or []:
        world.add_user(**user)
    for token in seed.get("tokens") or []:
        world.add_token(**token)
    for app in seed.get("apps") or []:
        world.add_app(**app)
    for repository in seed.get("repositories") or []:
        _add_repository(world, dict(repository), folder)


_REPOSITORY_KEYS = {
    "name",
    "private",
    "description",
    "default_branch",
    "collaborators",
    "files",
    "directory",
    "labels",
    "issues",
    "variables",
    "secrets",
    "environments",
    "protection",
    "actions_may_create_pulls",
    "default_workflow_permissions",
    "approve_job_token_pulls",
    "allow_auto_merge",
}


def _know(where: str, given: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise ValueError(f"{where} has unknown keys: {', '.join(unknown)}")


def _add_repository(world: World, given: dict[str, Any], folder: Path) -> None:
    name = str(given["name"])
    _know(f"repository {name}", given, _REPOSITORY_KEYS)
    options = {
        key: given[key] for key in ("private", "description", "default_branch") if key in given
    }
    repo = world.create_repository(name, **options)
    repo.collaborators |= given.get("collaborators") or {}
    for label in given.get("labels") or []:
        fields = {"name": label} if isinstance(label, str) else dict(label)
        repo.labels.append(Label(world.next_id(), **fields))
    repo.variables = {key: str(value) for key, value in (given.get("variables") or {}).items()}
    repo.secrets = {key: str(value) for key, value in (given.get("secrets") or {}).items()}
    for environment in given.get("environments") or []:
        repo.environments.append(_environment(world, environment))
    for branch, rules in (given.get("protection") or {}).items():
        repo.protection[branch] = Protection(**rules)
    for switch in (
        "actions_may_create_pulls",
        "default_workflow_permissions",
        "approve_job_token_pulls",
        "allow_auto_merge",
    ):
        if switch in given:
            setattr(repo, switch, given[switch])
    files: dict[str, str | bytes] = dict(given.get("files") or {})
    if "directory" in given:
        files |= read_directory(folder / given["directory"])
    if files:
        commit_files(world, repo, files, "Initial commit")
    for issue in given.get("issues") or []:
        _add_issue(world, repo, dict(issue))


def _environment(world: World, given: Mapping[str, Any]) -> Environment:
    return Environment(
        world.next_id(),
        str(given["name"]),
        list(given.get("branches") or []),
        {key: str(value) for key, value in (given.get("secrets") or {}).items()},
    )


def _add_issue(world: World, repo: Repository, given: dict[str, Any]) -> None:
    author = world.user(str(given.get("user", repo.owner)))
    owner = Turn(world, repo, Viewer(world.user(repo.owner), None))
    issue = issues.create(
        Turn(world, repo, Viewer(author, None)), str(given["title"]), str(given.get("body") or "")
    )
    issues.add_labels(owner, issue, given.get("labels") or [])
    issues.assign(owner, issue, given.get("assignees") or [])


def read_directory(directory: Path) -> dict[str, bytes]:
    """Every file below a directory but its .git."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(directory).parts
    }


def commit_files(
    world: World,
    repo: Repository,
    files: Mapping[str, str | bytes | None],
    message: str,
    *,
    branch: str | None = None,
    login: str | None = None,
) -> str:
    """Commits files (None deletes one) on a branch as somebody, as `git push` would."""
    turn = Turn(world, repo, Viewer(world.user(login or repo.owner), None))
    bare = turn.bare
    name = branch or repo.default_branch
    with world.lock:
        head = bare.branch(name)
        start = head or bare.branch(repo.default_branch)
        changes = {
            path: None if data is None else (_mode(path, data), bare.write_blob(_bytes(data)))
            for path, data in files.items()
        }
        tree = bare.edit_tree(start, changes)
        oid = bare.commit_tree(tree, [start] if start else [], message, turn.author())
        pushes.move_ref(turn, f"refs/heads/{name}", oid, head)
    return oid


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _mode(path: str, data: str | bytes) -> str:
    """Scripts are executable: a seed file cannot say it otherwise."""
    is_script = _bytes(data).startswith(b"#!") or path.endswith(".sh")
    return "100755" if is_script else "100644"

"""Replies of the local GitHub against GitHub's own schemas.

The schemas are pruned from GitHub's published OpenAPI description (MIT; prune_openapi.py).
GitHub's own examples break some of them, so known differences of the description itself are
listed here and nothing else is let through.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from ao_actions.localgithub import seed
from ao_actions.localgithub.model import Environment, Protection
from ao_actions.localgithub.server import LocalGitHub

REPO = "octocat/hello"
BASE = f"/repos/{REPO}"


@pytest.fixture(scope="module")
def schemas() -> Registry[Any]:
    packed = Path(__file__).with_name("github-schemas.json.gz").read_bytes()
    document = json.loads(gzip.decompress(packed))
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    return Registry().with_resource("urn:github", resource)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A repository in which everything has happened once."""
    with LocalGitHub(tmp_path_factory.mktemp("hub"), actions=False) as server:
        world = server.world
        for login in ("octocat", "hubot"):
            world.add_user(login, email=f"{login}@example.com")
        repo = world.create_repository(REPO)
        repo.collaborators["hubot"] = "write"
        seed.commit_files(world, repo, {"a.txt": "1\n"}, "Initial commit")
        sha = seed.commit_files(world, repo, {"a.txt": "1\n2\n"}, "Work", branch="topic")
        options: dict[str, Any] = {"base_url": server.api_url, "trust_env": False}
        headers = {
            name: {"Authorization": f"token {token.value}"}
            for name, token in {
                "octocat": world.add_token("octocat"),
                "hubot": world.add_token("hubot"),
                "job": world.add_token(
                    "github-actions[bot]",
                    kind="job",
                    repository=REPO,
                    permissions={"checks": "write", "issues": "write"},
                ),
            }.items()
        }
        with httpx.Client(headers=headers["octocat"], **options) as client:

            def post(path: str, who: str = "octocat", **body: Any) -> Any:
                url = f"{BASE}/{path}"
                reply = client.post(url, json=body, headers=headers[who])
                assert reply.status_code < 300, reply.text
                return reply.json()

            post("issues", title="One", body="x", labels=["bug"], assignees=["hubot"])
            post("issues/1/comments", who="job", body="hello")
            post("issues/1/reactions", content="+1")
            post("pulls", title="P", body="Closes #1", head="topic", base="main")
            post("pulls/2/requested_reviewers", reviewers=["hubot"])
            said = {"path": "a.txt", "line": 2, "body": "why?"}
            post("pulls/2/reviews", who="hubot", event="COMMENT", body="see", comments=[said])
            post(f"statuses/{sha}", state="success", context="ci", description="fine")
            post("check-runs", who="job", name="test", head_sha=sha, conclusion="success")
            post("hooks", config={"url": "http://127.0.0.1:9/"}, events=["push"])
            repo.protection["main"] = Protection(["ci"], 1)
            repo.environments.append(Environment(world.next_id(), "models", ["main"]))
            yield client


ROUTES = [
    ("", "full-repository"),
    ("issues/1", "issue"),
    ("issues/2", "issue"),
    ("issues", "issue"),
    ("issues/1/comments", "issue-comment"),
    ("issues/1/reactions", "reaction"),
    ("labels", "label"),
    ("labels/bug", "label"),
    ("pulls", "pull-request-simple"),
    ("pulls/2", "pull-request"),
    ("pulls/2/files", "diff-entry"),
    ("pulls/2/commits", "commit"),
    ("pulls/2/reviews", "pull-request-review"),
    ("pulls/2/comments", "pull-request-review-comment"),
    ("commits/topic", "commit"),
    ("commits/topic/check-runs", "check-run"),
    ("commits/topic/check-suites", "check-suite"),
    ("commits/topic/statuses", "status"),
    ("commits/topic/status", "combined-commit-status"),
    ("compare/main...topic", "commit-comparison"),
    ("branches", "short-branch"),
    ("branches/main", "branch-with-protection"),
    ("contents/a.txt", "content-file"),
    ("environments/models", "environment"),
    ("git/ref/heads/main", "git-ref"),
    ("git/matching-refs/heads/", "git-ref"),
    ("git/trees/main", "git-tree"),
    ("collaborators", "collaborator"),
    ("collaborators/hubot/permission", "repository-collaborator-permission"),
    ("hooks", "hook"),
    ("/user", "public-user"),
    ("/rate_limit", "rate-limit-overview"),
    ("issues/99", "basic-error"),
]


@pytest.mark.parametrize(("path", "schema"), ROUTES)
def test_reply(api: httpx.Client, schemas: Registry[Any], path: str, schema: str) -> None:
    url = path if path.startswith("/") else f"{BASE}/{path}"
    body = api.get(url.rstrip("/") if not path.endswith("/") else url).json()
    if isinstance(body, dict) and isinstance(next(iter(body.values())), int) and len(body) == 2:
        body = next(value for value in body.values() if isinstance(value, list))
    items = body if isinstance(body, list) else [body]
    assert items
    reference = {"$ref": f"urn:github#/components/schemas/{schema}"}
    validator = Draft202012Validator(reference, registry=schemas)
    errors = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for item in items
        for error in validator.iter_errors(item)
    ]
    assert errors == []

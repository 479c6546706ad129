"""What each kind of credential may do."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from .conftest import REPO, Hub


@pytest.mark.parametrize(
    ("permissions", "line", "body", "status"),
    [
        ({"issues": "read"}, "POST issues/1/labels", {"labels": ["bug"]}, 403),
        ({"issues": "write"}, "POST issues/1/labels", {"labels": ["bug"]}, 200),
        ({"issues": "write"}, "POST issues/1/comments", {"body": "hi"}, 201),
        ({"pull-requests": "write"}, "POST issues/1/comments", {"body": "hi"}, 403),
        ({"issues": "write"}, "POST issues", {"title": "x"}, 201),
        ({"contents": "read"}, "PUT contents/a", {"message": "m", "content": "YQ=="}, 403),
        ({"contents": "write"}, "PUT contents/a", {"message": "m", "content": "YQ=="}, 201),
        ({"statuses": "write"}, "POST statuses/SHA", {"state": "success"}, 201),
        ({}, "POST statuses/SHA", {"state": "success"}, 403),
        ({"checks": "write"}, "POST check-runs", {"name": "c", "head_sha": "SHA"}, 201),
        ({}, "GET issues", None, 200),  # a public repository
        ({}, "GET hooks", None, 403),
        ({"metadata": "read"}, "GET collaborators/hubot/permission", None, 200),
    ],
)
def test_job_token(
    hub: Hub, permissions: dict[str, str], line: str, body: object, status: int
) -> None:
    owner = hub.api(hub.token())
    owner.post("issues", title="One")
    sha = owner.get("branches/main").json()["commit"]["sha"]
    if isinstance(body, dict) and "head_sha" in body:
        body = body | {"head_sha": sha}
    api = hub.api(hub.job(**permissions))
    method, path = line.replace("SHA", sha).split()
    reply = api.send(method, path, body)
    assert reply.status_code == status, reply.text
    if status == 403:
        assert reply.json()["message"] == "Resource not accessible by integration"


def test_job_token_is_limited_to_its_repository(hub: Hub) -> None:
    hub.server.world.create_repository("octocat/secret", private=True)
    api = hub.api(hub.job(issues="write", contents="write"))
    assert api.get("/repos/octocat/secret").status_code == 404
    assert api.post("/repos/octocat/secret/issues", title="x").status_code == 404


def test_job_token_reads_private_scopes_only_with_the_right(hub: Hub) -> None:
    hub.repo.private = True
    assert hub.api(hub.job(contents="read")).get("issues").status_code == 403
    assert hub.api(hub.job(issues="read")).get("issues").status_code == 200


def test_pull_request_permission_covers_its_conversation(hub: Hub) -> None:
    hub.commit("topic", a__txt="1")
    owner = hub.api(hub.token())
    owner.post("pulls", title="P", head="topic", base="main")
    api = hub.api(hub.job(pull_requests="write"))
    assert api.post("issues/1/comments", body="hi").status_code == 201
    assert api.post("issues/1/labels", labels=["bug"]).status_code == 200


def test_actions_may_be_forbidden_to_open_pull_requests(hub: Hub) -> None:
    hub.commit("topic", a__txt="1")
    hub.repo.actions_may_create_pulls = False
    api = hub.api(hub.job(pull_requests="write"))
    reply = api.post("pulls", title="P", head="topic", base="main")
    assert reply.status_code == 403
    assert "not permitted to create or approve" in reply.json()["message"]


def test_bots_have_their_suffix_in_rest_only(hub: Hub) -> None:
    token = hub.job(issues="write")
    author = hub.api(token).post("issues", title="By a job").json()["user"]
    assert (author["login"], author["type"]) == ("github-actions[bot]", "Bot")
    query = '{repository(owner:"octocat",name:"hello"){issue(number:1){author{login __typename}}}}'
    shown = hub.graphql(token, query)["data"]["repository"]["issue"]["author"]
    assert shown == {"login": "github-actions", "__typename": "Bot"}


def test_people(hub: Hub) -> None:
    stranger, nobody = hub.api(hub.token("stranger")), hub.api(None)
    assert stranger.post("issues", title="Any reader may").status_code == 201
    assert stranger.post("issues/1/labels", labels=["bug"]).status_code == 403
    assert stranger.get("collaborators/hubot/permission").status_code == 403
    assert stranger.put("contents/a", message="m", content="YQ==").status_code == 404
    assert nobody.get("issues").status_code == 200
    assert nobody.get("/user").status_code == 401
    assert nobody.post("issues", title="x").status_code == 401
    assert hub.api("ghp_wrong").get().json()["message"] == "Bad credentials"
    hub.repo.private = True
    assert stranger.get().status_code == 404
    assert nobody.get().status_code == 404


def test_permission_levels(hub: Hub) -> None:
    hub.repo.collaborators["stranger"] = "triage"
    api = hub.api(hub.token())
    shown = {
        login: (reply["permission"], reply["role_name"])
        for login in ("octocat", "hubot", "stranger")
        for reply in [api.get(f"collaborators/{login}/permission").json()]
    }
    assert shown == {
        "octocat": ("admin", "admin"),
        "hubot": ("write", "write"),
        "stranger": ("read", "triage"),
    }
    assert api.get("collaborators/hubot").status_code == 204
    assert api.get("collaborators/nobody").status_code == 404


def test_tokens_expire(hub: Hub) -> None:
    expires = hub.server.world.now() + timedelta(hours=1)
    api = hub.api(hub.token(expires_at=expires))
    assert api.get("/user").status_code == 200
    hub.server.world.clock.advance(3601)
    assert api.get("/user").status_code == 401


def test_app_installation_token(hub: Hub) -> None:
    app = hub.server.world.add_app("factory")
    claims = base64.urlsafe_b64encode(json.dumps({"iss": app.id}).encode()).decode().rstrip("=")
    as_app = hub.api(f"e30.{claims}.c2ln")
    installation = as_app.get("installation").json()["id"]
    made = as_app.post(
        f"/app/installations/{installation}/access_tokens",
        repositories=["hello"],
        permissions={"contents": "write"},
    )
    assert made.status_code == 201
    assert made.json()["permissions"] == {"contents": "write"}
    api = hub.api(made.json()["token"])
    assert api.put("contents/a", message="m", content="YQ==").status_code == 201
    assert api.post("issues", title="x").status_code == 403
    assert api.delete("/installation/token").status_code == 204
    assert api.get(f"/repos/{REPO}").status_code == 401

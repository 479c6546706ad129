"""REST resources, and what every reply has."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from ao_actions.localgithub.server import Fault, LocalGitHub

from .conftest import REPO, Api, Hub


def test_pagination(octocat: Api) -> None:
    for number in range(7):
        octocat.post("issues", title=f"Issue {number}")
    first = octocat.get("issues?per_page=3&sort=created&direction=asc")
    links = dict(re.findall(r'<([^>]+)>; rel="(\w+)"', first.headers["link"]))
    by_name = {name: url for url, name in links.items()}
    assert set(by_name) == {"next", "last"}
    last = octocat.client.get(by_name["last"])
    assert [issue["number"] for issue in last.json()] == [7]
    names = re.findall(r'rel="(\w+)"', last.headers["link"])
    assert names == ["prev", "first"]
    assert len(octocat.get("issues?per_page=1000").json()) == 7


def test_headers_etag_and_rate_limit(octocat: Api) -> None:
    reply = octocat.get()
    assert reply.headers["x-ratelimit-limit"] == "5000"
    assert reply.headers["x-github-request-id"]
    used = int(reply.headers["x-ratelimit-used"])
    again = octocat.get(headers={"If-None-Match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert int(again.headers["x-ratelimit-used"]) == used
    assert octocat.get("/rate_limit").json()["resources"]["core"]["used"] == used


def test_rate_limit_ends(hub: Hub, octocat: Api) -> None:
    hub.server.app.limits.per_hour["user"] = 2
    assert [octocat.get().status_code for _ in range(3)] == [200, 200, 403]
    hub.server.world.clock.advance(3601)
    assert octocat.get().status_code == 200


def test_unknown_route_is_loud(octocat: Api) -> None:
    reply = octocat.get("milestones")
    assert reply.status_code == 501
    assert "GET /repos/octocat/hello/milestones" in reply.json()["message"]


def test_fault_for_a_test(hub: Hub, octocat: Api) -> None:
    hub.server.app.faults.append(Fault("GET", ".*/issues", 502, {"message": "Server Error"}))
    assert [octocat.get("issues").status_code for _ in range(2)] == [502, 200]


def test_urls_follow_the_host(hub: Hub, octocat: Api) -> None:
    url = hub.server.api_url.replace("127.0.0.1", "localhost")
    reply = httpx.get(f"{url}/repos/{REPO}", trust_env=False)
    assert reply.json()["url"] == f"{url}/repos/{REPO}"


def test_issue_filters(octocat: Api) -> None:
    octocat.post("issues", title="a", labels=["bug"], assignees=["hubot"])
    octocat.post("issues", title="b", labels=["bug", "ao:ready"])
    octocat.post("issues", title="c")
    octocat.patch("issues/3", state="closed", state_reason="not_planned")

    def numbers(query: str) -> list[int]:
        return [each["number"] for each in octocat.get(f"issues?{query}").json()]

    assert numbers("labels=bug,ao:ready") == [2]
    assert numbers("labels=bug&direction=asc") == [1, 2]
    assert numbers("assignee=hubot") == [1]
    assert numbers("assignee=none") == [2]
    assert numbers("state=closed") == [3]
    assert octocat.get("issues/3").json()["state_reason"] == "not_planned"


def test_labels(octocat: Api) -> None:
    assert octocat.post("labels", name="ao:ready", color="0E8A16").status_code == 201
    again = octocat.post("labels", name="AO:ready", color="000000")
    assert again.json()["errors"][0]["code"] == "already_exists"
    octocat.post("issues", title="x", labels=["ao:ready"])
    octocat.patch("labels/ao:ready", new_name="ao:go")
    assert [each["name"] for each in octocat.get("issues/1/labels").json()] == ["ao:go"]
    gone = octocat.delete("issues/1/labels/bug")
    assert (gone.status_code, gone.json()["message"]) == (404, "Label does not exist")
    assert octocat.delete("labels/ao:go").status_code == 204
    assert octocat.get("issues/1").json()["labels"] == []
    events = [each["event"] for each in octocat.get("issues/1/events").json()]
    assert events == ["labeled", "unlabeled"]


def test_comments_and_reactions(octocat: Api, hubot: Api) -> None:
    octocat.post("issues", title="x")
    said = hubot.post("issues/1/comments", body="hello").json()
    path = f"issues/comments/{said['id']}"
    assert octocat.post(f"{path}/reactions", content="+1").status_code == 201
    assert octocat.post(f"{path}/reactions", content="+1").status_code == 200
    assert octocat.get(path).json()["reactions"]["+1"] == 1
    assert hubot.patch(path, body="changed").json()["body"] == "changed"
    assert octocat.delete(path).status_code == 204
    assert octocat.get("issues/1").json()["comments"] == 0


def test_sub_issues_and_dependencies_by_database_id(octocat: Api) -> None:
    ids = [octocat.post("issues", title=f"i{n}").json()["id"] for n in range(3)]
    assert octocat.post("issues/1/sub_issues", sub_issue_id=ids[1]).status_code == 201
    assert octocat.get("issues/2/parent").json()["number"] == 1
    assert octocat.post("issues/2/sub_issues", sub_issue_id=ids[0]).status_code == 422
    assert octocat.post("issues/1/dependencies/blocked_by", issue_id=ids[2]).status_code == 201
    assert octocat.get("issues/1").json()["issue_dependencies_summary"]["blocked_by"] == 1
    octocat.patch("issues/3", state="closed")
    summary = octocat.get("issues/1").json()["issue_dependencies_summary"]
    assert (summary["blocked_by"], summary["total_blocked_by"]) == (0, 1)
    assert octocat.delete(f"issues/1/dependencies/blocked_by/{ids[2]}").status_code == 200


def test_refs_as_locks(hub: Hub, octocat: Api) -> None:
    tip = octocat.get("branches/main").json()["commit"]["sha"]
    name = "refs/ao/locks/7"
    assert octocat.post("git/refs", ref=name, sha=tip).status_code == 201
    again = octocat.post("git/refs", ref=name, sha=tip)
    assert (again.status_code, again.json()["message"]) == (422, "Reference already exists")
    other = hub.commit("side", x="1")
    child = hub.commit("side", x="2")
    assert octocat.patch("git/refs/ao/locks/7", sha=child).status_code == 200
    back = octocat.patch("git/refs/ao/locks/7", sha=other)
    assert (back.status_code, back.json()["message"]) == (422, "Update is not a fast forward")
    assert octocat.patch("git/refs/ao/locks/7", sha=other, force=True).status_code == 200
    found = octocat.get("git/matching-refs/ao/locks/").json()
    assert [each["ref"] for each in found] == [name]
    assert octocat.delete("git/refs/ao/locks/7").status_code == 204
    assert octocat.get("git/ref/ao/locks/7").status_code == 404


def test_git_objects(octocat: Api) -> None:
    tip = octocat.get("branches/main").json()["commit"]
    entry = {"path": "made/by.txt", "mode": "100644", "type": "blob", "content": "api"}
    tree = octocat.post("git/trees", base_tree=tip["commit"]["tree"]["sha"], tree=[entry])
    made = octocat.post("git/commits", message="m", tree=tree.json()["sha"], parents=[tip["sha"]])
    assert octocat.patch("git/refs/heads/main", sha=made.json()["sha"]).status_code == 200
    file = octocat.get("contents/made/by.txt").json()
    assert (file["content"], file["encoding"]) == ("YXBp\n", "base64")
    raw = octocat.get("contents/made/by.txt", headers={"Accept": "application/vnd.github.raw"})
    assert raw.text == "api"
    assert {each["name"] for each in octocat.get("contents").json()} >= {"made", "README.md"}
    stale = octocat.put("contents/made/by.txt", message="m", content="eA==", sha="0" * 40)
    assert stale.status_code == 409
    as_sha = {"Accept": "application/vnd.github.sha"}
    assert octocat.get("commits/main", headers=as_sha).text == made.json()["sha"]
    compared = octocat.get(f"compare/{tip['sha']}...main").json()
    assert (compared["status"], compared["ahead_by"]) == ("ahead", 1)


def test_statuses_and_checks(hub: Hub, octocat: Api) -> None:
    sha = hub.commit("topic", x="1")
    octocat.post(f"statuses/{sha}", state="pending", context="a")
    octocat.post(f"statuses/{sha}", state="success", context="a")
    assert octocat.get("commits/topic/status").json()["state"] == "success"
    assert octocat.post("check-runs", name="c", head_sha=sha).status_code == 403
    job = hub.api(hub.job(checks="write"))
    run = job.post("check-runs", name="c", head_sha=sha, status="in_progress").json()
    note = {
        "path": "x",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "failure",
        "message": "bad",
    }
    output = {"title": "t", "summary": "s", "annotations": [note]}
    done = job.patch(f"check-runs/{run['id']}", conclusion="failure", output=output).json()
    assert (done["status"], done["output"]["annotations_count"]) == ("completed", 1)
    listed = octocat.get("commits/topic/check-runs").json()
    assert [each["conclusion"] for each in listed["check_runs"]] == ["failure"]
    notes = octocat.get(f"check-runs/{run['id']}/annotations").json()
    assert notes[0]["message"] == "bad"
    suites = octocat.get("commits/topic/check-suites").json()["check_suites"]
    assert suites[0]["conclusion"] == "failure"


def test_search(hub: Hub, octocat: Api) -> None:
    octocat.post("issues", title="Crash on start", labels=["bug"])
    hub.commit("topic", x="1")
    octocat.post("pulls", title="Mend it", head="topic", base="main")

    def numbers(query: str) -> list[int]:
        reply = octocat.get("/search/issues", params={"q": f"repo:{REPO} {query}"})
        return [each["number"] for each in reply.json()["items"]]

    assert numbers("is:issue label:bug") == [1]
    assert numbers("is:pr head:topic") == [2]
    assert numbers("crash") == [1]
    assert octocat.get("/search/issues?q=sha:1").status_code == 422


def test_restart_serves_the_same_world(tmp_path: Path) -> None:
    root = tmp_path / "world"
    with LocalGitHub(root, actions=False) as server:
        server.world.add_user("octocat")
        token = server.world.add_token("octocat").value
        server.world.create_repository(REPO)
        headers = {"Authorization": f"token {token}"}
        with httpx.Client(base_url=server.api_url, headers=headers, trust_env=False) as client:
            content = {"message": "m", "content": "YQ=="}
            client.put(f"/repos/{REPO}/contents/a", json=content)
            client.post(f"/repos/{REPO}/issues", json={"title": "Kept", "labels": ["bug"]})
            client.post(f"/repos/{REPO}/issues/1/comments", json={"body": "also"})
            before = client.get(f"/repos/{REPO}/issues/1").json()
    with LocalGitHub(root, actions=False) as server:
        with httpx.Client(base_url=server.api_url, headers=headers, trust_env=False) as client:
            after = client.get(f"/repos/{REPO}/issues/1").json()
            assert client.get(f"/repos/{REPO}/branches/main").status_code == 200
            assert client.post(f"/repos/{REPO}/issues", json={"title": "x"}).json()["number"] == 2
        stable = ("id", "title", "created_at", "comments", "node_id")
        assert {key: after[key] for key in stable} == {key: before[key] for key in stable}

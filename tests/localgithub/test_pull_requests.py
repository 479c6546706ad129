"""The life of a pull request through the REST API."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub.model import Event, Protection

from .conftest import Api, Clone, Hub


def open_pull(hub: Hub, api: Api, branch: str = "topic", **options: Any) -> dict[str, Any]:
    hub.commit(branch, notes__txt="one\ntwo\nthree\nfour\n")
    reply = api.post("pulls", title="Add four", head=branch, base="main", **options)
    assert reply.status_code == 201, reply.text
    pull: dict[str, Any] = reply.json()
    return pull


def test_opening_and_its_refusals(hub: Hub, octocat: Api) -> None:
    pull = open_pull(hub, octocat, body="Closes #7")
    assert pull["mergeable"] is True
    assert pull["mergeable_state"] == "clean"
    assert (pull["commits"], pull["additions"], pull["changed_files"]) == (1, 1, 1)
    again = octocat.post("pulls", title="x", head="octocat:topic", base="main")
    assert again.status_code == 422
    message = "A pull request already exists for octocat:topic."
    assert again.json()["errors"][0]["message"] == message
    hub.commit("main", z="1")
    empty = octocat.post("git/refs", ref="refs/heads/empty", sha=_tip(hub, "main"))
    assert empty.status_code == 201
    none = octocat.post("pulls", title="x", head="empty", base="main")
    assert none.json()["errors"][0]["message"] == "No commits between main and empty"
    gone = octocat.post("pulls", title="x", head="gone", base="main")
    assert gone.json()["errors"][0]["field"] == "head"
    found = octocat.get("pulls?head=octocat:topic&state=all").json()
    assert [each["number"] for each in found] == [1]


def _tip(hub: Hub, branch: str) -> str:
    oid = hub.server.world.ref_oid("octocat/hello", f"refs/heads/{branch}")
    assert oid
    return oid


def test_merge_closes_the_issue(hub: Hub, octocat: Api) -> None:
    seen: list[Event] = []
    hub.server.world.subscribe(seen.append)
    octocat.post("issues", title="Four is missing")
    pull = open_pull(hub, octocat, body="Fixes #1")
    wrong = octocat.put("pulls/2/merge", sha="0" * 40)
    assert wrong.status_code == 409
    merged = octocat.put("pulls/2/merge", sha=pull["head"]["sha"], merge_method="squash")
    assert merged.json()["merged"] is True
    assert _tip(hub, "main") == merged.json()["sha"]
    assert octocat.get("issues/1").json()["state"] == "closed"
    after = octocat.get("pulls/2").json()
    assert (after["merged"], after["merged_by"]["login"]) == (True, "octocat")
    assert octocat.put("pulls/2/merge").status_code == 405
    hub.server.world.drain()
    names = [(event.name, event.action) for event in seen]
    assert names[-3:] == [("pull_request", "closed"), ("issues", "closed"), ("push", None)]


def test_conflict_and_its_end(hub: Hub, octocat: Api, work: Clone) -> None:
    pull = open_pull(hub, octocat)
    hub.commit("main", notes__txt="one\ntwo\nthree\nFOUR\n")
    blocked = octocat.get("pulls/1").json()
    assert (blocked["mergeable"], blocked["mergeable_state"]) == (False, "dirty")
    assert octocat.put("pulls/1/merge").status_code == 405
    assert hub.server.world.ref_oid("octocat/hello", "refs/pull/1/merge") is None
    seen: list[Event] = []
    hub.server.world.subscribe(seen.append)
    work.git("fetch", "-q")
    work.git("checkout", "-q", "topic")
    work.run("merge", "-q", "-X", "ours", "origin/main")
    work.git("push", "-q")
    hub.server.world.drain()
    event = next(each for each in seen if each.name == "pull_request")
    assert event.action == "synchronize"
    assert event.payload["before"] == pull["head"]["sha"]
    assert event.sha == hub.server.world.ref_oid("octocat/hello", "refs/pull/1/merge")
    assert octocat.get("pulls/1").json()["mergeable"] is True


def test_protection_blocks_until_green_and_approved(hub: Hub, octocat: Api, hubot: Api) -> None:
    hub.repo.protection["main"] = Protection(["ci"], 1, require_conversation_resolution=True)
    pull = open_pull(hub, octocat)
    sha = pull["head"]["sha"]
    assert pull["mergeable_state"] == "blocked"
    octocat.post(f"statuses/{sha}", state="success", context="ci")
    own = octocat.post("pulls/1/reviews", event="APPROVE")
    assert own.status_code == 422
    assert own.json()["errors"] == ["Can not approve your own pull request"]
    hubot.post("pulls/1/reviews", event="REQUEST_CHANGES", body="no")
    assert octocat.put("pulls/1/merge").status_code == 405
    comments = [{"path": "notes.txt", "line": 4, "body": "why?"}]
    hubot.post("pulls/1/reviews", event="APPROVE", comments=comments)
    assert octocat.get("pulls/1").json()["mergeable_state"] == "blocked"
    query = (
        '{repository(owner:"octocat",name:"hello"){pullRequest(number:1){reviewDecision '
        "reviewThreads(first:9){nodes{id}}}}}"
    )
    shown = hub.graphql(hub.token(), query)["data"]["repository"]["pullRequest"]
    assert shown["reviewDecision"] == "APPROVED"
    thread = shown["reviewThreads"]["nodes"][0]["id"]
    mutation = (
        "mutation($id:ID!){resolveReviewThread(input:{threadId:$id})"
        "{thread{isResolved resolvedBy{login}}}}"
    )
    resolved = hub.graphql(hub.token(), mutation, id=thread)["data"]["resolveReviewThread"]
    assert resolved["thread"] == {"isResolved": True, "resolvedBy": {"login": "octocat"}}
    assert octocat.put("pulls/1/merge").status_code == 200


def test_auto_merge_waits_for_the_check(hub: Hub, octocat: Api) -> None:
    hub.repo.protection["main"] = Protection(["ci"])
    pull = open_pull(hub, octocat)
    mutation = (
        "mutation($id:ID!){enablePullRequestAutoMerge(input:{pullRequestId:$id,"
        "mergeMethod:SQUASH}){pullRequest{autoMergeRequest{mergeMethod}}}}"
    )
    enabled = hub.graphql(hub.token(), mutation, id=pull["node_id"])
    assert "errors" not in enabled
    octocat.post(f"statuses/{pull['head']['sha']}", state="success", context="ci")
    hub.server.world.drain()
    assert octocat.get("pulls/1").json()["merged"] is True


def test_reviews_threads_and_replies(hub: Hub, octocat: Api, hubot: Api) -> None:
    open_pull(hub, octocat)
    octocat.post("pulls/1/requested_reviewers", reviewers=["hubot"])
    outside = [{"path": "notes.txt", "line": 99, "body": "x"}]
    refused = hubot.post("pulls/1/reviews", event="COMMENT", comments=outside)
    assert refused.status_code == 422
    comments = [{"path": "notes.txt", "line": 4, "body": "why?"}]
    hubot.post("pulls/1/reviews", event="COMMENT", body="see", comments=comments)
    assert octocat.get("pulls/1/requested_reviewers").json()["users"] == []
    first = octocat.get("pulls/1/comments").json()[0]
    assert first["diff_hunk"].endswith("+four")
    reply = octocat.post(f"pulls/1/comments/{first['id']}/replies", body="because")
    assert reply.json()["in_reply_to_id"] == first["id"]
    query = (
        '{repository(owner:"octocat",name:"hello"){pullRequest(number:1){'
        "reviewThreads(first:5){nodes{isOutdated comments(first:5){nodes{body}}}}}}}"
    )
    shown = hub.graphql(hub.token(), query)["data"]["repository"]["pullRequest"]
    bodies = [each["body"] for each in shown["reviewThreads"]["nodes"][0]["comments"]["nodes"]]
    assert bodies == ["why?", "because"]
    hub.commit("topic", notes__txt="changed\n")
    again = hub.graphql(hub.token(), query)["data"]["repository"]["pullRequest"]
    assert again["reviewThreads"]["nodes"][0]["isOutdated"] is True


def test_closed_by_its_branch_and_reopened(hub: Hub, octocat: Api) -> None:
    pull = open_pull(hub, octocat)
    assert octocat.delete("git/refs/heads/topic").status_code == 204
    assert octocat.get("pulls/1").json()["state"] == "closed"
    assert octocat.patch("pulls/1", state="open").status_code == 422
    octocat.post("git/refs", ref="refs/heads/topic", sha=pull["head"]["sha"])
    assert octocat.patch("pulls/1", state="open").json()["state"] == "open"
    assert octocat.patch("pulls/1", state="closed", title="New").json()["title"] == "New"


def test_update_branch_and_diff(hub: Hub, octocat: Api) -> None:
    open_pull(hub, octocat)
    hub.commit("main", other__txt="1")
    assert octocat.put("pulls/1/update-branch").status_code == 202
    assert len(octocat.get("pulls/1/commits").json()) == 2
    accept = {"Accept": "application/vnd.github.v3.diff"}
    assert "+four" in octocat.get("pulls/1", headers=accept).text
    assert [each["filename"] for each in octocat.get("pulls/1/files").json()] == ["notes.txt"]


def test_rebase_keeps_the_commits(hub: Hub, octocat: Api) -> None:
    open_pull(hub, octocat)
    hub.commit("topic", second__txt="2")
    hub.commit("main", other__txt="1")
    assert octocat.put("pulls/1/merge", merge_method="rebase").status_code == 200
    messages = [each["commit"]["message"] for each in octocat.get("commits").json()]
    assert messages[:3] == ["Change second.txt", "Change notes.txt", "Change other.txt"]


def test_pushing_the_head_to_the_base_merges_indirectly(
    hub: Hub, octocat: Api, work: Clone
) -> None:
    open_pull(hub, octocat)
    work.git("fetch", "-q")
    work.git("push", "-q", "origin", "origin/topic:refs/heads/main")
    assert octocat.get("pulls/1").json()["merged"] is True

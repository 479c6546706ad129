"""The real git against the local GitHub."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ao_actions.localgithub.model import Event

from .conftest import Api, Clone, Hub, clone


def test_clone_push_fetch(hub: Hub, work: Clone, octocat: Api) -> None:
    work.git("checkout", "-qb", "topic")
    oid = work.commit("new.txt", "x" * 2_000_000)  # large enough to come chunked
    work.git("push", "-q", "origin", "topic")
    assert octocat.get("branches/topic").json()["commit"]["sha"] == oid
    api_oid = hub.commit("topic", other__txt="by the API")
    work.git("fetch", "-q", "origin", "topic")
    assert work.git("rev-parse", "FETCH_HEAD") == api_oid


def test_shallow_and_partial_fetch_by_sha(hub: Hub, work: Clone, tmp_path: Path) -> None:
    oid = hub.commit("main", more__txt="more")
    work.git("fetch", "-q", "--depth=1", "origin", oid)
    target = str(tmp_path / "partial")
    work.git("clone", "-q", "--filter=blob:none", hub.remote(hub.token()), target)


def test_eight_racing_pushes_of_one_ref_have_one_winner(hub: Hub, tmp_path: Path) -> None:
    copies = [clone(hub, hub.token(), tmp_path / f"c{number}") for number in range(8)]
    for number, copy in enumerate(copies):
        copy.commit("lock", f"holder {number}")
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda c: c.run("push", "-q", "origin", "HEAD:refs/ao/lock"), copies))
    winners = [copy for copy, push in zip(copies, done, strict=True) if push.returncode == 0]
    assert len(winners) == 1
    oid = hub.server.world.ref_oid("octocat/hello", "refs/ao/lock")
    assert oid == winners[0].git("rev-parse", "HEAD")


def test_atomic_push_with_two_leases(hub: Hub, work: Clone) -> None:
    main = work.git("rev-parse", "HEAD")
    work.git("push", "-q", "origin", f"{main}:refs/ao/ledger")
    oid = work.commit("a", "1")

    def push(ledger_lease: str) -> int:
        return work.run(
            "push",
            "--atomic",
            "--force-with-lease=refs/heads/task:",
            f"--force-with-lease=refs/ao/ledger:{ledger_lease}",
            "origin",
            f"{oid}:refs/heads/task",
            f"{oid}:refs/ao/ledger",
        ).returncode

    world = hub.server.world
    assert push(oid) != 0
    assert world.ref_oid("octocat/hello", "refs/heads/task") is None
    assert push(main) == 0
    assert world.ref_oid("octocat/hello", "refs/ao/ledger") == oid


def test_only_branches_and_tags_cause_events(hub: Hub, work: Clone) -> None:
    seen: list[Event] = []
    hub.server.world.subscribe(seen.append)
    work.commit("a", "1")
    work.git("push", "-q", "origin", "HEAD:refs/ao/x", "HEAD:refs/heads/b", "HEAD:refs/tags/v1")
    hub.server.world.drain()
    assert sorted((event.name, event.ref) for event in seen) == [
        ("create", "refs/heads/b"),
        ("create", "refs/tags/v1"),
        ("push", "refs/heads/b"),
        ("push", "refs/tags/v1"),
    ]
    push = next(event for event in seen if event.name == "push")
    assert push.actor == "octocat"
    assert push.caused_by == "user"
    assert push.payload["head_commit"]["added"] == ["a"]


def test_who_may_push_and_read(hub: Hub, work: Clone) -> None:
    work.commit("a", "1")

    def push(token: str | None) -> str:
        done = work.run("push", hub.remote(token), "HEAD:refs/heads/x", "--force")
        return done.stderr if done.returncode else "ok"

    assert "denied to stranger" in push(hub.token("stranger"))
    assert "denied to github-actions[bot]" in push(hub.job(contents="read"))
    assert "terminal prompts disabled" in push(None)
    assert push(hub.job(contents="write")) == "ok"
    hub.repo.private = True
    assert "not found" in work.run("ls-remote", hub.remote(hub.token("stranger"))).stderr
    assert work.run("ls-remote", hub.remote(None)).returncode != 0
    assert work.run("ls-remote", hub.remote(hub.token("hubot"))).returncode == 0


def test_extraheader_authenticates(hub: Hub, work: Clone) -> None:
    import base64

    pair = base64.b64encode(f"x-access-token:{hub.token()}".encode()).decode()
    header = f"http.extraheader=AUTHORIZATION: basic {pair}"
    work.git("-c", header, "push", "-q", hub.remote(None), "HEAD:refs/heads/y")


def test_job_token_changes_no_workflow(hub: Hub, work: Clone) -> None:
    remote = hub.remote(hub.job(contents="write"))
    work.commit(".github/workflows/ci.yml", "on: push\n")
    refused = work.run("push", remote, "HEAD:refs/heads/z")
    assert "refusing to allow a GitHub App to create or update workflow" in refused.stderr
    assert ".github/workflows/ci.yml" in refused.stderr
    assert hub.server.world.ref_oid("octocat/hello", "refs/heads/z") is None
    work.git("push", "-q", "origin", "HEAD:refs/heads/main")
    work.commit("code.py", "1")
    work.git("push", "-q", remote, "HEAD:refs/heads/z")


def test_protected_branch_takes_no_push_from_collaborators(hub: Hub, work: Clone) -> None:
    from ao_actions.localgithub.model import Protection

    hub.repo.protection["main"] = Protection(required_approvals=1)
    work.commit("a", "1")
    refused = work.run("push", hub.remote(hub.token("hubot")), "HEAD:main")
    assert "GH006" in refused.stderr
    work.git("push", "-q", "origin", "HEAD:main")  # the owner is an administrator


def test_pull_refs_are_hidden_from_pushes(hub: Hub, work: Clone) -> None:
    refused = work.run("push", "origin", "HEAD:refs/pull/1/head")
    assert "hidden ref" in refused.stderr


def test_first_branch_of_an_empty_repository_is_its_default(hub: Hub, work: Clone) -> None:
    hub.server.world.create_repository("octocat/empty")
    work.git("push", "-q", hub.remote(hub.token(), "octocat/empty"), "HEAD:refs/heads/trunk")
    assert hub.server.world.repositories["octocat/empty"].default_branch == "trunk"
    listed = subprocess.run(
        ["git", "ls-remote", "--symref", hub.remote(hub.token(), "octocat/empty"), "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "refs/heads/trunk" in listed.stdout


def test_git_operations_are_counted_once(hub: Hub, work: Clone) -> None:
    before = hub.server.world.requests["git"]
    work.git("fetch", "-q", "origin")
    assert hub.server.world.requests["git"] == before + 1

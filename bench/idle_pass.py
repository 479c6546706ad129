"""What an idle pass costs: 100 ready issues, 30 open pull requests, all slots taken."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from ao_actions.core.model import Book, Claim, Fleet, Phase, TaskRecord
from ao_actions.core.policy import Policy
from ao_actions.forge.client import Address, Client
from ao_actions.git import Git, Remote
from ao_actions.ledger import Ledger, Tip
from ao_actions.localgithub import seed
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.reconcile import Reconciler

NAME = "acme/big"
READY, PULLS = 100, 30  # of the ready issues, 30 have a pull request


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with LocalGitHub(root / "github") as hub:
            token = fill(hub)
            address = Address(api=hub.api_url, graphql=hub.graphql_url, server=hub.url)
            client = Client(NAME, token, address)
            remote = Remote(f"{hub.url}/{NAME}.git", token)
            ledger = Ledger(Git.scratch(root / "ledger.git", remote))
            policy = Policy(max_parallel=1)
            settle(client, ledger)
            reconciler = Reconciler(
                client=client, ledger=ledger, policy=policy, say=lambda _line: None
            )
            reconciler.run()  # writes labels, comments and what else is due once
            points = spent(hub, token)
            before = dict(hub.world.requests)
            started = time.perf_counter()
            done = reconciler.run()
            seconds = time.perf_counter() - started
            used = {kind: hub.world.requests[kind] - before[kind] for kind in before}
            print(f"ready issues {READY}, open pull requests {PULLS}, live claims 1")
            print(f"actions planned    {len(done.steps)}")
            print(f"requests           {used}")
            print(f"GraphQL points     {spent(hub, token) - points - 1}")
            print(f"seconds            {seconds:.2f} (the local GitHub's own time included)")


def fill(hub: LocalGitHub) -> str:
    world = hub.world
    world.add_user("maya")
    token = world.add_token("maya").value
    repo = world.create_repository(NAME)
    repo.collaborators["maya"] = "admin"
    seed.commit_files(world, repo, {"README.md": "# big\n", WORKFLOW: WORK}, "Begin")
    client = Client(NAME, token, Address(api=hub.api_url, graphql=hub.graphql_url, server=hub.url))
    for number in range(1, READY + 1):
        _, issue = client.request("POST", "issues", body={"title": f"Issue {number}"})
        labels = {"labels": ["ao:ready"]}
        client.request("POST", f"issues/{issue['number']}/labels", body=labels)
    for number in range(1, PULLS + 1):
        branch = f"ao/{number}"
        files = {f"file{number}.txt": "new\n"}
        seed.commit_files(world, repo, files, f"Change {number}", branch=branch)
        body = {"title": f"Change {number}", "head": branch, "base": "main"}
        client.request("POST", "pulls", body=body)
    return token


WORKFLOW = ".github/workflows/ao-work.yml"
WORK = "name: ao-work\non: workflow_dispatch\njobs:\n  a:\n    runs-on: ubuntu-latest\n"
WORK += "    steps:\n      - run: sleep 600\n"


def settle(client: Client, ledger: Ledger) -> None:
    """A ledger in which the pull requests are ours and one task is claimed."""
    now = datetime.now(UTC)
    tasks = {}
    for number in range(1, PULLS + 1):
        head = client.get(f"git/ref/heads/ao/{number}")["object"]["sha"]
        tasks[number] = TaskRecord(
            issue=number,
            epoch=number,
            branch=f"ao/{number}",
            owner="maya",
            published=(head,),
            created_at=now,
        )
    claim = Claim(
        reason=Phase.QUEUED,
        agent="command",
        claimed_at=now,
        expires_at=now.replace(year=now.year + 1),
        base="main",
    )
    tasks[PULLS + 1] = TaskRecord(
        issue=PULLS + 1, epoch=99, branch="ao/x", owner="maya", claim=claim, created_at=now
    )
    book = Book(fleet=Fleet(epoch=99), tasks=tasks)
    assert ledger.push(ledger.draft(Tip("", Book()), book, ["a benchmark begins"], at=now))


def spent(hub: LocalGitHub, token: str) -> int:
    """GraphQL points used so far by this token."""
    address = Address(api=hub.api_url, graphql=hub.graphql_url, server=hub.url)
    data, _ = Client(NAME, token, address).graphql("{ rateLimit { used } }")
    return int(data["rateLimit"]["used"])


if __name__ == "__main__":
    main()

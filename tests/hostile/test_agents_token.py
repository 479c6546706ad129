"""What the token of the agent's job can do in somebody else's hands: read, and nothing else.

The agent does not get to see this token. These cases say what it would be good for if it did:
its rights are those that the generated workflow gives, on a GitHub that heeds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import yaml

from ao_actions.bookfiles import FINISHED, LEDGER
from ao_actions.errors import GitError
from ao_actions.git import Git, Remote
from tests.integration.conftest import NAME, Factory, founded
from tests.setup.cases import GOLDEN

PUSHED = {
    "the ledger": LEDGER,
    "the finished tasks": FINISHED,
    "the task's branch": "refs/heads/ao/1",
    "the default branch": "refs/heads/main",
    "a new branch": "refs/heads/ao/99",
    "a tag": "refs/tags/v1",
    "a ref of its own": "refs/ao/other",
}

# verb, path ({head}: a commit of the repository), body
CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a ref is made": ("POST", "git/refs", {"ref": "refs/ao/ledger2", "sha": "{head}"}),
    "the ledger is moved": ("PATCH", "git/refs/ao/ledger", {"sha": "{head}", "force": True}),
    "the ledger is deleted": ("DELETE", "git/refs/ao/ledger", {}),
    "the branch is deleted": ("DELETE", "git/refs/heads/ao/1", {}),
    "a blob is made": ("POST", "git/blobs", {"content": "x"}),
    "a file is written": (
        "PUT",
        "contents/evil.txt",
        {"message": "m", "content": "eA==", "branch": "main"},
    ),
    "a pull request is opened": (
        "POST",
        "pulls",
        {"title": "t", "head": "ao/1", "base": "main", "body": ""},
    ),
    "the pull request is merged": ("PUT", "pulls/2/merge", {}),
    "the pull request is closed": ("PATCH", "pulls/2", {"state": "closed"}),
    "a review approves": ("POST", "pulls/2/reviews", {"event": "APPROVE"}),
    "a comment is posted": ("POST", "issues/1/comments", {"body": "/ao budget 1000"}),
    "a label is put on": ("POST", "issues/1/labels", {"labels": ["ao:allow"]}),
    "the label is taken off": ("DELETE", "issues/1/labels/ao:ready", {}),
    "the issue is edited": ("PATCH", "issues/1", {"body": "Do as I say."}),
    "somebody is assigned": ("POST", "issues/1/assignees", {"assignees": ["maya"]}),
    "a status is forged": ("POST", "statuses/{head}", {"state": "success", "context": "ci"}),
    "a check is forged": ("POST", "check-runs", {"name": "ci", "head_sha": "{head}"}),
    "an attempt is dispatched": (
        "POST",
        "actions/workflows/ao-work.yml/dispatches",
        {"ref": "main", "inputs": {"task": "1", "epoch": "9", "reason": "queued"}},
    ),
    "a run is cancelled": ("POST", "actions/runs/{run}/cancel", {}),
    "a run is started again": ("POST", "actions/runs/{run}/rerun", {}),
    "a variable is set": ("POST", "actions/variables", {"name": "AO_STOP", "value": "0"}),
    "a repository event is sent": ("POST", "dispatches", {"event_type": "x"}),
}


@dataclass(slots=True)
class Stolen:
    """The token, and the world that it is used on."""

    factory: Factory
    token: str
    api: httpx.Client

    def world(self) -> dict[str, object]:
        """All that must stay as it is."""
        factory = self.factory
        git = factory.hub.world.git(NAME, "for-each-ref", "--format=%(refname) %(objectname)")
        issue = factory.repo.issues[1]
        pull = factory.repo.pulls[2]
        return {
            "refs": git,
            "issue": (issue.body, sorted(issue.labels), sorted(issue.assignees), issue.state),
            "comments": [(c.id, c.body) for c in issue.comments],
            "pulls": [(p.number, p.head_sha, p.merged_at) for p in factory.pulls()],
            "pull": factory.repo.issues[pull.number].state,
            "runs": [run.id for run in factory.repo.runs],
        }


@pytest.fixture(scope="module")
def stolen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stolen]:
    with founded(tmp_path_factory.mktemp("stolen")) as factory:
        number = factory.issue()
        factory.reconcile()
        factory.publish(number, files={"src/code.py": "def answer():\n    return 42\n"})
        workflow = yaml.safe_load((GOLDEN / "token" / "ao-work.yml").read_text())
        rights = workflow["jobs"]["agent"]["permissions"]
        assert set(rights.values()) == {"read"}
        made = factory.hub.world.add_token(
            "github-actions[bot]",
            kind="job",
            repository=NAME,
            permissions=rights,
            run_id=factory.work_run(number).id,
        )
        headers = {"Authorization": f"token {made.value}"}
        base = f"{factory.hub.api_url}/repos/{NAME}/"
        with httpx.Client(base_url=base, headers=headers) as api:
            yield Stolen(factory, made.value, api)


@pytest.mark.hostile("forged ledger")
@pytest.mark.parametrize("what", PUSHED)
def test_it_pushes_nothing(stolen: Stolen, what: str) -> None:
    before = stolen.world()
    place = stolen.factory.root / what.replace(" ", "-")
    remote = Remote(f"{stolen.factory.hub.url}/{NAME}.git", stolen.token)
    git = Git.scratch(place, remote)
    git.fetch("+refs/heads/main:refs/heads/main")  # reading it may
    tree = git.run("rev-parse", "refs/heads/main^{tree}")
    forged = git.run("commit-tree", tree, "-m", "task 1: done, epoch 99")
    with pytest.raises(GitError, match=r"(?i)403|denied|not granted|forbidden"):
        git.run("push", "--quiet", "--force", remote.url, f"{forged}:{PUSHED[what]}")
    assert stolen.world() == before


@pytest.mark.hostile("job token")
@pytest.mark.parametrize("what", CALLS)
def test_it_writes_nothing(stolen: Stolen, what: str) -> None:
    before = stolen.world()
    verb, path, body = CALLS[what]
    words = {"{head}": stolen.factory.branch("main"), "{run}": stolen.factory.work_runs()[0].id}
    for word, value in words.items():
        path = path.replace(word, str(value))
        body = {key: str(value) if said == word else said for key, said in body.items()}
    answer = stolen.api.request(verb, path, json=body)
    assert answer.status_code in (403, 404), answer.text
    assert stolen.world() == before


@pytest.mark.hostile("job token")
@pytest.mark.parametrize(
    "mutation",
    [
        'addComment(input: {subjectId: "%s", body: "/ao stop"})',
        'updateIssue(input: {id: "%s", body: "Do as I say."})',
        'closeIssue(input: {issueId: "%s"})',
    ],
    ids=["comment", "edit", "close"],
)
def test_it_mutates_nothing(stolen: Stolen, mutation: str) -> None:
    before = stolen.world()
    node = stolen.api.get("issues/1").json()["node_id"]
    query = f"mutation {{ {mutation % node} {{ clientMutationId }} }}"
    answer = stolen.api.post(stolen.factory.hub.graphql_url, json={"query": query}).json()
    assert answer["errors"]
    assert stolen.world() == before

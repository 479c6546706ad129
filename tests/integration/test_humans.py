"""Each row of docs/humans.md, done to a green pull request on the local GitHub."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ao_actions.insight import humans
from ao_actions.localgithub.model import PullRequest
from tests.integration.conftest import OWNER, Factory

FIX = {"src/code.py": "def answer():\n    return 42\n"}
Act = Callable[[Factory, int, PullRequest], object]


def graph(factory: Factory, mutation: str, **given: str) -> None:
    client = factory.client(factory.token)
    kinds = ", ".join(f"{name}: {value}" for name, value in given.items())
    client.graphql(
        f"mutation {{ {mutation}(input: {{{kinds}}}) {{ clientMutationId }} }}", write=True
    )


def to_draft(factory: Factory, _number: int, pull: PullRequest) -> None:
    node = factory.call("GET", f"pulls/{pull.number}")["node_id"]
    graph(factory, "convertPullRequestToDraft", pullRequestId=f'"{node}"')


def assign(factory: Factory, number: int, _pull: PullRequest) -> None:
    factory.hub.world.add_user("bob")
    factory.repo.collaborators["bob"] = "write"
    factory.post(f"issues/{number}/assignees", assignees=["bob"])


def merge_base(factory: Factory, _number: int, pull: PullRequest) -> None:
    factory.push("main", {"other.txt": "new\n"})
    factory.call("PUT", f"pulls/{pull.number}/update-branch")


def apply_suggestion(factory: Factory, _number: int, pull: PullRequest) -> None:
    """What GitHub's button does: a commit by GitHub itself (the local one has no such button)."""
    path = "src/code.py"
    old = factory.call("GET", f"contents/{path}?ref={pull.head_ref}")["sha"]
    factory.call(
        "PUT",
        f"contents/{path}",
        branch=pull.head_ref,
        sha=old,
        content="eCA9IDQyCg==",
        message=f"Apply suggestion from @{OWNER}",
    )


def change_base(factory: Factory, _number: int, pull: PullRequest) -> None:
    main = factory.branch("main")
    factory.post("git/refs", ref="refs/heads/next", sha=main)
    factory.call("PATCH", f"pulls/{pull.number}", base="next")


def review(factory: Factory, _number: int, pull: PullRequest) -> int:
    made = factory.post(f"pulls/{pull.number}/reviews", event="REQUEST_CHANGES", body="Rename it.")
    factory.pass_time(minutes=3)
    identity: int = made["id"]
    return identity


def dismiss(factory: Factory, number: int, pull: PullRequest) -> None:
    identity = review(factory, number, pull)
    path = f"pulls/{pull.number}/reviews/{identity}/dismissals"
    factory.call("PUT", path, message="Never mind.")


def say(body: str) -> Act:
    return lambda factory, number, _: factory.post(f"issues/{number}/comments", body=body)


DOING: dict[str, Act] = {
    "removes the label": lambda f, n, _: f.call("DELETE", f"issues/{n}/labels/ao:ready"),
    "closes the issue": lambda f, n, _: f.call("PATCH", f"issues/{n}", state="closed"),
    "assigns somebody else": assign,
    "closes the pull request": lambda f, _, p: f.call("PATCH", f"pulls/{p.number}", state="closed"),
    "merges the pull request": lambda f, _, p: f.call("PUT", f"pulls/{p.number}/merge"),
    "converts it to a draft": to_draft,
    "pushes a commit to the branch": lambda f, _, p: f.push(p.head_ref, {"more.txt": "x\n"}),
    "merges the base into the branch": merge_base,
    "applies a suggestion with GitHub's button": apply_suggestion,
    "deletes the branch": lambda f, _, p: f.call("DELETE", f"git/refs/heads/{p.head_ref}"),
    "changes the pull request's base": change_base,
    "asks for changes": review,
    "dismisses that review": dismiss,
    "says `/ao stop`": say("/ao stop"),
    "says `/ao pause`": say("/ao pause"),
    "says `/ao take-over`": say("/ao take-over"),
}


def rows() -> list[tuple[str, ...]]:
    found = [line.strip("| ").split(" | ") for line in humans.page().splitlines() if "| `" in line]
    return [tuple(row) for row in found]


def test_every_row_is_tested() -> None:
    assert list(DOING) == [row[0] for row in rows()] == [act.name for act in humans.ACTS]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_row(factory: Factory, row: tuple[str, ...]) -> None:
    act, phase, sentence, _run = row
    number = factory.issue()
    factory.reconcile()
    factory.publish(number, files=FIX)
    [pull] = factory.pulls()
    green(factory, pull)
    factory.reconcile()
    DOING[act](factory, number, pull)
    green(factory, pull)
    where = factory.branch(pull.head_ref)
    state = factory.repo.issues[pull.number].state
    done = factory.reconcile()
    [comment] = factory.status_comments(number)
    shown = comment.splitlines()[1]
    if act == "asks for changes":  # the same pass sends the agent
        assert phase == "`changes_requested`"
        assert factory.task(number).claim is not None
        assert not done.failures
    else:
        head = (where or "")[:7]
        wanted = sentence.replace("#7", f"#{pull.number}").replace("@ann", f"@{OWNER}")
        assert shown == f"**{phase.strip('`')}**: {wanted.replace('beef123', head)}."
    assert factory.branch(pull.head_ref) == where, "nobody's commit is moved"
    assert factory.repo.issues[pull.number].state == state
    assert len(factory.pulls()) == 1
    assert (number in factory.tip().book.tasks) is not bool(re.search("withdrawn|done", phase))


def green(factory: Factory, pull: PullRequest) -> None:
    """CI of somebody else's is content with the head."""
    body = {"state": "success", "context": "ci/outside"}
    if factory.branch(pull.head_ref):
        factory.post(f"statuses/{pull.head_sha}", **body)

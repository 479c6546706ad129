"""Every GraphQL operation that the product sends, validated against GitHub's own schema.

The operations are not copied here: each place in the code that sends one is run, and a place
that was not run fails the test. schema.graphql is a pruned copy of GitHub's (MIT, see NOTICE
beside it), with what the package lacks after it; only GitHub's part counts here.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphql import build_schema, parse, validate

import ao_actions
from ao_actions.core import actions
from ao_actions.core.lookup import Unknowns
from ao_actions.core.model import Reply
from ao_actions.core.observed import Pull
from ao_actions.core.policy import Policy
from ao_actions.forge import act, observe, red
from ao_actions.forge.client import Address, Client
from ao_actions.git import Git, Remote
from ao_actions.ledger import Ledger
from ao_actions.localgithub.graphql import prune
from ao_actions.setup.doctor import Context
from ao_actions.setup.doctor import branches as doctor_branches
from tests.builders import a_book, a_record
from tests.contract.conftest import Count, Judge
from tests.contract.tour import REPO, Tour

PACKAGE = Path(ao_actions.__file__).parent
SCHEMA = PACKAGE / "localgithub" / "graphql" / "schema.graphql"


@dataclass(slots=True)
class Recorder(Client):
    """A client that writes down what is asked, and by which function."""

    asked: dict[str, set[str]] = field(default_factory=dict)

    def graphql(
        self, query: str, variables: Mapping[str, Any] | None = None, *, write: bool = False
    ) -> Any:
        frame = inspect.stack()[1]
        place = f"{Path(frame.filename).relative_to(PACKAGE)}:{frame.function}"
        self.asked.setdefault(place, set()).add(query)
        return Client.graphql(self, query, variables, write=write)


def places() -> dict[str, int]:
    """Every function that calls `.graphql(`, and how often it does."""
    found: dict[str, int] = {}
    for path in PACKAGE.rglob("*.py"):
        if path.is_relative_to(PACKAGE / "localgithub"):
            continue
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            calls = [
                node
                for node in ast.walk(function)
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "graphql"
            ]
            if calls:
                found[f"{path.relative_to(PACKAGE)}:{function.name}"] = len(calls)
    return found


def run_every_place(tour: Tour, client: Recorder, scratch: Path) -> None:
    """Two live tasks, one with a red pull request that has a thread."""
    number = tour.call("POST ~/issues", {"title": "T", "labels": ["ao:ready"]})["number"]
    tip = tour.call("GET ~/git/ref/heads/main")["object"]["sha"]
    tour.call("POST ~/git/refs", {"ref": f"refs/heads/ao/{number}", "sha": tip})
    change = {"message": "w", "content": "eA==", "branch": f"ao/{number}"}
    head = tour.call("PUT ~/contents/t.txt", change)["commit"]["sha"]
    new = {"title": "T", "head": f"ao/{number}", "base": "main"}
    pull = tour.call("POST ~/pulls", new)["number"]
    tour.call(f"POST ~/statuses/{head}", {"state": "failure", "context": "ci"})
    said = {"path": "t.txt", "line": 1, "body": "why?"}
    asked = {"event": "REQUEST_CHANGES", "body": "no", "comments": [said]}
    tour.call(f"POST ~/pulls/{pull}/reviews", asked, by="hubot")
    comment = tour.call(f"POST ~/issues/{number}/comments", {"body": "/ao why"})
    tour.until_idle()

    policy = Policy(agents=("command",))
    live = a_record(issue=number, branch=f"ao/{number}")
    gone = a_record(issue=1, epoch=2, branch="ao/1-2", round=2)
    snapshot = observe.sweep(client, a_book(live, gone), policy)
    assert isinstance(snapshot.pulls[number], Pull)
    ours = (number,)
    unknown = Unknowns(issues=ours, threads=ours, red=ours, commits=ours, files=ours)
    known = observe.learn(client, snapshot, unknown, policy)
    (thread,) = known.pulls[number].threads or ()
    seen = observe.pull_request(client, pull)
    red.look(client, seen)
    observe.said(client, pull)
    assert observe.has_trusted_label(client, number, "ao:ready")
    assert observe.task(client, live, policy).issue.number == number
    assert client.viewer() == "octocat"
    first = thread.comments[0].id
    reply = Reply(thread=thread.id, item=f"thread:{thread.id}:{first}", body="Done.", resolve=True)
    act.answer(client, pull, reply)
    react = {"issue": number, "key": "c", "node": comment["node_id"], "content": "eyes"}
    act.perform(client, actions.React(**react, because=""), "main")
    remote = Remote(f"{tour.server.url}/{REPO}.git", client.token)
    context = Context(client, Ledger(Git.scratch(scratch, remote)))
    assert context.texts
    list(doctor_branches._classic(context, "ao/1"))


def test_every_operation_is_valid_on_github(
    tour: Tour, tmp_path: Path, judge: Judge, count: Count
) -> None:
    server = tour.server
    address = Address(api=server.api_url, graphql=server.graphql_url, server=server.url)
    client = Recorder(REPO, server.world.add_token("octocat").value, address)
    run_every_place(tour, client, tmp_path / "ledger.git")
    known = places()
    assert set(client.asked) == set(known)
    operations = {query for asked in client.asked.values() for query in asked}
    assert len(operations) >= sum(known.values())

    text = SCHEMA.read_text(encoding="utf-8")
    assert text.endswith(prune.EXTENSIONS)
    github = build_schema(text.removesuffix(prune.EXTENSIONS), assume_valid=True)
    wrong: list[str] = []
    for query in operations:
        document = parse(query)
        (operation,) = (d for d in document.definitions if hasattr(d, "operation"))
        name = f"{operation.operation.value} {operation.name.value}"
        wrong += judge(name, [error.message for error in validate(github, document)])
    assert wrong == []
    for file in (PACKAGE / "forge").glob("*.graphql"):
        for part in file.read_text(encoding="utf-8").split("fragment ")[1:]:
            assert any(f"fragment {part.split()[0]} on" in query for query in operations)
    count(f"GraphQL operations, from {len(known)} places in the code", len(operations))


def test_a_field_that_github_lacks_is_found(judge: Judge) -> None:
    github = build_schema(SCHEMA.read_text(encoding="utf-8"), assume_valid=True)
    document = parse('query Q { repository(owner: "o", name: "n") { nmae } }')
    found = [error.message for error in validate(github, document)]
    assert len(judge("query Q", found)) == 1


def test_the_payloads_of_the_webhooks_are_json(tour: Tour) -> None:
    for event in tour.events:
        assert json.loads(json.dumps(event.payload)) == event.payload

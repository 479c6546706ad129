"""Every effect under every fault of its write: done once, whatever GitHub answered (I7)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from ao_actions.core import actions, projection
from ao_actions.core.model import Phase, Reply
from ao_actions.errors import ForgeError, RateLimitError
from ao_actions.forge import act
from ao_actions.localgithub.faults import Fault
from tests.integration.conftest import OWNER, Factory, founded
from tests.integration.test_publish import FIX, claimed

Look = Callable[[], Any]
Scene = Callable[[Factory], tuple[actions.Effect, Look, Any]]
numbers = itertools.count()

FAULTS: dict[str, dict[str, Any]] = {
    "500 before": {"answer": "server-error"},
    "500 after": {"answer": "server-error", "after": True},
    "an HTML page after": {"answer": "html", "after": True},
    "no JSON after": {"answer": "not-json", "after": True},
    "gave up after": {"answer": "went-wrong", "after": True},
    "dropped before": {"drop": True},
    "dropped after": {"drop": True, "after": True},
    "cut after": {"cut": 5},
    "secondary limit": {"answer": "secondary-limit", "headers": {"Retry-After": "30"}},
    "secondary limit, no time": {"answer": "secondary-limit"},
    "429": {"status": 429, "body": {"message": "Too many requests"}},
    "primary limit": {"answer": "primary-limit", "headers": {"X-RateLimit-Reset": "+90"}},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factory]:
    with founded(tmp_path_factory.mktemp("effects")) as made:
        yield made


@pytest.fixture
def factory(shared: Factory) -> Iterator[Factory]:
    yield shared
    shared.hub.app.faults.clear()


def strike(factory: Factory, **rule: Any) -> list[Fault]:
    """The next write falls to this rule, be it REST or GraphQL."""
    rules = [
        Fault("POST|PATCH|PUT|DELETE", "(?!/graphql|.*[.]git/).*", **rule),
        Fault(operation="mutation", **rule),
    ]
    factory.hub.app.faults.extend(rules)
    return rules


# ---- the effects, each on an issue or pull request of its own --------------------------------


def pull(factory: Factory) -> tuple[int, str]:
    """A pull request and its branch."""
    branch = branched(factory)
    number = factory.post("pulls", title="P", head=branch, base="main")["number"]
    return int(number), branch


def branched(factory: Factory) -> str:
    name = f"topic{next(numbers)}"
    factory.post("git/refs", ref=f"refs/heads/{name}", sha=factory.branch("main"))
    change = {"message": f"Add {name}", "content": "eA==", "branch": name}
    factory.call("PUT", f"contents/{name}.txt", **change)
    return name


def bodies(factory: Factory, number: int) -> int:
    return len(factory.repo.issues[number].comments)


def open_pull(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    name = branched(factory)
    head = factory.branch(name)
    assert head is not None
    effect = actions.OpenPull(issue=1, branch=name, base="main", head=head, earlier=(), because="")
    return effect, lambda: [p.head_ref for p in factory.pulls()].count(name), 1


def answer(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    number = factory.issue(label=False)
    reply = Reply(thread="", item=f"comment:{number}:1", body="Done.", number=number)
    effect = actions.Answer(issue=number, number=number, reply=reply, because="")
    return effect, lambda: bodies(factory, number), 1


def answer_thread(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    number, name = pull(factory)
    said = {"path": f"{name}.txt", "line": 1, "body": "why?"}
    factory.post(f"pulls/{number}/reviews", event="COMMENT", comments=[said])
    seen = factory.repo.pulls[number]
    (thread,) = seen.threads
    query = 'query($n: Int!) { repository(owner: "acme", name: "widgets") { pullRequest('
    query += "number: $n) { reviewThreads(first: 1) { nodes { id } } } } }"
    data, _ = factory.client().graphql(query, {"n": number})
    (node,) = data["repository"]["pullRequest"]["reviewThreads"]["nodes"]
    item = f"thread:{node['id']}:{thread.comment_ids[0]}"
    reply = Reply(thread=node["id"], item=item, body="Done.", number=number, resolve=True)
    effect = actions.Answer(issue=1, number=number, reply=reply, because="")
    return effect, lambda: (len(seen.review_comments), len(seen.threads)), (2, 1)


def react(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    number = factory.issue(label=False)
    node = factory.post(f"issues/{number}/comments", body="/ao why")["node_id"]
    effect = actions.React(issue=number, key="c", node=node, content="eyes", because="")
    return effect, lambda: len(factory.repo.issues[number].comments[0].reactions), 1


def label(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    number = factory.issue()
    effect = actions.Label(issue=number, add=("ao:working",), remove=("ao:ready",), because="")
    return effect, lambda: list(factory.repo.issues[number].labels), ["ao:working"]


def assign(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    number = factory.issue(label=False)
    effect = actions.Assign(issue=number, number=number, login=OWNER, because="")
    return effect, lambda: factory.repo.issues[number].assignees, [OWNER]


def request_review(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    name = branched(factory)
    _, made = factory.client().request(
        "POST", "pulls", body={"title": "P", "head": name, "base": "main"}
    )
    number = made["number"]
    effect = actions.RequestReview(issue=1, pull=number, login=OWNER, because="")
    return effect, lambda: factory.repo.pulls[number].requested_reviewers, [OWNER]


def report(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    number = factory.issue(label=False)
    body = f"{projection.STATUS_MARK}\nworking"
    effect = actions.Report(issue=number, comment=None, body=body, because="")
    return effect, lambda: factory.status_comments(number), [body]


def report_again(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    number = factory.issue(label=False)
    old = f"{projection.STATUS_MARK}\nqueued"
    _, made = factory.client().request("POST", f"issues/{number}/comments", body={"body": old})
    body = f"{projection.STATUS_MARK}\nworking"
    effect = actions.Report(issue=number, comment=str(made["id"]), body=body, because="")
    return effect, lambda: factory.status_comments(number), [body]


def notice(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    number = factory.issue(label=False)
    mark = "<!-- ao:limit x 2026-01-01T00:00:00Z -->"
    effect = actions.Notice(issue=number, agent="x", mark=mark, body=f"{mark}\npaused", because="")
    return effect, lambda: bodies(factory, number), 1


UPSERTS: list[Scene] = [
    open_pull,
    answer,
    answer_thread,
    react,
    label,
    assign,
    request_review,
    report,
    report_again,
    notice,
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scene", UPSERTS, ids=lambda scene: scene.__name__)
def test_an_upsert_is_done_once(factory: Factory, scene: Scene, fault: str) -> None:
    effect, look, wanted = scene(factory)
    rules = strike(factory, **FAULTS[fault])
    act.perform(factory.client(), effect, "main")
    assert sum(rule.fired for rule in rules) >= 1
    assert look() == wanted
    act.perform(factory.client(), effect, "main")  # the next pass, or another one beside it
    assert look() == wanted


@pytest.mark.parametrize(
    "rule",
    [
        {"method": "GET", "path": ".*/git/commits/.*", "answer": "server-error"},
        {"method": "POST", "path": ".*/pulls", "answer": "secondary-limit"},
    ],
    ids=["before the look", "after the look"],
)
def test_a_pull_request_that_came_and_went_while_we_waited_is_the_only_one(
    factory: Factory, rule: dict[str, Any]
) -> None:
    """Another program opens it, and a human closes it, while this one waits for GitHub."""
    effect, look, wanted = open_pull(factory)

    def meanwhile(_seconds: float) -> None:
        done = act.perform(factory.client(), effect, "main")
        number = done.url.rpartition("/")[2]
        factory.call("PATCH", f"pulls/{number}", state="closed")

    slow = factory.client()
    slow.patience.pause = meanwhile
    factory.hub.app.faults.append(Fault(**rule))
    act.perform(slow, effect, "main")
    assert look() == wanted


@pytest.mark.parametrize("scene", UPSERTS, ids=lambda scene: scene.__name__)
def test_an_upsert_that_never_succeeds_is_told_and_mended(factory: Factory, scene: Scene) -> None:
    """GitHub does what is asked and answers 500, each time, until the next pass."""
    effect, look, wanted = scene(factory)
    strike(factory, answer="server-error", times=None)
    with pytest.raises(ForgeError, match="500"):
        act.perform(factory.client(), effect, "main")
    factory.hub.app.faults.clear()
    act.perform(factory.client(), effect, "main")
    assert look() == wanted


def test_a_stale_list_opens_no_second_pull_request(factory: Factory) -> None:
    effect, look, _ = open_pull(factory)
    factory.hub.app.faults.append(Fault("GET", ".*/pulls", stale_calls=1))
    assert act.perform(factory.client(), effect, "main").what == "created"
    factory.hub.app.faults.append(Fault("GET", ".*/pulls", stale_calls=1))
    assert act.perform(factory.client(), effect, "main").what == "unchanged"
    assert look() == 1


# ---- what starts runs ------------------------------------------------------------------------


def dispatch(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    number = factory.issue(label=False)
    effect = actions.Dispatch(issue=number, epoch=1, reason=Phase.QUEUED, because="")
    title = f"ao #{number}.1 queued"
    return effect, lambda: [r.display_title for r in factory.work_runs()].count(title), 1


def ended(factory: Factory) -> Any:
    effect, _, _ = dispatch(factory)
    act.perform(factory.client(), effect, "main")
    run = factory.work_runs()[-1]
    factory.end_run(run)
    return run


def rerun(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    run = ended(factory)
    effect = actions.Rerun(issue=1, run_id=run.id, because="")
    return effect, lambda: run.run_attempt - 1, 1


def cancel(factory: Factory) -> tuple[actions.Effect, Look, Any]:
    effect, _, _ = dispatch(factory)
    act.perform(factory.client(), effect, "main")
    run = factory.work_runs()[-1]

    def look() -> str | None:
        factory.until(lambda: run.status == "completed")
        return run.conclusion

    return actions.Cancel(issue=1, run_id=run.id, because=""), look, "cancelled"


@contextmanager
def told(fault: str) -> Iterator[None]:
    """A limit is waited for; an empty answer cannot be cut; else nobody knows what happened."""
    if fault in {"cut after", "429"} or "limit" in fault:
        yield
        return
    with pytest.raises(ForgeError) as error:
        yield
    assert error.value.unknown


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scene", [dispatch, rerun], ids=lambda scene: scene.__name__)
def test_a_start_is_sent_once_or_refused(factory: Factory, scene: Scene, fault: str) -> None:
    """What came of a lost one is not seen at once: it is never sent again by the same pass."""
    effect, look, wanted = scene(factory)
    strike(factory, **FAULTS[fault])
    with told(fault):
        act.perform(factory.client(), effect, "main")
    assert look() == (0 if "before" in fault else wanted)


@pytest.mark.parametrize("fault", ["500 before", "500 after", "dropped after", "secondary limit"])
def test_a_cancel_is_done(factory: Factory, fault: str) -> None:
    effect, look, wanted = cancel(factory)
    strike(factory, **FAULTS[fault])
    act.perform(factory.client(), effect, "main")
    assert look() == wanted


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_pass_whose_dispatch_failed_is_mended_by_later_ones(
    factory: Factory,
    after: bool,  # noqa: FBT001
) -> None:
    number = factory.issue()
    rule = Fault("POST", ".*/dispatches", answer="server-error", after=after)
    factory.hub.app.faults.append(rule)
    done = factory.reconcile()
    assert len(done.failures) == 1
    for _ in range(3):
        factory.pass_time(minutes=6)
        factory.reconcile()
    titles = [r.display_title for r in factory.work_runs() if r.inputs["task"] == str(number)]
    assert titles == [f"ao #{number}.{factory.task(number).epoch} queued"]
    assert factory.task(number).attempts == ()
    factory.call("PATCH", f"issues/{number}", state="closed")
    factory.reconcile()


# ---- publish ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500 before", "500 after", "dropped after", "no JSON after"])
def test_what_follows_the_push_is_done_once(factory: Factory, fault: str) -> None:
    number = claimed(factory)
    rules = strike(factory, **FAULTS[fault])
    factory.publish(number, files=FIX)
    assert rules[0].fired == 1
    factory.reconcile()
    assert [p.head_ref for p in factory.pulls()].count(f"ao/{number}") == 1
    assert len(factory.task(number).attempts) == 1
    factory.call("PATCH", f"issues/{number}", state="closed")
    factory.reconcile()


@pytest.mark.parametrize("rule", [{"drop": True, "times": 2}, {"status": 503}])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_ledger_push_that_got_no_answer(
    factory: Factory,
    rule: dict[str, Any],
    after: bool,  # noqa: FBT001
) -> None:
    number = factory.issue()
    fault = Fault(path=".*/git-receive-pack", after=after, **rule)
    factory.hub.app.faults.append(fault)
    done = factory.reconcile()
    assert fault.fired >= 1
    assert not done.failures
    assert (factory.task(number).epoch, factory.task(number).attempts) == (
        factory.tip().book.fleet.epoch,
        (),
    )
    factory.call("PATCH", f"issues/{number}", state="closed")
    factory.reconcile()


# ---- limits ----------------------------------------------------------------------------------


def test_a_pass_beyond_its_patience_says_what_is_left(factory: Factory) -> None:
    number = factory.issue()
    limit = Fault(
        "POST|PATCH|PUT|DELETE",
        "/repos/.*",
        answer="secondary-limit",
        headers={"Retry-After": "600"},
        times=None,
    )
    factory.hub.app.faults.append(limit)
    done = factory.reconcile()
    assert len(done.left) > 1
    assert not done.failures
    assert limit.fired == 1  # nothing is sent while the limit lasts
    with pytest.raises(RateLimitError, match=f"left for the next pass:\ntask {number}: ") as error:
        done.raise_if_unfinished()
    assert error.value.exit_code == 75
    factory.hub.app.faults.clear()
    factory.pass_time(minutes=10)
    assert not factory.reconcile().left
    assert len(factory.status_comments(number)) == 1
    assert "ao:working" in factory.labels(number)


def test_a_limit_while_looking_changes_nothing(factory: Factory) -> None:
    factory.issue()
    before = factory.tip().oid
    rule = Fault(operation="Sweep", answer="secondary-limit", headers={"Retry-After": "600"})
    factory.hub.app.faults.append(rule)
    with pytest.raises(RateLimitError, match="the limit is over at"):
        factory.reconcile()
    assert factory.tip().oid == before
    assert timedelta(seconds=600) > timedelta(seconds=factory.client().patience.left)

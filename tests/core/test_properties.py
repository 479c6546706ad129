"""Laws of the plan that no table can list: for any snapshot, and along any history."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, note, settings
from hypothesis import strategies as st

from ao_actions.core import actions, budget, checks, transitions
from ao_actions.core.checks import RedHead
from ao_actions.core.decide import decide
from ao_actions.core.feedback import REPLY_MARK
from ao_actions.core.model import (
    Book,
    CheckRerun,
    Fleet,
    Limit,
    Outcome,
    Phase,
    Reply,
    Spent,
    TaskRecord,
)
from ao_actions.core.observed import Issue, Pull, Snapshot, Touch
from ao_actions.core.policy import Budget, Policy
from ao_actions.core.runs import run_title
from tests.builders import (
    NOW,
    READY,
    a_check,
    a_claim,
    a_comment,
    a_commit,
    a_failed,
    a_failure,
    a_pause,
    a_pull,
    a_record,
    a_red_pull,
    a_remark,
    a_review,
    a_run,
    a_snapshot,
    a_stop,
    a_thread,
    a_word,
    ago,
    an_attempt,
    an_issue,
    minutes,
    some_facts,
)
from tests.core import worlds

POLICIES = st.builds(
    Policy,
    max_parallel=st.integers(1, 3),
    budget=st.builds(
        Budget,
        attempts=st.integers(1, 3),
        review_rounds=st.integers(1, 2),
        usd_per_attempt=st.sampled_from([2.0, 5.0]),
        usd_per_task=st.sampled_from([5.0, 9.0]),
        usd_per_day=st.sampled_from([None, None, 7.0]),
    ),
    agents=st.sampled_from([("claude-code",), ("claude-code", "codex")]),
)
NUMBERS = st.lists(st.integers(1, 4), unique=True, min_size=1)
TIMES = st.sampled_from([ago(500), ago(100), ago(40), ago(5), ago(1), NOW])
CHECKS = st.lists(
    st.builds(
        a_check,
        st.sampled_from("ab"),
        st.sampled_from(["SUCCESS", "FAILURE", "CANCELLED", "ACTION_REQUIRED", None]),
        run_id=st.just(900),
    ),
    max_size=2,
).map(tuple)


@st.composite
def looked_at(draw: st.DrawFn, pull: Pull) -> Pull:
    """The pull request with what a look at its red checks shows."""
    failed = tuple(
        a_failed(
            check.name,
            conclusion=check.result,
            attempt=draw(st.integers(1, 2)),
            required=draw(st.sampled_from([None, None, True, False])),
            text=draw(st.sampled_from(["", "AssertionError"])),
        )
        for check in checks.red(pull)
    )
    base = draw(st.sampled_from([{}, {}, {"a": "FAILURE"}]))
    return replace(pull, red=RedHead(checks=failed, base=base))


LIMITS = st.builds(
    Limit,
    until=st.sampled_from([None, ago(1), NOW + minutes(5), NOW + minutes(90)]),
    proven=st.booleans(),
)
PAUSES = st.builds(
    a_pause,
    until=st.sampled_from([ago(12), NOW, NOW + minutes(9), NOW + minutes(90)]),
    issue=st.sampled_from([None, 1, 2]),
    resumed=st.integers(0, 4),
    notice=st.sampled_from([None, "n"]),
)


# ---- any snapshot --------------------------------------------------------------------------


@st.composite
def records(draw: st.DrawFn, issue: int, epoch: int) -> TaskRecord:
    published = draw(st.sampled_from([(), ("c1",), ("c1", "c2")]))
    rounds = draw(st.integers(1, 2))
    attempts = tuple(
        an_attempt(
            epoch=0,
            round=draw(st.integers(1, rounds)),
            outcome=outcome,
            ended_at=draw(TIMES),
            agent=draw(st.sampled_from(["claude-code", "codex"])),
            limit=draw(LIMITS) if outcome is Outcome.LIMITED else None,
            session=draw(st.sampled_from([None, "s1"])),
            failures=draw(st.sampled_from([(), (a_failure(name="a"),)])),
        )
        for outcome in draw(st.lists(st.sampled_from(Outcome), max_size=3))
    )
    claim = st.builds(
        a_claim,
        reason=st.sampled_from([Phase.QUEUED, Phase.CI_FAILED, Phase.CONFLICTED]),
        claimed_at=TIMES,
        expires_at=st.sampled_from([ago(1), NOW + minutes(30)]),
        reruns=st.integers(0, 2),
        run_id=st.sampled_from([None, 500 + issue]),
    )
    handled = draw(st.sampled_from([(), ("checks:c1",), ("conflict:c2", "review:9"), (ITEM,)]))
    owed = (Reply(thread="T", item=ITEM, body="Done."),) if ITEM in handled else ()
    return a_record(
        issue=issue,
        epoch=epoch,
        branch=f"ao/{issue}",
        claim=draw(st.none() | claim),
        attempts=attempts,
        round=rounds,
        published=published,
        handled=handled,
        owed=draw(st.sampled_from([(), owed])),
        stop=draw(st.none() | st.builds(a_stop, at=TIMES)),
        reruns=draw(RERUNS),
        wip=published[: draw(st.integers(0, 2))],
        **draw(TOLD),
    )


ITEM = "thread:T:100"
OURS = a_commit("c1")
BUTTON = a_commit("h1", "Apply suggestion from @ann", committer="noreply@github.com")
ANSWER = a_comment(id=101, ours=True, body=REPLY_MARK.format(item=ITEM))
WORDS = [
    *("Rename it.", "/ao why", "/ao retry", "/ao stop", "/ao pause\nBye.", "/ao x", "/ao resume"),
    *("/ao budget +1", "/ao agent codex", "/ao agent nobody", "/ao take-over"),
]
# pools, not strategies of their parts: a world is large enough to draw as it is
POOL = [
    a_remark(body, id=200 + n, author=author, number=7 if n % 2 else 1, created_at=at, **given)
    for n, (body, author, at, given) in enumerate(
        [
            *((body, "ann", ago(40), {}) for body in WORDS for _ in "12"),
            *((body, "ann", ago(1), {}) for body in WORDS[:3]),
            *(
                (body, who, ago(40), {})
                for who in ("eve", "ghost", "ci[bot]")
                for body in WORDS[:3]
            ),
            *((body, "ann", ago(500), {"edited_at": ago(3)}) for body in WORDS[:3]),
            *((body, "ann", ago(40), {"reacted": True}) for body in WORDS[:3]),
        ]
    )
]
REMARKS = st.lists(st.sampled_from(POOL), max_size=2, unique_by=lambda said: said.id).map(tuple)
TOLD = st.sampled_from(
    [
        *({}, {}, {}, {"held": a_word()}, {"ended": a_word(word="take-over", login="bob")}),
        *({"retried_at": ago(1)}, {"retried_at": NOW, "held": a_word()}, {"resumed": "h1"}),
        *({"agent": "codex"}, {"agent": "gone", "extra_attempts": 2}, {"extra_usd": 3.0}),
    ]
)
DAYS = st.sampled_from([("", 0.0), ("2026-01-04", 9.0), ("2026-01-05", 4.0), ("2026-01-05", 9.0)])
PULLS = st.builds(
    a_pull,
    state=st.sampled_from(["OPEN", "OPEN", "OPEN", "CLOSED", "MERGED"]),
    head=st.sampled_from(["c1", "c2", "h1"]),
    head_at=TIMES,
    draft=st.sampled_from([False, False, True]),
    mergeable=st.sampled_from(["MERGEABLE", "MERGEABLE", "CONFLICTING", "UNKNOWN"]),
    review_decision=st.sampled_from([None, "APPROVED", "REVIEW_REQUIRED"]),
    checks=CHECKS,
    suites_open=st.sampled_from([0, 0, 1]),
    suites_waiting=st.sampled_from([0, 0, 1]),
    reviews=st.sampled_from(
        [
            (),
            (a_review(),),
            (a_review(author="eve"),),
            (a_review(body="/ao why", state="COMMENTED"),),
        ]
    ),
    recent=st.sampled_from(
        [(), (OURS, BUTTON), (OURS, a_commit("h1")), (a_commit("h1", parents=("c1", "b1")),)]
    ),
    open_threads=st.integers(0, 1),
    threads=st.sampled_from([(), (a_thread(),), (a_thread(a_comment(), ANSWER),)]),
    assignees=st.sampled_from([frozenset(), frozenset({"ann"})]),
).flatmap(looked_at)
RERUNS = st.lists(
    st.builds(
        CheckRerun,
        head=st.sampled_from(["c1", "c2"]),
        run_id=st.sampled_from([900, 901]),
        checks=st.sampled_from([("a",), ("a", "b")]),
        asked=st.integers(1, 2),
        at=TIMES,
    ),
    max_size=2,
    unique_by=lambda rerun: (rerun.head, rerun.run_id),
).map(tuple)


@st.composite
def issues(draw: st.DrawFn, number: int) -> Issue:
    facts = st.builds(
        some_facts,
        labelled_at=TIMES,
        trusted=st.sampled_from([True, True, False]),
        merged_at=st.sampled_from([None, None, ago(50)]),
        blocked_by=st.sampled_from([(), (), (3,)]),
    )
    found = draw(facts)
    labels = st.sampled_from([{READY}, {READY}, {READY, "ao:working"}, {"ao:review"}])
    return an_issue(
        number,
        is_open=draw(st.sampled_from([True, True, True, False])),
        labels=draw(labels.map(frozenset)),
        assignees=draw(
            st.sampled_from([frozenset(), frozenset({"ann"}), frozenset({"ann", "bob"})])
        ),
        labelled_at=found.labelled_at,
        marks=(Touch(found.labelled_at, draw(st.sampled_from(["ann", "eve"]))),),
        created_at=draw(TIMES),
        facts=found,
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    numbers = draw(NUMBERS)
    live = {n: draw(records(n, epoch=n)) for n in numbers if draw(st.booleans())}
    old = {
        n: replace(draw(records(n, epoch=n)), claim=None, finished=Phase.DONE, finished_at=ago(9))
        for n in numbers
        if draw(st.booleans())
    }
    agents = st.sampled_from(["claude-code", "codex"])
    day, usd = draw(DAYS)
    paused = draw(st.just({}) | st.dictionaries(agents, PAUSES, max_size=2))
    fleet = Fleet(epoch=9, paused=paused, day=day, usd_today=usd)
    runs = [
        a_run(
            record,
            id=500 + n,
            status=draw(st.sampled_from(["queued", "in_progress", "completed"])),
            conclusion="failure",
            created_at=draw(TIMES),
            handoff=draw(st.booleans()),
        )
        for n, record in live.items()
        if record.claim and draw(st.booleans())
    ]
    claims = any(record.claim for record in live.values())
    seen = a_snapshot(
        *[draw(issues(n)) for n in numbers],
        book=Book(fleet=fleet, tasks=live, finished=old),
        runs=draw(st.sampled_from([tuple(runs), tuple(runs), None])) if claims else None,
        pulls={
            n: draw(PULLS) for n, record in live.items() if record.published and draw(st.booleans())
        },
        branches={
            record.branch: draw(st.sampled_from(["c1", "c2", "h1"])) for record in live.values()
        },
        comments={n: draw(REMARKS) for n in live},
        trusted={"ann": True, "eve": False, "ghost": False},
    )
    return replace(seen, branches={**seen.branches, **_heads(seen)})


def _heads(snapshot: Snapshot) -> dict[str, str]:
    """A branch with a pull request is where its pull request says."""
    tasks = snapshot.book.tasks
    return {tasks[number].branch: pull.head for number, pull in snapshot.pulls.items()}


@given(snapshots(), POLICIES)
def test_the_same_snapshot_gives_the_same_plan(snapshot: Snapshot, policy: Policy) -> None:
    shuffled = replace(
        snapshot,
        issues=dict(reversed(snapshot.issues.items())),
        book=replace(snapshot.book, tasks=dict(reversed(snapshot.book.tasks.items()))),
        runs=None if snapshot.runs is None else snapshot.runs[::-1],
    )
    assert decide(snapshot, policy) == decide(snapshot, policy) == decide(shuffled, policy)


@settings(max_examples=500)
@given(snapshots(), POLICIES)
def test_a_second_pass_changes_nothing(snapshot: Snapshot, policy: Policy) -> None:
    """What a plan did may be seen in the second pass (a pull request that was opened gets its
    assignee, a run that was started again is called working); it decides nothing anew, and the
    third pass has nothing at all to do."""
    claims = snapshot.book.live_claims()
    snapshot = replace(snapshot, runs=(snapshot.runs or ()) if claims else None)
    first = decide(snapshot, policy)
    note("\n".join(actions.describe(action) for action in first))
    second = worlds.step(snapshot, first, policy)
    again = decide(second, policy)
    note("\n".join(actions.describe(action) for action in again))
    assert not [action for action in again if isinstance(action, actions.Transition)]
    moved = {a.issue for a in first if isinstance(a, actions.OpenPull | actions.Rerun)}
    assert {action.issue for action in again} <= moved
    third = worlds.step(second, again, policy)
    assert decide(third, policy) == ()


@settings(max_examples=150)
@given(snapshots(), POLICIES)
def test_a_plan_keeps_the_ledgers_laws_at_every_step(snapshot: Snapshot, policy: Policy) -> None:
    book = snapshot.book
    cap = max(policy.max_parallel, book.live_claims())
    plan = decide(snapshot, policy)
    steps = [action for action in plan if isinstance(action, actions.Transition)]
    for transition in steps:
        after = transitions.apply(book, transition, policy)
        check_laws(book, after, transition, policy, cap)
        book = after
    claimed = Counter(step.issue for step in steps if isinstance(step, actions.Claim))
    assert set(claimed.values()) <= {1}
    ended = {step.issue for step in steps if isinstance(step, actions.Finish)}
    assert not ended & set(claimed)


def check_laws(
    before: Book, after: Book, transition: actions.Transition, policy: Policy, cap: int
) -> None:
    """I1, I2, I5, and the counter."""
    assert after.fleet.epoch >= before.fleet.epoch
    assert after.live_claims() <= cap
    live = [record for record in after.tasks.values() if record.claim]
    assert len({record.epoch for record in live}) == len(live)
    if not isinstance(transition, actions.Claim):
        assert after.fleet.epoch == before.fleet.epoch
        return
    old = before.tasks.get(transition.issue)
    assert old is None or old.claim is None
    record = after.tasks[transition.issue]
    assert record.epoch == after.fleet.epoch == before.fleet.epoch + 1
    check_budget(record, policy)


def check_budget(record: TaskRecord, policy: Policy) -> None:
    """What this attempt may spend is within what the round has left."""
    assert record.claim is not None
    reviews = [a for a in record.this_round() if a.reason is Phase.CHANGES_REQUESTED]
    made = {True: len(reviews), False: budget.attempts_made(record)}
    limits = {True: policy.budget.review_rounds, False: policy.budget.attempts}
    answers = record.claim.reason is Phase.CHANGES_REQUESTED
    assert made[answers] < limits[answers] + record.extra_attempts
    spent = sum(attempt.spent.usd for attempt in record.this_round())
    assert spent + record.claim.reserved.usd <= policy.budget.usd_per_task + record.extra_usd + 1e-6
    signatures = {failure.signature for failure in record.claim.failures}
    before = [a for a in record.this_round() if a.outcome not in budget.UNCOUNTED]
    for signature in signatures:
        tried = sum(signature in {f.signature for f in attempt.failures} for attempt in before)
        assert tried < policy.budget.attempts_per_failure + record.extra_attempts


@given(snapshots(), POLICIES)
def test_no_effect_before_its_transition(snapshot: Snapshot, policy: Policy) -> None:
    """What stands before the transitions are last words on tasks that end in this plan; of those
    only a command is acknowledged afterwards, and none before."""
    plan = decide(snapshot, policy)
    kinds = [isinstance(action, actions.Transition) for action in plan]
    if True not in kinds:
        return
    first, last = kinds.index(True), len(kinds) - kinds[::-1].index(True)
    assert all(kinds[first:last])
    ending = {action.issue for action in plan if isinstance(action, actions.Finish)}
    assert {action.issue for action in plan[:first]} <= ending
    thanks = [action for action in plan[last:] if action.issue in ending]
    assert all(isinstance(action, actions.React) for action in thanks)
    assert not any(isinstance(action, actions.React) for action in plan[:first])


# ---- any history ---------------------------------------------------------------------------


def an_event(draw: st.DataObject, world: Snapshot) -> Snapshot:
    """Something happens on GitHub to one issue: an attempt ends, CI speaks, a human acts."""
    world = replace(world, now=world.now + minutes(draw.draw(st.sampled_from([1, 10, 400]))))
    number = draw.draw(st.sampled_from(sorted(world.issues)))
    record = world.book.tasks.get(number)
    events = [stays, labelled_again]
    if record is not None and record.claim is not None:
        events += [published, published, died, started]
    elif record is not None and number in world.pulls:
        events += [spoken, closed]
    return draw.draw(st.sampled_from(events))(draw, world, number)


def stays(_draw: st.DataObject, world: Snapshot, _number: int) -> Snapshot:
    return world


def labelled_again(_draw: st.DataObject, world: Snapshot, number: int) -> Snapshot:
    issue = world.issues[number]
    facts = some_facts(labelled_at=world.now)
    marks = (*issue.marks, Touch(world.now, facts.labelled_by))
    issue = replace(issue, labelled_at=world.now, marks=marks, facts=facts)
    return replace(world, issues={**world.issues, number: issue})


def published(draw: st.DataObject, world: Snapshot, number: int) -> Snapshot:
    """The publish job of the claim's run does its work."""
    record = world.book.tasks[number]
    assert record.claim is not None
    outcome = draw.draw(st.sampled_from([Outcome.CHANGES, *Outcome]))
    changes = outcome is Outcome.CHANGES
    head = f"c{record.epoch}" if changes else None
    usd = draw.draw(st.none() | st.floats(0, record.claim.reserved.usd))
    ended = transitions.publish(
        record,
        outcome=outcome,
        detail="",
        at=world.now,
        spent=None if usd is None else Spent(usd=round(usd, 6)),
        head=head,
        replies=(),
        stop=a_stop(at=world.now) if outcome is Outcome.REFUSED else None,
    )
    world = replace(world, book=world.book.put(ended))
    if head is None:
        return world
    pull = world.pulls.get(number)
    pulls = dict(world.pulls)
    if pull is not None:
        pulls[number] = replace(
            pull, head=head, head_at=world.now, checks=(), mergeable="MERGEABLE"
        )
    return replace(world, pulls=pulls, branches={**world.branches, record.branch: head})


def died(draw: st.DataObject, world: Snapshot, number: int) -> Snapshot:
    return _runs(
        world,
        world.book.tasks[number],
        status="completed",
        conclusion="failure",
        handoff=draw.draw(st.booleans()),
    )


def started(_draw: st.DataObject, world: Snapshot, number: int) -> Snapshot:
    return _runs(world, world.book.tasks[number], status="in_progress")


def _runs(world: Snapshot, record: TaskRecord, **changes: object) -> Snapshot:
    assert record.claim is not None
    title = run_title(record.issue, record.epoch, record.claim.reason)
    runs = tuple(
        replace(run, **changes) if run.title == title else run  # type: ignore[arg-type]
        for run in world.runs or ()
    )
    return replace(world, runs=runs)


def spoken(draw: st.DataObject, world: Snapshot, number: int) -> Snapshot:
    """CI, a reviewer or the base branch has something to say about the pull request."""
    pull = world.pulls[number]
    review = a_review(id=world.book.fleet.epoch * 100 + number, submitted_at=world.now)
    given = {"number": pull.number, "head": pull.head, "head_at": pull.head_at}
    said: Pull = draw.draw(
        st.sampled_from(
            [
                a_red_pull(a_failed(text=f"Error {number}"), **given),
                a_red_pull(a_failed(attempt=1), **given),
                a_red_pull(a_failed(conclusion="CANCELLED"), **given),
                replace(pull, checks=(a_check(),)),
                replace(pull, mergeable="CONFLICTING"),
                replace(pull, reviews=(*pull.reviews, review)),
            ]
        )
    )
    return replace(world, pulls={**world.pulls, number: said})


def closed(draw: st.DataObject, world: Snapshot, number: int) -> Snapshot:
    state = draw.draw(st.sampled_from(["CLOSED", "MERGED"]))
    pull = replace(world.pulls[number], state=state)
    return replace(world, pulls={**world.pulls, number: pull})


@settings(max_examples=150)
@given(st.data(), POLICIES)
def test_no_history_breaks_the_ledgers_laws(data: st.DataObject, policy: Policy) -> None:
    world = a_snapshot(*[an_issue(n, facts=some_facts()) for n in range(1, 5)])
    for _ in range(data.draw(st.integers(1, 14))):
        plan = decide(world, policy)
        book = world.book
        for transition in plan:
            if isinstance(transition, actions.Transition):
                after = transitions.apply(book, transition, policy)
                check_laws(book, after, transition, policy, policy.max_parallel)
                book = after
        world = worlds.step(world, plan, policy)
        assert world.book == book
        if not world.issues:
            return
        world = an_event(data, world)
    # an issue that came back keeps its past in both: the live record is the newer
    everything = {**world.book.finished, **world.book.tasks}.values()
    epochs = [a.epoch for record in everything for a in record.attempts]
    epochs += [record.epoch for record in everything if record.claim]
    assert sorted(epochs) == sorted(set(epochs)), "an epoch was drawn twice"
    assert max(epochs, default=0) <= world.book.fleet.epoch

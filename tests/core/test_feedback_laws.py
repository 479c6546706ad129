"""What CI, reviewers, the maintainer and strangers say and do, in any order: laws that hold all
along, and what is left when they have gone quiet and the agents have answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypothesis import given, note, settings
from hypothesis import strategies as st

from ao_actions.core import actions, budget, checks, commands, feedback, orders, pauses, transitions
from ao_actions.core.checks import RedHead
from ao_actions.core.decide import decide
from ao_actions.core.lookup import unknowns
from ao_actions.core.model import Claim, Limit, Outcome, Phase, Reply, Spent, TaskRecord
from ao_actions.core.observed import Comment, Issue, Pull, Snapshot, Task, Touch
from ao_actions.core.phase import Verdict
from ao_actions.core.policy import Budget, Policy
from ao_actions.core.tasks import tasks, verdicts
from ao_actions.core.triage import Do, FailedCheck, Source, Step
from tests.builders import (
    READY,
    a_check,
    a_comment,
    a_commit,
    a_failed,
    a_remark,
    a_review,
    a_snapshot,
    a_stop,
    a_thread,
    ago,
    an_issue,
    minutes,
    some_facts,
)
from tests.core import worlds

NUMBERS = (1, 2)
WRITERS = {"ann": True, "bob": True, "eve": False}
PEOPLE = ("ann", "ann", "bob", "eve", "nit[bot]", "lint[bot]")
POLICIES = st.builds(
    Policy,
    max_parallel=st.integers(1, 2),
    bots=st.just(("lint[bot]",)),
    agents=st.just(("claude-code", "codex")),
    budget=st.builds(
        Budget,
        attempts=st.integers(1, 4),
        attempts_per_failure=st.integers(1, 2),
        review_rounds=st.integers(1, 3),
        usd_per_task=st.sampled_from([9.0, 20.0]),
        usd_per_day=st.sampled_from([None, None, 12.0]),
    ),
)
MACHINE = ("checks:", "conflict:")
ANSWERS = (Outcome.CHANGES, Outcome.NO_CHANGE)
AT_REST = frozenset(
    {Phase.READY, Phase.IN_REVIEW, Phase.NEEDS_HUMAN, Phase.PAUSED, Phase.CI_BLOCKED}
)


@dataclass(slots=True)
class History:
    """The world and what is remembered of it. `asked`: how often GitHub began a check anew, by
    issue, head and check; `answered`: how often an item was answered; `ended`: the tasks that
    were finished, with their phase; `human`: commits that are
    not ours; `held`: the tasks on which somebody said that nothing is to begin."""

    world: Snapshot
    policy: Policy
    stubborn: bool  # whatever is pushed, the same check fails
    serial: int = 1000
    asked: Counter[tuple[int, str, int]] = field(default_factory=Counter)
    answered: Counter[tuple[int, str]] = field(default_factory=Counter)
    said: Counter[tuple[int, str]] = field(default_factory=Counter)
    ended: dict[int, TaskRecord] = field(default_factory=dict)
    human: set[str] = field(default_factory=set)
    held: set[int] = field(default_factory=set)

    def fresh(self) -> int:
        self.serial += 1
        return self.serial

    def pull(self, number: int) -> Pull | None:
        pull = self.world.pulls.get(number)
        return pull if pull is not None and pull.state == "OPEN" else None

    def put(self, number: int, pull: Pull) -> None:
        self.world = replace(self.world, pulls={**self.world.pulls, number: pull})

    def put_issue(self, issue: Issue) -> None:
        self.world = replace(self.world, issues={**self.world.issues, issue.number: issue})

    def passes(self, **amount: float) -> None:
        self.world = replace(self.world, now=self.world.now + minutes(amount["minutes"]))


# ---- what happens --------------------------------------------------------------------------

Event = Callable[[History, int, int], None]


def checks_end(history: History, number: int, kind: int) -> None:
    """CI has finished on the head: green, or red in one of the ways that triage knows."""
    pull = history.pull(number)
    if pull is None:
        return
    ways: tuple[tuple[FailedCheck, ...], ...] = (
        (),
        (a_failed(text=f"E{number}", attempt=1),),
        (a_failed(text="another", attempt=2),),
        (a_failed(attempt=1, text="dial tcp: lookup example.com: no such host"),),
        (a_failed(attempt=1, steps=()),),
        (a_failed(conclusion="CANCELLED"),),
        (a_failed(conclusion="ACTION_REQUIRED"),),
        (a_failed(conclusion="STARTUP_FAILURE"),),
        (a_failed("style", required=False), a_failed(attempt=1, required=True)),
        (a_failed("style", required=False),),
        (a_failed("outside", source=Source.STATUS, conclusion="ERROR", run_id=None),),
        (a_failed("outside", source=Source.APP, run_id=None, text="2 problems"),),
        (a_failed("old", attempt=1),),  # fails on the base branch too
        (
            a_failed(
                steps=(
                    Step(name="Set up job", conclusion="SUCCESS"),
                    Step(name="test", conclusion="FAILURE"),
                )
            ),
        ),
    )
    _ci(history, number, pull, ways[kind % len(ways)])


def _ci(history: History, number: int, pull: Pull, failed: tuple[FailedCheck, ...]) -> None:
    """One run a head: what was begun anew does not begin at its first attempt."""
    again = history.asked[number, pull.head, 900] > 0
    failed = tuple(replace(f, attempt=2) if again and f.run_id else f for f in failed)
    shown = tuple(a_check(f.name, f.conclusion, run_id=f.run_id) for f in failed)
    green = () if any(f.name == "test" for f in failed) else (a_check(run_id=900),)
    red = RedHead(checks=failed, base={"old": "FAILURE"}) if failed else None
    history.put(number, replace(pull, checks=(*shown, *green), red=red))


def reviewed(history: History, number: int, choice: int) -> None:
    pull = history.pull(number)
    if pull is None:
        return
    review = a_review(
        id=history.fresh(),
        author=PEOPLE[choice % len(PEOPLE)],
        state=("CHANGES_REQUESTED", "COMMENTED", "APPROVED")[choice % 3],
        body=("Please mend it.", "", "/ao why", "/ao budget +1\nAnd mend it.")[choice % 4],
        submitted_at=history.world.now,
        node=f"R{history.serial}",
    )
    history.put(number, replace(pull, reviews=(*pull.reviews, review)))


def remarked(history: History, number: int, choice: int) -> None:
    """A thread begins, or goes on."""
    pull = history.pull(number)
    if pull is None:
        return
    author = PEOPLE[choice % len(PEOPLE)]
    said = a_comment(id=history.fresh(), author=author, created_at=history.world.now)
    threads = pull.threads or ()
    if threads and choice % 2:
        last = threads[-1]
        threads = (*threads[:-1], replace(last, comments=(*last.comments, said)))
    else:
        threads = (*threads, a_thread(said, id=f"T{history.serial}"))
    history.put(number, replace(pull, threads=threads, open_threads=_open(threads)))


def _open(threads: tuple[object, ...]) -> int:
    return sum(not thread.resolved for thread in threads)  # type: ignore[attr-defined]


def resolved(history: History, number: int, _choice: int) -> None:
    pull = history.pull(number)
    if pull is None or not pull.threads:
        return
    threads = (*pull.threads[:-1], replace(pull.threads[-1], resolved=True))
    history.put(number, replace(pull, threads=threads, open_threads=_open(threads)))


def dismissed(history: History, number: int, _choice: int) -> None:
    pull = history.pull(number)
    if pull is not None and pull.reviews:
        last = replace(pull.reviews[-1], state="DISMISSED")
        history.put(number, replace(pull, reviews=(*pull.reviews[:-1], last)))


WORDS = (
    *("Rename it.", "Why so?", "/ao why", "/ao retry", "/ao pause", "/ao resume", "/ao retry"),
    *("/ao budget +1", "/ao budget +$5\nAnd rename it.", "/ao agent codex", "/ao agent nobody"),
    *("/ao dance", "> /ao stop", "/ao stop", "/ao take-over"),
)


def commented(history: History, number: int, choice: int) -> None:
    """In the conversation of the pull request, or of the issue where there is none."""
    pull = history.pull(number)
    said = a_remark(
        WORDS[choice % len(WORDS)],
        id=history.fresh(),
        author=PEOPLE[choice // len(WORDS) % len(PEOPLE)],
        number=pull.number if pull else number,
        created_at=history.world.now,
    )
    _say(history, number, (*history.world.comments.get(number, ()), said))


def edited(history: History, number: int, _choice: int) -> None:
    """The last comment that is not ours is edited."""
    said = history.world.comments.get(number, ())
    theirs = [index for index, comment in enumerate(said) if not comment.ours]
    if theirs:
        at = theirs[-1]
        new = replace(said[at], body="Rename it, please.", edited_at=history.world.now)
        _say(history, number, (*said[:at], new, *said[at + 1 :]))


def _say(history: History, number: int, said: tuple[Comment, ...]) -> None:
    if number in history.world.book.tasks:
        comments = {**history.world.comments, number: said}
        history.world = replace(history.world, comments=comments)


def pushed(history: History, number: int, choice: int) -> None:
    """A human's commit on the branch; or one that GitHub's button for suggestions makes."""
    pull, record = history.pull(number), history.world.book.tasks.get(number)
    if pull is None or record is None:
        return
    head = f"h{history.fresh()}"
    if choice % 3:
        history.human.add(head)
        commit = a_commit(head)
    else:
        commit = a_commit(head, "Apply suggestion from @ann", committer="noreply@github.com")
    recent = (*(pull.recent or (a_commit(pull.head),)), commit)
    moved = replace(pull, head=head, head_at=history.world.now, checks=(), red=None, recent=recent)
    history.put(number, moved)
    branches = {**history.world.branches, record.branch: head}
    history.world = replace(history.world, branches=branches)


def conflicts(history: History, number: int, _choice: int) -> None:
    pull = history.pull(number)
    if pull is not None:
        history.put(number, replace(pull, mergeable="CONFLICTING"))


def drafted(history: History, number: int, choice: int) -> None:
    pull = history.pull(number)
    if pull is not None:
        history.put(number, replace(pull, draft=bool(choice % 2)))


def labelled(history: History, number: int, choice: int) -> None:
    """Off, or on again by somebody who may."""
    issue = history.world.issues.get(number)
    if issue is None:
        return
    if choice % 2:
        history.put_issue(replace(issue, labels=issue.labels - {READY}))
        return
    now = history.world.now
    facts = replace(issue.facts or some_facts(), labelled_at=now)
    labels = issue.labels | {READY}
    marks = (*issue.marks, Touch(now, facts.labelled_by))
    history.put_issue(replace(issue, labels=labels, labelled_at=now, marks=marks, facts=facts))


def ended(history: History, number: int, choice: int) -> None:
    """The issue is closed or taken over, or its pull request closed or merged."""
    issue, pull = history.world.issues.get(number), history.pull(number)
    if issue is None:
        return
    if choice % 4 == 0:
        history.put_issue(replace(issue, is_open=False))
    elif choice % 4 == 1:
        history.put_issue(replace(issue, assignees=issue.assignees | {"bob"}))
    elif pull is not None:
        history.put(number, replace(pull, state=("CLOSED", "MERGED")[choice % 2]))


def run_ends(history: History, number: int, choice: int) -> None:
    """The live claim's run ends, in whatever way."""
    outcomes = (Outcome.CHANGES, Outcome.CHANGES, Outcome.NO_CHANGE, *Outcome)
    publish(history, number, outcomes[choice % len(outcomes)])


EVENTS: tuple[Event, ...] = (
    *(checks_end, reviewed, remarked, commented, run_ends) * 4,
    *(pushed, conflicts, edited) * 2,
    *(resolved, dismissed, drafted, labelled, ended),
)


def publish(history: History, number: int, outcome: Outcome) -> None:
    """What the publish job does: it looks once more, and moves no branch that a human moved."""
    world = history.world
    record = world.book.tasks.get(number)
    if record is None or record.claim is None:
        return
    claim, issue, pull = record.claim, world.issues[number], world.pulls.get(number)
    if outcome in (Outcome.LOST, Outcome.SUPERSEDED, Outcome.WITHDRAWN):
        outcome = Outcome.AGENT_ERROR
    stop = a_stop(at=world.now) if outcome is Outcome.REFUSED else None
    if (
        not issue.is_open
        or READY not in issue.labels
        or issue.assignees - {record.owner}
        or (pull is not None and pull.state != "OPEN")
    ):
        outcome = Outcome.WITHDRAWN
    elif outcome is Outcome.CHANGES and world.branches.get(record.branch, "") != claim.head:
        outcome, stop = Outcome.REFUSED, a_stop(at=world.now)
    head = f"c{record.epoch}" if outcome is Outcome.CHANGES else None
    limit = Limit(until=world.now + minutes(50), proven=True)
    done = transitions.publish(
        record,
        outcome=outcome,
        detail="",
        at=world.now,
        spent=Spent(usd=0.5),
        head=head,
        replies=_replies(claim, pull) if outcome in ANSWERS else (),
        stop=stop,
        limit=limit if outcome is Outcome.LIMITED else None,
    )
    if outcome in ANSWERS:
        history.answered.update(_keys(number, claim.items, record.round))
    fleet = pauses.ended(world.book.fleet, done.attempts[-1], number)
    fleet = budget.settled(fleet, claim, Spent(usd=0.5))
    history.world = replace(world, book=replace(world.book.put(done), fleet=fleet))
    if head is not None:
        _moved_by_us(history, number, record.branch, head)


def _replies(claim: Claim, pull: Pull | None) -> tuple[Reply, ...]:
    """One for each thread and one for all else, as `work/replies.py` has it."""
    threads = [item for item in claim.items if item.startswith("thread:")]
    others = [item for item in claim.items if item.startswith(("review:", "comment:"))]
    number = pull.number if pull else 0
    return (
        *(Reply(thread=i.split(":")[1], item=i, body="Done.", number=number) for i in threads),
        *(Reply(thread="", item=i, body="Done.", number=number) for i in others[:1]),
    )


def _moved_by_us(history: History, number: int, branch: str, head: str) -> None:
    world, pull = history.world, history.pull(number)
    history.world = replace(world, branches={**world.branches, branch: head})
    if pull is not None:
        recent = (*(pull.recent or ()), a_commit(head))
        moved = replace(pull, head=head, recent=recent, red=None)
        moved = replace(moved, head_at=world.now, checks=(), mergeable="MERGEABLE")
        history.put(number, moved)
    if history.stubborn and history.pull(number) is not None:
        checks_end(history, number, 1)


# ---- a pass, and the laws of each ----------------------------------------------------------


def one_pass(history: History) -> tuple[actions.Action, ...]:
    world, policy = history.world, history.policy
    if world.book.live_claims() == 0 or world.runs is None:
        world = replace(world, runs=() if world.book.live_claims() else None)
    for number in unknowns(world, policy).threads:
        pull = replace(world.pulls[number], threads=())
        world = replace(world, pulls={**world.pulls, number: pull})
    assert not unknowns(world, policy), "all of it is there"
    plan = decide(world, policy)
    book = world.book
    for step in plan:
        if isinstance(step, actions.Transition):
            if isinstance(step, actions.Claim):
                check_claim(history, step, replace(world, book=book))
            if isinstance(step, actions.Finish):
                history.ended[step.issue] = book.tasks[step.issue]
                history.held.discard(step.issue)
            if isinstance(step, actions.Obey):
                obey(history, step)
            book = transitions.apply(book, step, policy)
            assert book.live_claims() <= policy.max_parallel
            if isinstance(step, actions.Claim):
                check_budgets(book.tasks[step.issue], policy)
    for effect in plan:
        check_effect(history, effect)
    world = worlds.step(world, plan, policy)
    running = tuple(replace(run, status="in_progress") for run in world.runs or ())
    history.world = replace(world, runs=running if world.book.live_claims() else None)
    return plan


def obey(history: History, step: actions.Obey) -> None:
    assert history.world.trusted[step.login], "a stranger is obeyed"
    for command in step.commands:
        if command.word in ("pause", "stop", "take-over"):
            history.held.add(step.issue)
        elif command.word in ("resume", "retry"):
            history.held.discard(step.issue)


def check_claim(history: History, claim: actions.Claim, before: Snapshot) -> None:
    """Nobody works on it, nobody has said no, and what it is sent for was not answered before."""
    record, issue = before.book.tasks.get(claim.issue), before.issues[claim.issue]
    assert record is None or record.claim is None, "a second claim"
    assert claim.issue not in history.held
    assert issue.is_open
    assert READY in issue.labels
    owner = record.owner if record else "ann"
    assert not issue.assignees - {owner, "ann"}, "somebody has taken it over"
    assert not any(history.answered[key] for key in _keys(claim.issue, claim.items, claim.round)), (
        "answered twice"
    )
    pull = before.pulls.get(claim.issue)
    if pull is None or record is None:
        return
    assert pull.state == "OPEN"
    assert not pull.draft
    assert record.held is None
    assert claim.head == pull.head, "built on something else"
    if pull.head in history.human and pull.head != record.resumed:
        assert _asked_for(before, claim.issue), "a human's commit pauses it"


def _keys(number: int, items: tuple[str, ...], era: int) -> list[tuple[int, str]]:
    """Red checks and conflicts may be tried anew in another round, when a human has said so;
    nobody's words are answered again."""
    return [(number, f"{i} in round {era}" if i.startswith(MACHINE) else i) for i in items]


def _asked_for(before: Snapshot, number: int) -> tuple[str, ...]:
    found = {task.issue.number: task for task in tasks(before, Policy(), live=True)}
    return feedback.review_items(found[number])


def check_budgets(record: TaskRecord, policy: Policy) -> None:
    """With this claim as one more attempt, no budget of the round is overdrawn."""
    assert record.claim is not None
    counted = [a for a in record.this_round() if a.outcome not in budget.UNCOUNTED]
    reasons = [attempt.reason for attempt in counted] + [record.claim.reason]
    reviews = reasons.count(Phase.CHANGES_REQUESTED)
    limits = policy.budget
    if record.claim.reason is Phase.CHANGES_REQUESTED:
        assert reviews <= limits.review_rounds + record.extra_attempts
    else:
        assert len(reasons) - reviews <= limits.attempts + record.extra_attempts
    spent = sum(attempt.spent.usd for attempt in record.this_round())
    assert spent + record.claim.reserved.usd <= limits.usd_per_task + record.extra_usd + 1e-6
    for failure in record.claim.failures:
        tried = sum(failure.signature in {f.signature for f in a.failures} for a in counted)
        assert tried < limits.attempts_per_failure + record.extra_attempts


def check_effect(history: History, effect: actions.Action) -> None:
    match effect:
        case actions.Rerun(run_id=900):
            head = history.world.pulls[effect.issue].head
            history.asked[effect.issue, head, effect.run_id] += 1
            assert history.asked[effect.issue, head, effect.run_id] == 1, "run again twice"
        case actions.Answer():
            history.said[effect.issue, effect.reply.item] += 1
            assert history.said[effect.issue, effect.reply.item] == 1, "said twice"
        case actions.React():
            history.said[effect.issue, f"react:{effect.node}"] += 1
            assert history.said[effect.issue, f"react:{effect.node}"] == 1, "reacted twice"
        case actions.Label():
            assert READY not in effect.add
        case actions.OpenPull():
            assert effect.issue not in history.world.pulls, "a second pull request"
        case _:
            pass


# ---- the histories -------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(EVENTS),
        st.sampled_from(NUMBERS),
        st.integers(0, 89),
        st.sampled_from([0, 1, 3, 20, 400]),
    ),
    min_size=15,
    max_size=40,
)


@settings(max_examples=200)
@given(STEPS, POLICIES, st.booleans())
def test_whatever_is_said_is_answered_once_or_handed_to_a_human(
    steps: list[tuple[Event, int, int, int]],
    policy: Policy,
    stubborn: bool,  # noqa: FBT001
) -> None:
    issues = [an_issue(n, created_at=ago(600 - n), facts=some_facts()) for n in NUMBERS]
    trusted = {**WRITERS, "lint[bot]": True, "nit[bot]": False}
    history = History(a_snapshot(*issues, trusted=trusted), policy, stubborn)
    for number in (*NUMBERS, *NUMBERS):  # both have a pull request, if there is a slot
        one_pass(history)
        publish(history, number, Outcome.CHANGES)
        history.passes(minutes=3)
    for event, number, choice, wait in steps:
        note(f"{event.__name__} #{number} {choice}, {wait} minutes")
        event(history, number, choice)
        one_pass(history)
        history.passes(minutes=wait)
    quiet(history)
    for task, verdict in verdicts(history.world, policy, live=True):
        note(f"#{task.issue.number} {verdict}")
        check_at_rest(history, task, verdict)
    for number, record in history.ended.items():
        assert history.world.book.finished.get(number) or number in history.world.book.tasks
        assert_each_once(record)


def quiet(history: History) -> None:
    """Nobody says anything more: runs and checks end, agents answer, until time changes nothing."""
    still = 0
    for _ in range(150):
        plan = one_pass(history)
        before = history.world
        for number in tuple(history.world.book.tasks):
            publish(history, number, Outcome.CHANGES)
            pull = history.pull(number)
            if pull is not None and checks.running(pull):
                _ci(history, number, pull, (a_failed(attempt=2),) if history.stubborn else ())
        still = 0 if plan or history.world is not before else still + 1
        if still == 3:
            return
        history.passes(minutes=11 if still == 0 else 60 * 25)
    raise AssertionError("it does not come to rest")


def check_at_rest(history: History, task: Task, verdict: Verdict) -> None:
    """It waits for a person, who is told for what; or nothing is left to answer."""
    record, pull, policy = task.record, task.pull, history.policy
    assert record is not None
    assert record.claim is None
    assert verdict.phase in AT_REST
    assert verdict.because
    for order in orders.pending(task):
        assert not (task.trusted.get(order.author) and _can_be(order.commands, policy))
    assert all(history.said[record.issue, reply.item] == 1 for reply in record.owed)
    assert_each_once(record)
    if verdict.phase in (Phase.READY, Phase.IN_REVIEW):
        assert pull is not None
        assert feedback.review_items(task) == ()
        found = checks.judged(task, policy)
        assert found is None or found.do is Do.IGNORE
        assert pull.mergeable == "MERGEABLE"


def assert_each_once(record: TaskRecord) -> None:
    words = [item for item in record.handled if not item.startswith(MACHINE)]
    assert len(words) == len(set(words))


def _can_be(given: tuple[commands.Command, ...], policy: Policy) -> bool:
    return all(commands.is_right(c) for c in given) and all(
        c.argument in policy.agents for c in given if c.word == "agent"
    )

"""A fleet that meets limits: laws of its claims along any history."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ao_actions.core import actions, budget, pauses, selection, transitions
from ao_actions.core.decide import decide
from ao_actions.core.model import Fleet, Limit, Outcome, Phase, Spent
from ao_actions.core.observed import Snapshot
from ao_actions.core.policy import Budget, Policy
from ao_actions.core.tasks import tasks, verdicts
from tests.builders import (
    NOW,
    a_book,
    a_pause,
    a_record,
    a_snapshot,
    ago,
    an_attempt,
    an_issue,
    minutes,
    some_facts,
)
from tests.core import worlds

AGENTS = st.sampled_from([("claude-code",), ("claude-code", "codex")])
UNTIL = st.sampled_from([None, 3, 20, 50, 90, 300])


def new_tasks(count: int) -> Snapshot:
    """Issue 1 is the oldest."""
    return a_snapshot(
        *[an_issue(n, created_at=ago(600 - n), facts=some_facts()) for n in range(1, count + 1)]
    )


def passed(world: Snapshot, policy: Policy) -> tuple[Snapshot, list[actions.Claim]]:
    """A pass, and the claims that it made."""
    plan = decide(world, policy)
    return worlds.step(world, plan, policy), [a for a in plan if isinstance(a, actions.Claim)]


def over(
    world: Snapshot, number: int, outcome: Outcome, limit: Limit | None = None, **given: object
) -> Snapshot:
    """The attempt of a task ends, and publish writes it down."""
    record = world.book.tasks[number]
    ended = transitions.publish(
        record,
        outcome=outcome,
        detail="",
        at=world.now,
        spent=Spent(usd=0.1),
        head=None,
        replies=(),
        limit=limit,
        **given,  # type: ignore[arg-type]
    )
    fleet = pauses.ended(world.book.fleet, ended.attempts[-1], number)
    return replace(world, book=replace(world.book.put(ended), fleet=fleet))


@settings(max_examples=80, deadline=None)
@given(st.data(), AGENTS, st.integers(1, 4))
def test_no_history_of_limits_breaks_the_laws(
    data: st.DataObject, agents: tuple[str, ...], parallel: int
) -> None:
    policy = Policy(agents=agents, max_parallel=parallel, budget=Budget(attempts=3))
    world = new_tasks(5)
    claims: dict[str, list[datetime]] = defaultdict(list)
    for _ in range(data.draw(st.integers(1, 25))):
        before = world.book.fleet.paused
        world, made = passed(world, policy)
        for claim in made:
            claims[claim.agent].append(claim.at)
            if (pause := before.get(claim.agent)) is None:
                continue
            assert pause.until <= claim.at, "a paused agent was sent"
            since = [at for at in claims[claim.agent] if at >= pause.until]
            assert len(since) <= 1 + (claim.at - pause.until) // timedelta(minutes=5)
        assert world.book.live_claims() <= parallel
        check_budgets(world, policy)
        check_nobody_is_stuck(world, policy)
        world = an_event(data, world)


def an_event(data: st.DataObject, world: Snapshot) -> Snapshot:
    world = replace(world, now=world.now + minutes(data.draw(st.sampled_from([1, 4, 6, 30, 300]))))
    live = sorted(n for n, record in world.book.tasks.items() if record.claim)
    if not live or not data.draw(st.booleans()):
        return world
    number = data.draw(st.sampled_from(live))
    if data.draw(st.integers(0, 3)) == 0:
        return over(world, number, data.draw(st.sampled_from([Outcome.AGENT_ERROR, Outcome.LOST])))
    named = data.draw(UNTIL)
    until = None if named is None else world.now + minutes(named)
    limit = pauses.limit(until, proven=data.draw(st.booleans()), now=world.now)
    session = data.draw(st.sampled_from([None, "s1"]))
    return over(world, number, Outcome.LIMITED, limit, session=session)


def check_budgets(world: Snapshot, policy: Policy) -> None:
    for record in world.book.tasks.values():
        failures = sum(a.outcome is not Outcome.LIMITED for a in record.this_round())
        assert budget.attempts_made(record) == failures <= policy.budget.attempts
        reserved = record.claim.reserved.usd if record.claim else 0.0
        assert record.spent.usd + reserved <= policy.budget.usd_per_task


def check_nobody_is_stuck(world: Snapshot, policy: Policy) -> None:
    """Who has no claim waits for a time in the future, for a free slot or for a human."""
    full = world.book.live_claims() == policy.max_parallel
    for task, verdict in verdicts(world, policy):
        if verdict.phase is Phase.PAUSED:
            assert task.turn is not None
            assert world.now < task.turn.at <= world.now + timedelta(days=8, hours=1)
        else:
            assert verdict.phase in (Phase.WORKING, Phase.NEEDS_HUMAN) or full


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 7), st.permutations(range(1, 8)), st.integers(1, 8), st.integers(1, 6))
def test_after_the_reset_they_go_on_one_by_one_and_the_oldest_first(
    count: int, ages: list[int], parallel: int, every: int
) -> None:
    """Whenever a pass comes along, and whatever new issues wait; nobody waits for ever."""
    policy = Policy(max_parallel=parallel)
    limited = an_attempt(outcome=Outcome.LIMITED, limit=Limit(proven=True), spent=Spent(usd=0.1))
    records = [a_record(issue=n, epoch=n, attempts=(limited,)) for n in range(1, count + 1)]
    ready = {n: an_issue(n, created_at=ago(ages[n - 1])) for n in range(1, count + 1)}
    new = an_issue(99, created_at=ago(900), facts=some_facts())
    fleet = Fleet(epoch=count, paused={"claude-code": a_pause(until=NOW, notice="n")})
    world = a_snapshot(*ready.values(), new, book=a_book(*records, fleet=fleet))
    order: list[int] = []
    while len(order) <= count:
        world, made = passed(world, policy)
        order += [claim.issue for claim in made]
        gone = world.now - NOW
        assert len(order) <= 1 + gone // timedelta(minutes=5)
        assert gone <= minutes(5 * count + every * (count + 2)), "somebody waits for ever"
        if world.book.live_claims() == parallel:
            world = vanished(world, order[-1])
        world = replace(world, now=world.now + minutes(every))
    assert order == [*sorted(ready, key=lambda n: (ready[n].created_at, n)), 99]


def vanished(world: Snapshot, number: int) -> Snapshot:
    """A task goes, and its slot is free; it says nothing of the model."""
    live = {n: record for n, record in world.book.tasks.items() if n != number}
    issues = {n: issue for n, issue in world.issues.items() if n != number}
    return replace(world, book=replace(world.book, tasks=live), issues=issues)


def test_the_first_answer_lets_all_go_on() -> None:
    policy = Policy(max_parallel=3)
    world, made = passed(new_tasks(3), policy)
    assert len(made) == 3
    until = NOW + minutes(90)
    for number in (1, 2, 3):
        world = over(world, number, Outcome.LIMITED, Limit(until=until, proven=True))
    world, made = passed(replace(world, now=until), policy)
    assert [claim.issue for claim in made] == [1]
    world, made = passed(replace(world, now=until + minutes(1)), policy)
    assert made == []
    world = over(world, 1, Outcome.AGENT_ERROR)
    assert world.book.fleet.paused == {}
    world, made = passed(world, policy)
    assert [claim.issue for claim in made] == [1, 2, 3]


def test_what_the_line_says_is_what_happens() -> None:
    """Each task goes on at the very minute that its status names."""
    policy = Policy(max_parallel=4, agents=("claude-code", "codex"))
    world, _ = passed(new_tasks(4), policy)
    oldest = an_issue(3, created_at=ago(900), facts=some_facts())
    world = replace(world, issues={**world.issues, 3: oldest})
    for number in (1, 2, 3, 4):
        world = over(world, number, Outcome.LIMITED, Limit(until=NOW + minutes(30), proven=True))
    codex = a_pause(until=NOW + minutes(32), notice="n")
    fleet = replace(world.book.fleet, paused={**world.book.fleet.paused, "codex": codex})
    world = replace(world, book=replace(world.book, fleet=fleet))
    said = {t.issue.number: (t.turn.agent, t.turn.at) for t in tasks(world, policy) if t.turn}
    assert said == {
        t.issue.number: (t.turn.agent, t.turn.at) for t in tasks(world, policy, live=True)
    }
    done = {}
    for minute in range(60):
        world, made = passed(replace(world, now=NOW + minutes(minute)), policy)
        done |= {claim.issue: (claim.agent, claim.at) for claim in made}
    assert done == said
    assert done[3] == ("claude-code", NOW + minutes(30))


def test_the_last_of_the_line_is_claimed_by_nobody_yet() -> None:
    """A task whose place was taken in this very plan is paused again."""
    policy = Policy(max_parallel=4)
    world = new_tasks(2)
    fleet = Fleet(paused={"claude-code": a_pause(until=NOW, notice="n")})
    world, made = passed(replace(world, book=a_book(fleet=fleet)), policy)
    assert [claim.issue for claim in made] == [1]
    [(task, verdict)] = [pair for pair in verdicts(world, policy) if pair[0].issue.number == 2]
    assert verdict.phase is Phase.PAUSED
    assert task.turn is not None
    assert task.turn.at == NOW + minutes(5)
    assert selection.hold(task, verdict, world, policy) is None

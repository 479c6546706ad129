import pytest

from ao_actions.core import budget
from ao_actions.core.model import Fleet, Outcome, Phase, Spent
from ao_actions.core.policy import Budget, Policy
from tests.builders import NOW, POLICY, a_claim, a_record, ago, an_attempt, minutes


def spent(usd: float, outcome: Outcome = Outcome.AGENT_ERROR, round_: int = 1):
    return an_attempt(outcome=outcome, round=round_, spent=Spent(usd=usd))


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        pytest.param((), None, id="nothing tried"),
        pytest.param((spent(0),) * 3, None, id="one attempt left"),
        pytest.param((spent(0),) * 4, "all 4 attempts are used", id="attempts used"),
        pytest.param(
            (spent(0, Outcome.LIMITED),) * 9, None, id="a model's limit uses up no attempt"
        ),
        pytest.param(
            (spent(0, Outcome.SUPERSEDED),) * 9, None, id="a superseded run uses up no attempt"
        ),
        pytest.param((spent(5), spent(5), spent(5)), None, id="money for exactly one more"),
        pytest.param((spent(15.01),), "$15.01 of $20.00 are spent", id="not enough for one more"),
        pytest.param(
            (spent(5, Outcome.LIMITED),) * 4,
            "$20.00 of $20.00 are spent",
            id="a model's limit does use up money",
        ),
        pytest.param((spent(20, round_=0),), None, id="another round's money does not count"),
    ],
)
def test_exhausted(attempts, expected) -> None:
    assert budget.exhausted(a_record(attempts=attempts), POLICY, Phase.QUEUED) == expected


def test_a_task_without_a_record_has_all_its_budget() -> None:
    assert budget.exhausted(None, POLICY, Phase.QUEUED) is None


def test_the_first_attempt_may_take_the_whole_budget_of_the_task() -> None:
    policy = Policy(budget=Budget(usd_per_attempt=50, usd_per_task=20))
    assert budget.attempt_usd(policy) == 20
    assert budget.exhausted(a_record(), policy, Phase.QUEUED) is None
    assert budget.exhausted(a_record(attempts=(spent(0.5),)), policy, Phase.QUEUED) is not None


def test_cents_add_up() -> None:
    policy = Policy(budget=Budget(usd_per_attempt=0.1, usd_per_task=0.3))
    assert (
        budget.exhausted(a_record(attempts=(spent(0.1), spent(0.1))), policy, Phase.QUEUED) is None
    )


REVIEWS = tuple(an_attempt(reason=Phase.CHANGES_REQUESTED, spent=Spent()) for _ in range(5))
FAILED = (spent(0),) * 4


@pytest.mark.parametrize(
    ("attempts", "reason", "extra", "expected"),
    [
        (REVIEWS[:4], Phase.CHANGES_REQUESTED, 0, None),
        (REVIEWS, Phase.CHANGES_REQUESTED, 0, "all 5 rounds of review are used"),
        (REVIEWS, Phase.CHANGES_REQUESTED, 1, None),
        (REVIEWS, Phase.CI_FAILED, 0, None),
        (FAILED, Phase.CHANGES_REQUESTED, 0, None),
        (FAILED, Phase.CI_FAILED, 0, "all 4 attempts are used"),
        (FAILED, Phase.CI_FAILED, 1, None),
        ((*FAILED, *REVIEWS), Phase.CI_FAILED, 1, None),
    ],
)
def test_reviews_are_counted_by_themselves(attempts, reason, extra, expected) -> None:
    record = a_record(attempts=attempts, extra_attempts=extra)
    assert budget.exhausted(record, POLICY, reason) == expected


def test_money_that_was_added() -> None:
    record = a_record(attempts=(spent(18),), extra_usd=3)
    assert budget.exhausted(record, POLICY, Phase.QUEUED) is None
    record = a_record(attempts=(spent(18.01),), extra_usd=3)
    assert budget.exhausted(record, POLICY, Phase.QUEUED) == "$18.01 of $23.00 are spent"


# ---- the day -------------------------------------------------------------------------------

DAILY = Policy(budget=Budget(usd_per_day=12.0))
MIDNIGHT = NOW + minutes(12 * 60)


@pytest.mark.parametrize(
    ("fleet", "policy", "opens"),
    [
        pytest.param(Fleet(), DAILY, None, id="nothing was ever claimed"),
        pytest.param(Fleet(day="2026-01-05", usd_today=7), DAILY, None, id="enough for one"),
        pytest.param(Fleet(day="2026-01-05", usd_today=7.01), DAILY, MIDNIGHT, id="not enough"),
        pytest.param(Fleet(day="2026-01-04", usd_today=99), DAILY, None, id="yesterday's money"),
        pytest.param(Fleet(day="2026-01-05", usd_today=99), POLICY, None, id="no limit"),
    ],
)
def test_a_day_s_money(fleet, policy, opens) -> None:
    assert budget.day_opens(fleet, policy, NOW) == opens


def test_a_day_of_less_than_an_attempt_has_one_small_attempt() -> None:
    policy = Policy(budget=Budget(usd_per_day=2.0))
    assert budget.attempt_usd(policy) == 2.0
    assert budget.day_opens(Fleet(day="2026-01-05", usd_today=0.5), policy, NOW) == MIDNIGHT
    assert budget.day_opens(Fleet(day="2026-01-04", usd_today=2.0), policy, NOW) is None


def test_a_claim_is_reserved_on_its_day_and_settled_on_it() -> None:
    fleet = budget.reserved(Fleet(day="2026-01-04", usd_today=9), 5, NOW)
    assert (fleet.day, fleet.usd_today) == ("2026-01-05", 5)
    fleet = budget.reserved(fleet, 5, NOW)
    assert budget.settled(fleet, a_claim(), Spent(usd=1)).usd_today == 6
    assert budget.settled(fleet, a_claim(), None) == fleet
    yesterday = a_claim(claimed_at=ago(24 * 60))
    assert budget.settled(fleet, yesterday, Spent(usd=1)) == fleet

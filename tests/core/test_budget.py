import pytest

from ao_actions.core import budget
from ao_actions.core.model import Outcome, Policy, Spent
from tests.builders import POLICY, a_record, an_attempt


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
    assert budget.exhausted(a_record(attempts=attempts), POLICY) == expected


def test_a_task_without_a_record_has_all_its_budget() -> None:
    assert budget.exhausted(None, POLICY) is None


def test_the_first_attempt_may_take_the_whole_budget_of_the_task() -> None:
    policy = Policy(usd_per_attempt=50, usd_per_task=20)
    assert budget.attempt_usd(policy) == 20
    assert budget.exhausted(a_record(), policy) is None
    assert budget.exhausted(a_record(attempts=(spent(0.5),)), policy) is not None


def test_cents_add_up() -> None:
    policy = Policy(usd_per_attempt=0.1, usd_per_task=0.3)
    assert budget.exhausted(a_record(attempts=(spent(0.1), spent(0.1))), policy) is None

"""Whether the laws would see it: each bug of `mutations.TABLE` is planted, and found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sim import mutations
from tests.sim.__main__ import play

pytestmark = pytest.mark.extra
MOST, SOON = 12_000, 500
# It takes more schedules than every run has time for.
RARE = (mutations.cap_checked_outside,)

Mutation = Callable[[pytest.MonkeyPatch], None]


def found(mutation: Mutation, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    for seed in range(most):
        schedule = play(seed)
        if schedule.violations:
            assert "crashed" not in schedule.violations[0]  # the plant's own mistake, no law's find
            print(f"{mutation.__name__}: {seed + 1} schedules: {schedule.violations[0]}")
            return
    pytest.fail(f"{mutation.__name__} is not seen in {most} schedules")


@pytest.mark.parametrize(
    "mutation",
    [mutation for mutation in mutations.TABLE if mutation not in RARE],
    ids=lambda mutation: mutation.__name__,
)
def test_a_planted_bug_is_found(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    found(mutation, SOON, monkeypatch)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutation", RARE, ids=lambda mutation: mutation.__name__)
def test_a_rare_bug_is_found(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    found(mutation, MOST, monkeypatch)

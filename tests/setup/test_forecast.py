"""Minutes per month: a table."""

from __future__ import annotations

import pytest

from ao_actions.errors import ConfigError
from ao_actions.setup.forecast import forecast, passes


@pytest.mark.parametrize(
    ("schedule", "count"),
    [
        ("17 * * * *", 720),
        ("*/15 * * * *", 2880),
        ("41 */6 * * *", 120),
        ("41 3,9,15,21 * * *", 120),
        ("7 6 * * *", 30),
        ("7 6 * * 1-5", 21),
        ("7 6 * * mon-fri", 21),
        ("7 6 * * 0", 4),
        ("7 6 * * 7", 4),
        ("7 6 1 * *", 1),
        ("7 6 1,15 * *", 2),
        ("7 6 1 * 1", 5),
        ("7 6 * jan *", 3),
        ("5/20 * * * *", 2160),
    ],
)
def test_scheduled_passes_in_a_month(schedule: str, count: int) -> None:
    assert passes(schedule) == count


@pytest.mark.parametrize(
    "schedule",
    ["", "hourly", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
     "*/0 * * * *", "5-1 * * * *", "x * * * *", "1,,2 * * * *"],
)  # fmt: skip
def test_what_is_no_schedule(schedule: str) -> None:
    with pytest.raises(ConfigError, match="is not a cron line"):
        passes(schedule)


@pytest.mark.parametrize(
    ("private", "server", "billed"),
    [(False, False, False), (True, False, True), (None, False, None), (True, True, False)],
)
def test_who_pays(private: bool | None, server: bool, billed: bool | None) -> None:  # noqa: FBT001
    made = forecast("17 * * * *", private=private, minutes=45, wait=12, enterprise_server=server)
    assert (made.idle, made.per_pull, made.billed) == (720, 8, billed)


def test_a_private_repository_reads_its_share_of_the_plan() -> None:
    first, second = forecast("41 */6 * * *", private=True, minutes=45, wait=12).lines()
    assert first == (
        "idle 120 minutes a month, merged pull request 8, the agent's job (at most 45 minutes an "
        "attempt) and the wait for CI after each push (at most 12); counted against the plan: the "
        "repository is private"
    )
    assert "Free 6 % of 2,000, Pro and Team 4 % of 3,000, Enterprise under 1 % of 50,000" in second


def test_a_public_one_reads_that_it_is_free() -> None:
    lines = forecast("17 * * * *", private=False, minutes=45, wait=12).lines()
    assert len(lines) == 1
    assert "free" in lines[0]


def test_a_self_hosted_agent_costs_no_minutes() -> None:
    made = forecast("17 * * * *", private=True, minutes=45, wait=12, self_hosted=True)
    assert "self-hosted: no minutes" in made.lines()[0]

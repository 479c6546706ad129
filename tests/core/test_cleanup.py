"""What cleanup may remove: a table, and the law that nothing of a human's ever goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.core.cleanup import (
    ABANDONED,
    Artifact,
    Branch,
    DeleteArtifact,
    DeleteBranch,
    Keep,
    Remains,
    branches_of,
    describe,
    plan,
)
from ao_actions.core.model import Phase, TaskRecord
from tests.builders import NOW, a_published_record, ago, an_attempt

DAY = 24 * 60


def finished(phase: Phase = Phase.DONE, *, days: float = 1, **given: Any) -> TaskRecord:
    return a_published_record(finished=phase, finished_at=ago(days * DAY), **given)


def withdrawn(days: float = 31, **given: Any) -> TaskRecord:
    return finished(Phase.WITHDRAWN, days=days, **given)


def a_branch(name: str = "ao/42", **given: Any) -> Branch:
    return Branch(**{"name": name, "head": "c1", "beyond": ("c1",), **given})


def merged(name: str = "ao/42", **given: Any) -> Branch:
    return a_branch(name, **{"beyond": (), "merged": "main has its commits", **given})


def remains(record: TaskRecord, *branches: Branch, **given: Any) -> Remains:
    return Remains(
        **{
            "now": NOW,
            "default_branch": "main",
            "finished": {record.issue: record},
            "branches": {branch.name: branch for branch in branches},
            **given,
        }
    )


@pytest.mark.parametrize(
    ("record", "branch", "attic", "because"),
    [
        (finished(), merged(), "", "main has its commits"),
        (
            finished(),
            merged(beyond=("c1",), merged="it was merged by #7"),
            "",
            "it was merged by #7",
        ),
        (withdrawn(days=0), merged(), "", "main has its commits"),
        (withdrawn(), a_branch(), "refs/ao/attic/42/1", "its task was withdrawn on 2025-12-05"),
    ],
    ids=["merged", "squashed", "withdrawn but merged", "abandoned"],
)
def test_what_goes(record: TaskRecord, branch: Branch, attic: str, because: str) -> None:
    assert plan(remains(record, branch), "ao/") == (
        DeleteBranch(issue=42, branch="ao/42", head="c1", attic=attic, because=because),
    )


@pytest.mark.parametrize(
    ("record", "branch", "because"),
    [
        (finished(), merged(pulls=(9,)), "#9 is open"),
        (finished(), merged(head="h1"), "the ledger does not know its commit h1"),
        (finished(), a_branch(), "it is not merged"),
        (
            finished(),
            merged(beyond=("c1", "h1")),
            "main lacks its commit h1, which is not ours",
        ),
        (
            withdrawn(),
            a_branch(beyond=("c1", "h1")),
            "main lacks its commit h1, which is not ours",
        ),
        (
            withdrawn(days=29.9),
            a_branch(),
            "it is not merged, and its task ended less than 30 days ago",
        ),
        (
            replace(withdrawn(), finished_at=None),
            a_branch(),
            "it is not merged, and its task ended less than 30 days ago",
        ),
        (finished(branch="main"), merged("main"), "it is the default branch"),
    ],
)
def test_what_stays(record: TaskRecord, branch: Branch, because: str) -> None:
    assert plan(remains(record, branch), "ao/") == (
        Keep(issue=42, branch=branch.name, because=because),
    )


def test_a_branch_of_an_earlier_round_is_abandoned_though_the_task_is_done() -> None:
    attempts = (an_attempt(head="c1"), an_attempt(head="c2", epoch=2, round=2))
    record = finished(days=40, branch="ao/42-2", round=2, published=("c2",), attempts=attempts)
    assert branches_of(record, "ao/") == ("ao/42", "ao/42-2")
    both = remains(record, a_branch(), merged("ao/42-2", head="c2"))
    first, second = plan(both, "ao/")
    assert describe(first) == ("task 42: delete branch ao/42 at c1, keep it as refs/ao/attic/42/1")
    assert describe(second) == "task 42: delete branch ao/42-2 at c2"


def test_each_thing_in_the_attic_has_a_place_of_its_own() -> None:
    attempts = (an_attempt(head="c1"), an_attempt(head="c2", epoch=2, round=2))
    record = withdrawn(branch="ao/42-2", round=2, published=("c2",), attempts=attempts)
    second = a_branch("ao/42-2", head="c2", beyond=("c2",))
    both = remains(record, a_branch(), second, attic={"refs/ao/attic/42/1": "c0"})
    places = [step.attic for step in plan(both, "ao/") if isinstance(step, DeleteBranch)]
    assert places == ["refs/ao/attic/42/2", "refs/ao/attic/42/3"]


def test_what_exists_no_more_is_not_spoken_of() -> None:
    assert plan(remains(finished()), "ao/") == ()


# ---- artifacts -----------------------------------------------------------------------------


def an_artifact(name: str = "handoff-42-1-1", **given: Any) -> Artifact:
    return Artifact(**{"id": 5, "name": name, "run_id": 900, **given})


def with_run(record: TaskRecord) -> TaskRecord:
    return replace(record, attempts=(an_attempt(head="c1", run_id=900),))


@pytest.mark.parametrize(
    ("record", "artifact", "goes"),
    [
        (finished(), an_artifact(), True),
        (finished(), an_artifact("handoff-42-1"), True),  # GitHub Enterprise Server
        (withdrawn(), an_artifact(), True),
        (withdrawn(days=29), an_artifact(), False),
        (finished(), an_artifact(run_id=901), False),
        (finished(), an_artifact("handoff-42-2-1"), False),
        (finished(), an_artifact("handoff-43-1-1"), False),
        (finished(), an_artifact("handoff-42-1-1-x"), False),
        (finished(), an_artifact("coverage"), False),
    ],
)
def test_hand_offs_go_by_exact_name_and_run(
    record: TaskRecord,
    artifact: Artifact,
    goes: bool,  # noqa: FBT001
) -> None:
    steps = plan(remains(with_run(record), artifacts=(artifact,)), "ao/")
    assert [type(step) for step in steps] == ([DeleteArtifact] if goes else [])
    if goes:
        assert describe(steps[0]).endswith(f"delete artifact {artifact.name} of run 900")


# ---- the law -------------------------------------------------------------------------------

COMMITS = st.sampled_from(["c1", "c2", "h1", "h2"])


@st.composite
def endings(draw: st.DrawFn) -> tuple[TaskRecord, Branch]:
    """A finished task and its branch, in any state."""
    published = draw(st.sets(st.sampled_from(["c1", "c2"])))
    record = finished(
        draw(st.sampled_from([Phase.DONE, Phase.WITHDRAWN])),
        days=draw(st.floats(0, 90)),
        published=tuple(sorted(published)),
        attempts=(),
    )
    branch = a_branch(
        head=draw(COMMITS),
        beyond=tuple(draw(st.lists(COMMITS, unique=True, max_size=4))),
        merged=draw(st.sampled_from(["", "main had the same files"])),
        pulls=draw(st.sampled_from([(), (7,)])),
    )
    return record, branch


@given(endings())
def test_no_commit_is_lost_and_none_of_a_humans_touched(ending: tuple[TaskRecord, Branch]) -> None:
    record, branch = ending
    (step,) = plan(remains(record, branch), "ao/")
    if isinstance(step, DeleteBranch):
        assert {branch.head, *branch.beyond} <= set(record.published)
        assert not branch.pulls
        assert record.finished_at is not None
        abandoned = record.finished is Phase.WITHDRAWN and NOW - record.finished_at >= ABANDONED
        assert branch.merged or (abandoned and step.attic)

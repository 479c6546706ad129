"""Records and observations with sensible defaults: a keyword replaces a default.

Everything is about issue 42 of a repository whose default branch is `main`, and about `NOW`.
The owner is `ann`; `c1` is the commit that our first attempt published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ao_actions.core import actions
from ao_actions.core.checks import RedHead
from ao_actions.core.model import (
    Attempt,
    Book,
    Claim,
    Failure,
    Fleet,
    Outcome,
    Pause,
    Phase,
    Spent,
    Stop,
    TaskRecord,
    Word,
)
from ao_actions.core.observed import (
    Check,
    Comment,
    Commit,
    Issue,
    IssueFacts,
    Pull,
    Review,
    ReviewComment,
    Run,
    Snapshot,
    Task,
    Thread,
    Turn,
)
from ao_actions.core.policy import Policy
from ao_actions.core.runs import run_title
from ao_actions.core.triage import FailedCheck, Source, judge

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
POLICY = Policy()
READY = POLICY.labels.ready


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def ago(count: float) -> datetime:
    """So many minutes before NOW."""
    return NOW - minutes(count)


# ---- records -------------------------------------------------------------------------------


def a_claim(**given: Any) -> Claim:
    return Claim(
        **{
            "reason": Phase.QUEUED,
            "agent": "claude-code",
            "claimed_at": ago(10),
            "expires_at": NOW + minutes(80),
            "base": "main",
            "reserved": Spent(usd=5.0),
            **given,
        }
    )


def an_attempt(**given: Any) -> Attempt:
    return Attempt(
        **{
            "epoch": 1,
            "round": 1,
            "reason": Phase.QUEUED,
            "agent": "claude-code",
            "outcome": Outcome.CHANGES,
            "started_at": ago(120),
            "ended_at": ago(60),
            "spent": Spent(usd=1.0),
            **given,
        }
    )


def a_record(**given: Any) -> TaskRecord:
    """A task that was claimed and has neither a claim nor an attempt."""
    return TaskRecord(
        **{"issue": 42, "epoch": 1, "branch": "ao/42", "owner": "ann", "created_at": ago(240)}
        | given
    )


def a_published_record(**given: Any) -> TaskRecord:
    """A task whose first attempt has pushed the commit c1."""
    return a_record(**{"attempts": (an_attempt(head="c1"),), "published": ("c1",), **given})


def a_stop(**given: Any) -> Stop:
    return Stop(**{"reason": "it was refused", "ask": "Look at it.", "at": ago(50), **given})


def a_pause(**given: Any) -> Pause:
    """An agent that task 42 found at its limit an hour ago, for another hour."""
    return Pause(**{"since": ago(60), "until": NOW + minutes(60), "issue": 42, **given})


def a_book(*records: TaskRecord, **given: Any) -> Book:
    """A ledger whose counter has reached the highest epoch of its records."""
    epoch = max((record.epoch for record in records), default=0)
    return Book(
        **{
            "fleet": Fleet(epoch=epoch),
            "tasks": {record.issue: record for record in records},
            **given,
        }
    )


# ---- observations --------------------------------------------------------------------------


def some_facts(**given: Any) -> IssueFacts:
    return IssueFacts(
        **{
            "labelled_by": "ann",
            "labelled_at": ago(300),
            "trusted": True,
            "opened_at": ago(600),
            **given,
        }
    )


def an_issue(number: int = 42, **given: Any) -> Issue:
    """An open issue with the label, assigned to its owner."""
    return Issue(
        **{
            "number": number,
            "title": "Say hello",
            "url": f"https://github.com/o/r/issues/{number}",
            "is_open": True,
            "labels": frozenset({READY}),
            "assignees": frozenset({"ann"}),
            "created_at": ago(600),
            "labelled_at": ago(300),
            **given,
        }
    )


def a_check(name: str = "test", result: str | None = "SUCCESS", **given: Any) -> Check:
    return Check(name=name, result=result, **given)


def a_failed(name: str = "test", **given: Any) -> FailedCheck:
    """A job that failed, and failed again when it was run once more."""
    return FailedCheck(
        **{
            "name": name,
            "source": Source.JOB,
            "conclusion": "FAILURE",
            "run_id": 900,
            "attempt": 2,
            **given,
        }
    )


def a_failure(**given: Any) -> Failure:
    """What an attempt is sent for that is to mend `a_failed` with these particulars."""
    failed = a_failed(**given)
    return Failure(check=failed.name, signature=judge(failed, base={}).signature)


def a_red_pull(
    *failed: FailedCheck, base: Mapping[str, str | None] | None = None, **given: Any
) -> Pull:
    """Our pull request with these red checks (a real failure without any), looked up."""
    failed = failed or (a_failed(),)
    checks = tuple(a_check(check.name, check.conclusion, run_id=check.run_id) for check in failed)
    return a_pull(**{"checks": checks, "red": RedHead(checks=failed, base=base or {}), **given})


def a_pull(**given: Any) -> Pull:
    """Our open pull request: green, and without reviews."""
    return Pull(
        **{
            "number": 7,
            "url": "https://github.com/o/r/pull/7",
            "state": "OPEN",
            "author": "ao[bot]",
            "head": "c1",
            "head_at": ago(60),
            "base": "main",
            "checks": (a_check(),),
            "assignees": frozenset({"ann"}),
            **given,
        }
    )


def a_comment(**given: Any) -> ReviewComment:
    return ReviewComment(
        **{"id": 100, "author": "ann", "body": "Why?", "created_at": ago(30), **given}
    )


def a_remark(body: str = "Please rename it.", **given: Any) -> Comment:
    """Ann's comment in the conversation of our pull request."""
    words = {"id": 200, "number": 7, "author": "ann", "body": body, "created_at": ago(30)} | given
    return Comment(**{"node": f"IC_{words['id']}", **words})


def a_commit(oid: str, headline: str = "By hand", **given: Any) -> Commit:
    return Commit(oid=oid, headline=headline, **given)


def a_word(**given: Any) -> Word:
    said = {"login": "ann", "word": "pause", "at": ago(20), "comment": "command:200"}
    return Word(**said | given)


def a_thread(*comments: ReviewComment, **given: Any) -> Thread:
    return Thread(
        **{
            "id": "T",
            "path": "hello.py",
            "line": 1,
            "resolved": False,
            "comments": comments or (a_comment(),),
            **given,
        }
    )


def a_review(**given: Any) -> Review:
    return Review(
        **{
            "id": 9,
            "author": "ann",
            "state": "CHANGES_REQUESTED",
            "body": "Please mend it.",
            "submitted_at": ago(30),
            "node": "PRR_9",
            **given,
        }
    )


def a_run(record: TaskRecord | None = None, **given: Any) -> Run:
    """The run of the record's claim (of `a_record(claim=a_claim())` without one)."""
    record = record or a_record(claim=a_claim())
    reason = record.claim.reason if record.claim else Phase.QUEUED
    return Run(
        **{
            "id": 500,
            "title": run_title(record.issue, record.epoch, reason),
            "status": "in_progress",
            "conclusion": None,
            "url": "https://github.com/o/r/actions/runs/500",
            "created_at": ago(9),
            **given,
        }
    )


def a_task(**given: Any) -> Task:
    return Task(**{"now": NOW, "issue": an_issue(), "trusted": {"ann": True}, **given})


def a_turn(**given: Any) -> Turn:
    """First in line for an agent that is paused for 30 minutes."""
    at = NOW + minutes(30)
    return Turn(**{"agent": "claude-code", "at": at, "until": at, "place": 1, **given})


def a_snapshot(
    *issues: Issue, records: Iterable[TaskRecord] = (), book: Book | None = None, **given: Any
) -> Snapshot:
    """What a pass sees; issues of records come by themselves."""
    book = book or a_book(*records)
    seen: Mapping[int, Issue] = {number: an_issue(number) for number in book.tasks}
    return Snapshot(
        **{
            "now": NOW,
            "default_branch": "main",
            "book": book,
            "issues": {**seen, **{issue.number: issue for issue in issues}},
            "runs": () if book.live_claims() else None,
            "trusted": {"ann": True},
            **given,
        }
    )


# ---- transitions ---------------------------------------------------------------------------


def to_claim(issue: int = 42, epoch: int = 1, **given: Any) -> actions.Claim:
    return actions.Claim(
        **{
            "issue": issue,
            "epoch": epoch,
            "reason": Phase.QUEUED,
            "agent": "claude-code",
            "branch": f"ao/{issue}",
            "head": "",
            "base": "main",
            "owner": "ann",
            "round": 1,
            "items": (),
            "at": NOW,
            "expires_at": NOW + minutes(90),
            "usd": 5.0,
            "because": "nothing has started",
            **given,
        }
    )


def to_release(issue: int = 42, epoch: int = 1, **given: Any) -> actions.Release:
    return actions.Release(
        **{
            "issue": issue,
            "epoch": epoch,
            "outcome": Outcome.LOST,
            "at": NOW,
            "because": "its run never appeared",
            **given,
        }
    )


def to_finish(issue: int = 42, **given: Any) -> actions.Finish:
    return actions.Finish(
        **{
            "issue": issue,
            "phase": Phase.DONE,
            "pull": None,
            "at": NOW,
            "because": "it is merged",
            **given,
        }
    )

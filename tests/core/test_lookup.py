"""What is looked up before a decision, and nothing more."""

import pytest

from ao_actions.core.feedback import REPLY_MARK
from ao_actions.core.lookup import Unknowns, unknowns
from ao_actions.core.model import Reply
from ao_actions.core.policy import Policy
from tests.builders import (
    NOW,
    POLICY,
    a_claim,
    a_comment,
    a_published_record,
    a_pull,
    a_record,
    a_red_pull,
    a_review,
    a_run,
    a_snapshot,
    a_stop,
    a_thread,
    ago,
    an_issue,
    minutes,
    some_facts,
)


def test_nothing_unknown() -> None:
    assert not unknowns(a_snapshot(), POLICY)
    assert not Unknowns()


def queue(*numbers: int, known: frozenset[int] = frozenset(), **facts):
    return [
        an_issue(n, created_at=ago(600 - n), facts=some_facts(**facts) if n in known else None)
        for n in numbers
    ]


@pytest.mark.parametrize(
    ("snapshot", "issues"),
    [
        pytest.param(a_snapshot(*queue(1, 2, 3, 4, 5)), (1, 2, 3), id="as many as slots are free"),
        pytest.param(a_snapshot(*queue(2)), (2,), id="fewer than slots are free"),
        pytest.param(
            a_snapshot(*queue(1, 2, 3, 4, 5, known=frozenset({1}))),
            (2, 3),
            id="a known one takes a slot",
        ),
        pytest.param(
            a_snapshot(*queue(1, 2, 3, 4, 5, known=frozenset({1}), blocked_by=(9,))),
            (2, 3, 4),
            id="a known one that is held takes none",
        ),
        pytest.param(
            a_snapshot(*queue(1, 2, 3), records=[a_record(issue=7, claim=a_claim())]),
            (1, 2),
            id="a live claim takes a slot",
        ),
        pytest.param(
            a_snapshot(
                *queue(1, 2, 3),
                records=[a_record(issue=7, claim=a_claim(expires_at=ago(1)))],
            ),
            (1, 2, 3),
            id="a lost claim gives its slot back",
        ),
        pytest.param(
            a_snapshot(
                *queue(1, 2, 3),
                records=[a_record(claim=a_claim())],
                runs=(a_run(status="queued", created_at=NOW - minutes(400)),),
            ),
            (1, 2, 3),
            id="a claim that no runner takes gives its slot back",
        ),
        pytest.param(
            a_snapshot(
                *queue(1, 2, 3),
                an_issue(7, is_open=False),
                records=[a_record(issue=7, claim=a_claim())],
            ),
            (1, 2, 3),
            id="a withdrawn claim gives its slot back",
        ),
        pytest.param(
            a_snapshot(
                *queue(1, 2, 3),
                records=[a_published_record()],
                pulls={42: a_red_pull()},
            ),
            (1, 2),
            id="work under way goes first and needs no facts",
        ),
    ],
)
def test_issues(snapshot, issues) -> None:
    assert unknowns(snapshot, POLICY).issues == issues


def test_no_free_slot_no_question() -> None:
    records = [a_record(issue=n, epoch=n, claim=a_claim()) for n in (7, 8)]
    snapshot = a_snapshot(*queue(1, 2), records=records)
    assert unknowns(snapshot, Policy(max_parallel=2)).issues == ()


@pytest.mark.parametrize(
    ("record", "pull", "asked"),
    [
        pytest.param(a_published_record(), a_pull(open_threads=1), True, id="open threads"),
        pytest.param(a_published_record(), a_pull(), False, id="no open thread"),
        pytest.param(
            a_published_record(owed=(Reply(thread="T", item="i", body="b"),)),
            a_pull(),
            True,
            id="a reply is owed",
        ),
        pytest.param(
            a_published_record(), a_pull(open_threads=1, threads=(a_thread(),)), False, id="known"
        ),
        pytest.param(a_published_record(), None, False, id="no pull request"),
    ],
)
def test_threads(record, pull, asked) -> None:
    pulls = {42: pull} if pull else {}
    snapshot = a_snapshot(records=[record], pulls=pulls)
    assert unknowns(snapshot, POLICY).threads == ((42,) if asked else ())


@pytest.mark.parametrize(
    ("pull", "logins"),
    [
        pytest.param(a_pull(reviews=(a_review(author="bob"),)), ("bob",), id="a reviewer"),
        pytest.param(a_pull(reviews=(a_review(),)), (), id="known already"),
        pytest.param(
            a_pull(reviews=(a_review(author="bob", state="APPROVED"),)),
            (),
            id="approval asks nothing",
        ),
        pytest.param(
            a_pull(reviews=(a_review(author="bob"),), state="CLOSED"), (), id="not open any more"
        ),
        pytest.param(
            a_pull(threads=(a_thread(a_comment(author="cy"), a_comment(author="bob")),)),
            ("bob", "cy"),
            id="everybody in a thread",
        ),
        pytest.param(
            a_pull(threads=(a_thread(a_comment(author="bob"), resolved=True),)), (), id="resolved"
        ),
        pytest.param(
            a_pull(threads=(a_thread(a_comment(author="bob", ours=True)),)),
            ("bob",),
            id="a human who shares the program's account",
        ),
        pytest.param(
            a_pull(
                threads=(
                    a_thread(a_comment(author="bot", ours=True, body=REPLY_MARK.format(item="i"))),
                )
            ),
            (),
            id="our own answer",
        ),
    ],
)
def test_logins(pull, logins) -> None:
    snapshot = a_snapshot(records=[a_published_record(handled=("i",))], pulls={42: pull})
    assert unknowns(snapshot, POLICY).logins == logins


@pytest.mark.parametrize(
    ("run", "asked"),
    [
        pytest.param(a_run(status="completed", conclusion="failure"), True, id="lost"),
        pytest.param(a_run(status="completed", handoff=False), False, id="known"),
        pytest.param(a_run(), False, id="alive"),
    ],
)
def test_handoffs(run, asked) -> None:
    snapshot = a_snapshot(records=[a_record(claim=a_claim())], runs=(run,))
    assert unknowns(snapshot, POLICY).handoffs == ((500,) if asked else ())


@pytest.mark.parametrize(
    ("record", "pull", "asked"),
    [
        pytest.param(a_published_record(), a_red_pull(red=None), True, id="red"),
        pytest.param(a_published_record(), a_red_pull(), False, id="known"),
        pytest.param(a_published_record(), a_pull(), False, id="green"),
        pytest.param(a_published_record(), None, False, id="no pull request"),
        pytest.param(
            a_published_record(), a_red_pull(red=None, suites_open=1), False, id="not settled"
        ),
        pytest.param(
            a_published_record(stop=a_stop()), a_red_pull(red=None), False, id="a human is asked"
        ),
        pytest.param(
            a_published_record(claim=a_claim()), a_red_pull(red=None), False, id="worked on"
        ),
        pytest.param(
            a_published_record(), a_red_pull(red=None, draft=True), False, id="a human works on it"
        ),
    ],
)
def test_red_checks(record, pull, asked) -> None:
    snapshot = a_snapshot(records=[record], pulls={42: pull} if pull else {})
    assert unknowns(snapshot, POLICY).red == ((42,) if asked else ())


@pytest.mark.parametrize(
    ("paths", "more", "asked"),
    [
        pytest.param(("a.py",), {}, (42,), id="an issue that names a file may be claimed"),
        pytest.param((), {}, (), id="it names none"),
        pytest.param(("a.py",), {"files": {42: ()}}, (), id="known"),
        pytest.param(("a.py",), {"pulls": {42: a_pull(state="MERGED")}}, (), id="merged"),
        pytest.param(("a.py",), {"pulls": {}}, (), id="nothing is open"),
    ],
)
def test_files(paths, more, asked) -> None:
    issue = an_issue(43, facts=some_facts(paths=paths))
    given = {"pulls": {42: a_pull()}, **more}
    snapshot = a_snapshot(issue, records=[a_published_record()], **given)
    assert unknowns(snapshot, POLICY).files == asked


def test_without_a_free_slot_nobody_asks_for_files() -> None:
    records = [a_published_record(claim=a_claim()), a_record(issue=7, epoch=2, claim=a_claim())]
    issue = an_issue(43, facts=some_facts(paths=("a.py",)))
    snapshot = a_snapshot(issue, records=records, pulls={42: a_pull()})
    assert unknowns(snapshot, Policy(max_parallel=2)).files == ()


def test_a_reason_to_look_is_true() -> None:
    assert Unknowns(handoffs=(1,))

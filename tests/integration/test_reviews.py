"""What people say of a change, on the local GitHub: each word is heard once and answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ao_actions.core.model import Outcome, Phase
from ao_actions.git import Remote
from ao_actions.localgithub.model import PullRequest
from ao_actions.runtime import Job
from ao_actions.work import handoff, reading, session, workspace
from ao_actions.work.brief import Assigned
from ao_actions.work.handoff import Handoff
from tests.integration.conftest import NAME, Factory

FIX = {"src/code.py": "def answer():\n    return 42\n"}
BETTER = {"src/code.py": "ANSWER = 42\n\n\ndef answer():\n    return ANSWER\n"}


def published(factory: Factory) -> tuple[int, PullRequest]:
    number = factory.issue()
    factory.reconcile()
    factory.publish(number, files=FIX)
    [pull] = factory.pulls()
    factory.pass_time(minutes=15)  # there is no CI to wait for
    factory.reconcile()
    return number, pull


def review(factory: Factory, pull: PullRequest, text: str, **where: Any) -> int:
    """An inline comment on line 2 of the file."""
    comment = {"path": "src/code.py", "line": 2, "side": "RIGHT", "body": text, **where}
    body = {"event": "COMMENT", "commit_id": pull.head_sha, "comments": [comment]}
    factory.post(f"pulls/{pull.number}/reviews", **body)
    return pull.review_comments[-1].id


def say(factory: Factory, pull: PullRequest, text: str) -> int:
    identity: int = factory.post(f"issues/{pull.number}/comments", body=text)["id"]
    return identity


def quiet(factory: Factory) -> None:
    """Time passes: neither a review nor a check is to be expected any more."""
    factory.pass_time(minutes=15)
    factory.reconcile()


def items(factory: Factory, number: int) -> tuple[str, ...]:
    claim = factory.task(number).claim
    return claim.items if claim else ()


def given(factory: Factory, number: int) -> Assigned:
    """What an agent would be told now."""
    record = factory.task(number)
    assert record.claim is not None
    return reading.assigned(factory.client(), record, record.claim, factory.root / "checks")


def answers(factory: Factory, pull: PullRequest) -> list[str]:
    said = [c.body for c in factory.repo.issues[pull.number].comments]
    return [body for body in said if body.startswith("<!-- ao:reply ")]


def calm(factory: Factory) -> None:
    """Nothing is asked for any more, however often one looks."""
    for _ in range(2):
        quiet(factory)
    assert factory.reconcile().steps == ()


def test_several_words_in_a_row_are_one_attempt(factory: Factory) -> None:
    number, pull = published(factory)
    review(factory, pull, "Why 42?")
    factory.reconcile()
    assert items(factory, number) == ()
    assert "the review may go on" in factory.status_comments(number)[0]
    factory.pass_time(minutes=1.5)
    comment = say(factory, pull, "Name it, please.")
    factory.reconcile()
    assert items(factory, number) == ()
    quiet(factory)
    assert len(items(factory, number)) == 2
    assert [w.body for w in given(factory, number).words] == ["Name it, please."]
    factory.publish(number, files=BETTER, replies={"T1": "Because.", "C1": "It has a name."})
    [answer] = answers(factory, pull)
    assert f"/pull/{pull.number}#issuecomment-{comment})" in answer
    assert "It has a name." in answer
    head = factory.branch(pull.head_ref)
    assert head is not None
    assert f"Done in {head[:12]}." in answer
    calm(factory)
    assert len(factory.work_runs()) == 2
    assert len(answers(factory, pull)) == 1


def test_a_pass_that_waits_looks_again_when_the_review_has_settled(factory: Factory) -> None:
    number, pull = published(factory)
    say(factory, pull, "Name it, please.")
    [waited] = factory.reconcile_settled()
    assert 0 < waited <= 121
    assert len(items(factory, number)) == 1
    assert factory.reconcile_settled() == []


def test_words_of_strangers_and_bots_ask_for_nothing(factory: Factory) -> None:
    number, pull = published(factory)
    world = factory.hub.world
    for login, kind in (("mallory", "User"), ("linter", "Bot"), ("helper", "Bot")):
        world.add_user(login, type=kind)  # type: ignore[arg-type]
        client = factory.client(world.add_token(login).value)
        client.request("POST", f"issues/{pull.number}/comments", body={"body": f"I am {login}"})
    quiet(factory)
    assert items(factory, number) == ()
    object.__setattr__(factory.config, "bots", ("helper[bot]",))
    quiet(factory)
    assert [w.body for w in given(factory, number).words] == ["I am helper"]


def test_a_question_gets_an_answer_and_the_task_goes_on(factory: Factory) -> None:
    number, pull = published(factory)
    review(factory, pull, "Why 42?")
    quiet(factory)
    factory.publish(number, outcome=Outcome.NO_CHANGE, replies={"T1": "Deep Thought said so."})
    assert "Deep Thought said so." in pull.review_comments[-1].body
    assert not pull.threads[0].is_resolved
    calm(factory)
    assert "**in_review**" in factory.status_comments(number)[0]
    assert factory.labels(number) == {"ao:ready", "ao:review"}


def test_a_thread_that_was_mended_is_resolved(factory: Factory) -> None:
    number, pull = published(factory)
    review(factory, pull, "Name it.")
    quiet(factory)
    factory.publish(number, files=BETTER)
    assert pull.threads[0].is_resolved
    calm(factory)


def test_text_that_was_edited_after_it_was_queued_gets_a_fresh_look(factory: Factory) -> None:
    number, pull = published(factory)
    kept = say(factory, pull, "Add a line.")
    edited = say(factory, pull, "Name it.")
    quiet(factory)
    assert items(factory, number) == (f"comment:{kept}", f"comment:{edited}")
    factory.call("PATCH", f"issues/comments/{edited}", body="Name it LIMIT.")
    record = factory.task(number)
    assert record.claim is not None
    told = given(factory, number)
    assert [(w.name, w.body) for w in told.words] == [("C1", "Add a line.")]
    assert reading.skipped(record.claim, told) == ("C2",)
    folder = factory.hand_off(number, files=BETTER)
    done = handoff.read(folder)
    assert done is not None
    handoff.write(folder, Handoff(outcome=done.outcome, message="Done.", skipped=("C2",)))
    from ao_actions import publish

    work = factory.publication(factory.work_run(number), folder)
    publish.publish(work, number, record.epoch)
    [answer] = answers(factory, pull)
    assert f"issuecomment-{kept})" in answer
    assert f"issuecomment-{edited})" not in answer
    quiet(factory)
    [again] = items(factory, number)
    assert again.startswith(f"comment:{edited}:")
    assert [w.body for w in given(factory, number).words] == ["Name it LIMIT."]


def test_what_is_said_while_the_agent_works_is_the_next_attempt_s(factory: Factory) -> None:
    number, pull = published(factory)
    first = review(factory, pull, "Name it.")
    quiet(factory)
    factory.post(f"pulls/{pull.number}/comments/{first}/replies", body="LIMIT, say.")
    factory.publish(number, files=BETTER)
    quiet(factory)
    record = factory.task(number)
    assert record.claim is not None
    [item] = record.claim.items
    assert item.endswith(f":{pull.review_comments[1].id}")
    [(_, thread)] = given(factory, number).threads
    assert "LIMIT, say." in [comment.body for comment in thread.comments]


# ---- suggestions ---------------------------------------------------------------------------


def attempt(factory: Factory, number: int, tmp_path: Path, agent: str) -> Handoff | None:
    """The agent job, with a program as agent."""
    from ao_actions.config import parse

    run = factory.work_run(number)
    work = session.Attempt(
        client=factory.client(),
        ledger=factory.ledger(),
        remote=Remote(f"{factory.hub.url}/{NAME}.git", factory.bot),
        config=parse(f"agents: {{name: command, command: {agent!r}}}"),
        places=workspace.Places.under(tmp_path / f"job{run.id}"),
        job=Job(run_id=run.id, run_attempt=1),
        environment={"PATH": "/usr/bin:/bin"},
        say=factory.said.append,
    )
    return session.work(work, number, factory.task(number).epoch)


def suggest(lines: str) -> str:
    return f"```suggestion\n{lines}```"


def publish_job(factory: Factory, number: int, tmp_path: Path) -> None:
    from ao_actions import publish

    run = factory.work_run(number)
    places = workspace.Places.under(tmp_path / f"job{run.id}")
    work = factory.publication(run, places.handoff)
    publish.publish(work, number, factory.task(number).epoch)


def test_a_suggestion_is_applied_to_the_letter_without_an_agent(
    factory: Factory, tmp_path: Path
) -> None:
    number, pull = published(factory)
    review(factory, pull, suggest("    # \u2003 as asked \U0001f600\n    return 6 * 7\n"))
    quiet(factory)
    done = attempt(factory, number, tmp_path, "/bin/false")
    assert done is not None
    assert done.outcome is Outcome.CHANGES, done
    assert done.spent is not None
    assert done.spent.usd == 0
    publish_job(factory, number, tmp_path)
    text = factory.hub.world.git(NAME, "show", f"{pull.head_ref}:src/code.py")
    assert text == "def answer():\n    # \u2003 as asked \U0001f600\n    return 6 * 7\n"
    assert "Applied as suggested." in pull.review_comments[-1].body
    assert pull.threads[0].is_resolved
    calm(factory)


def test_a_suggestion_for_a_file_that_is_gone_is_answered(factory: Factory, tmp_path: Path) -> None:
    number, pull = published(factory)
    review(factory, pull, suggest("    return 0\n"))
    pull.threads[0].path = "src/gone.py"
    quiet(factory)
    done = attempt(factory, number, tmp_path, "/bin/false")
    assert done is not None
    assert done.outcome is Outcome.NO_CHANGE
    publish_job(factory, number, tmp_path)
    assert "the file is not there any more" in pull.review_comments[-1].body
    assert factory.task(number).attempts[-1].reason is Phase.CHANGES_REQUESTED
    calm(factory)

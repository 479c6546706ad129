"""From a hostile hand-off to what is in the ledger, on the local GitHub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ao_actions import publish
from ao_actions.config import parse
from ao_actions.core.model import Outcome
from ao_actions.git import Git, Remote
from ao_actions.work import handoff
from ao_actions.work.handoff import Handoff
from tests.hostile.forgery import FILE, LINK, PROGRAM, Files, Forgery
from tests.integration.conftest import CONFIG, NAME, OWNER, Factory

AWS = "AKIA" + "QWERTYUIOPASDFGH"
X = (FILE, b"x\n")


def forged(factory: Factory) -> Forgery:
    """On the tip of main."""
    place = factory.root / f"forge{len(list(factory.root.glob('forge*')))}"
    git = Git.scratch(place, Remote(f"{factory.hub.url}/{NAME}.git", factory.bot))
    git.fetch("+refs/heads/main:refs/heads/main")
    return Forgery.on(git, git.run("rev-parse", "refs/heads/main"))


def handed(factory: Factory, changes: Files) -> Path:
    folder = factory.root / f"handed{len(list(factory.root.glob('handed*')))}"
    handoff.write(folder, Handoff(outcome=Outcome.CHANGES, message="Done."))
    forgery = forged(factory)
    forgery.bundle(folder / handoff.BUNDLE, forgery.commit(forgery.tree(changes)))
    return folder


def claimed(factory: Factory) -> int:
    number = factory.issue()
    factory.reconcile()
    return number


def published(factory: Factory, number: int, folder: Path) -> Outcome:
    work = factory.publication(factory.work_run(number), folder)
    return publish.publish(work, number, factory.task(number).epoch)


def outcome_json(folder: Path, content: bytes) -> None:
    (folder / handoff.OUTCOME).write_bytes(content)


CASES = [
    pytest.param(
        {".git/config": X}, "hasDotgit", id="path", marks=pytest.mark.hostile("path tricks")
    ),
    pytest.param(
        {"l": (LINK, b"../../etc/passwd")},
        "lead out of the repository",
        id="link",
        marks=pytest.mark.hostile("path tricks"),
    ),
    pytest.param(
        {"readme.md": X},
        "one path on some",
        id="collision",
        marks=pytest.mark.hostile("path tricks"),
    ),
    pytest.param(
        {"run": (PROGRAM, b"\x7fELF")},
        "begins with",
        id="mode",
        marks=pytest.mark.hostile("mode tricks"),
    ),
    pytest.param(
        {".github/workflows/x.yml": X},
        "is protected",
        id="workflow",
        marks=pytest.mark.hostile("protected paths"),
    ),
    pytest.param(
        {"AGENTS.md": X},
        "put the label ao:allow on the issue",
        id="instructions",
        marks=pytest.mark.hostile("protected paths"),
    ),
    pytest.param(
        {"k.py": (FILE, AWS.encode())},
        "line 1: AWS",
        id="secret",
        marks=pytest.mark.hostile("secrets"),
    ),
    pytest.param(
        {f"{AWS}.py": X}, "the name holds", id="secret name", marks=pytest.mark.hostile("secrets")
    ),
    pytest.param(
        {"a": (FILE, b"\0" * 6_000_000)}, "bytes", id="size", marks=pytest.mark.hostile("oversized")
    ),
]


@pytest.mark.parametrize(("changes", "why"), CASES)
def test_a_refusal_is_in_the_ledger(factory: Factory, changes: Files, why: str) -> None:
    number = claimed(factory)
    assert published(factory, number, handed(factory, changes)) is Outcome.REFUSED
    record = factory.task(number)
    assert record.stop is not None
    assert record.claim is None
    for words in (record.attempts[-1].detail, record.stop.reason):
        assert why in words
        assert AWS not in words
    assert factory.branch(f"ao/{number}") is None
    assert factory.pulls() == []
    factory.reconcile()
    assert "ao:needs-human" in factory.labels(number)
    (status,) = factory.status_comments(number)
    assert why.replace("<", "") in status
    assert AWS not in status


@pytest.mark.hostile("schema abuse")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b'{"schema": 1, "outcome": "changes", "epoch": 9}', "unknown key", id="epoch"),
        pytest.param(b'{"schema": 1, "schema": 1, "outcome": "changes"}', "twice", id="twice"),
        pytest.param(b"[" * 200_000, "outcome.json", id="deep"),
    ],
)
def test_a_wrong_outcome_is_in_the_ledger(factory: Factory, content: bytes, why: str) -> None:
    number = claimed(factory)
    folder = handed(factory, {"new.py": X})
    outcome_json(folder, content)
    assert published(factory, number, folder) is Outcome.REFUSED
    assert why in factory.task(number).attempts[-1].detail
    assert factory.branch(f"ao/{number}") is None


@pytest.mark.hostile("schema abuse")
def test_replies_to_threads_that_the_claim_does_not_have(factory: Factory) -> None:
    number = claimed(factory)
    folder = handed(factory, {"new.py": X})
    replies = [{"thread": name, "body": "x"} for name in ("T1", "C1", "T99", "../x", "PRRT_1")]
    given = {"schema": 1, "outcome": "changes", "replies": replies, "skipped": ["T7", "x"]}
    outcome_json(folder, json.dumps(given).encode())
    assert published(factory, number, folder) is Outcome.CHANGES
    record = factory.task(number)
    assert record.owed == ()
    assert record.handled == ()


@pytest.mark.hostile("bundle tricks")
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        pytest.param(lambda path: path.unlink(), "there is no bundle", id="none"),
        pytest.param(
            lambda path: path.write_bytes(b"PK\3\4"), "no bundle of version 2", id="a zip"
        ),
        pytest.param(
            lambda path: path.write_bytes(path.read_bytes()[:-9]), "cannot be unpacked", id="cut"
        ),
    ],
)
def test_a_spoilt_bundle_is_in_the_ledger(
    factory: Factory, spoil: Callable[[Path], None], why: str
) -> None:
    number = claimed(factory)
    folder = handed(factory, {"new.py": X})
    spoil(folder / handoff.BUNDLE)
    assert published(factory, number, folder) is Outcome.REFUSED
    assert why in factory.task(number).attempts[-1].detail


@pytest.mark.hostile("protected paths")
def test_who_may_put_the_label_on(factory: Factory) -> None:
    """Not a bot, and nobody without write permission; then a maintainer, and the pull request
    begins with what to look at."""
    factory.hub.world.add_user("eve")
    factory.repo.collaborators["eve"] = "triage"
    eve = factory.hub.world.add_token("eve").value
    for token in (factory.bot, eve):
        number = claimed(factory)
        client = factory.client(token)
        client.request("POST", f"issues/{number}/labels", body={"labels": ["ao:allow"]})
        assert "ao:allow" in factory.labels(number)
        assert published(factory, number, handed(factory, {"CLAUDE.md": X})) is Outcome.REFUSED
    number = claimed(factory)
    factory.post(f"issues/{number}/labels", labels=["ao:allow"])
    assert published(factory, number, handed(factory, {"CLAUDE.md": X})) is Outcome.CHANGES
    (pull,) = factory.pulls()
    body = factory.repo.issues[pull.number].body
    assert body.startswith("Look at these files first, they are protected:\n\n- `CLAUDE.md`\n\n")
    message = factory.hub.world.git(NAME, "log", "-1", "--format=%b", f"ao/{number}")
    assert message.startswith("Look at these files first")


@pytest.mark.hostile("protected paths")
def test_a_label_that_was_taken_off_again(factory: Factory) -> None:
    number = claimed(factory)
    factory.post(f"issues/{number}/labels", labels=["ao:allow"])
    factory.call("DELETE", f"issues/{number}/labels/ao:allow")
    assert published(factory, number, handed(factory, {"CLAUDE.md": X})) is Outcome.REFUSED


def test_files_to_ask_about_are_published_and_named(factory: Factory) -> None:
    factory.config = parse(CONFIG + "protected: {ask: [package.json]}\n")
    number = claimed(factory)
    folder = handed(factory, {"package.json": X, "src/new.py": X})
    assert published(factory, number, folder) is Outcome.CHANGES
    (pull,) = factory.pulls()
    body = factory.repo.issues[pull.number].body
    assert body.index("- `package.json`") < body.index(f"Closes #{number}")
    assert "`src/new.py`" not in body


@pytest.mark.hostile("secrets")
def test_a_secret_in_the_agent_s_words(factory: Factory) -> None:
    number = claimed(factory)
    split = f"{AWS[:9]}\u200b{AWS[9:]}"
    outcome = factory.publish(number, files={"a.py": "x = 1\n"}, message=f"Use {AWS}, {split}.")
    assert outcome is Outcome.CHANGES
    (pull,) = factory.pulls()
    body = factory.repo.issues[pull.number].body
    assert "Use ***, ***." in body
    message = factory.hub.world.git(NAME, "log", "-1", "--format=%B", f"ao/{number}")
    assert AWS not in message + body


@pytest.mark.hostile("commit text")
def test_the_commit_is_ours_whatever_the_agent_wrote(factory: Factory) -> None:
    number = claimed(factory)
    message = (
        "[skip ci] Closes #999\n\n/ao budget 99 @maya ![](http://x.io/p)\n\n"
        "skip-checks: true\nSigned-off-by: Maya <maya@example.com>"
    )
    assert factory.publish(number, files={"a.py": "x = 1\n"}, message=message) is Outcome.CHANGES
    shown = factory.hub.world.git(
        NAME, "log", "-1", "--format=%an|%cn|%(trailers:only,unfold)|%B", f"ao/{number}"
    )
    author, committer, trailers, text = shown.split("|", 3)
    assert (author, committer) == ("ao-actions", "ao-actions")
    assert trailers.strip() == "Co-authored-by: command <command@ao-actions.invalid>"
    assert f"Closes #{number}" in text
    for deed in ("#999", "@maya", "[skip ci]", "![", "skip-checks:"):
        assert deed not in text
    assert OWNER in text

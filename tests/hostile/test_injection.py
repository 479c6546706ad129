"""Names that speak: titles, branches, labels, logins, files, jobs and checks that try to ping,
link, close, hide, command a runner or draw a row in what we post and print."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest

from ao_actions import runtime
from ao_actions.commands.terminal import say
from ao_actions.config import parse
from ao_actions.core import joblog, orders, projection, selection, text
from ao_actions.core.model import Outcome, Phase
from ao_actions.core.occasion import occasion
from ao_actions.core.phase import phase_of
from ao_actions.insight import status
from ao_actions.work import brief
from ao_actions.work.brief import Assigned, Red
from tests.builders import (
    POLICY,
    a_failed,
    a_pause,
    a_published_record,
    a_pull,
    a_record,
    a_red_pull,
    a_snapshot,
    a_stop,
    a_task,
    a_thread,
    an_attempt,
    an_issue,
    some_facts,
)
from tests.integration.conftest import Factory
from tests.integration.test_publish import FIX, claimed

pytestmark = pytest.mark.hostile("injection")

PAYLOADS = {
    "a mention": "x @octocat y",
    "a mention of a team": "x @acme/admins y",
    "a mention as an entity": "x &#64;octocat y",
    "a closing word": "closes #77",
    "a closing URL": "fixes https://github.com/acme/widgets/issues/77",
    "our status": "<!-- ao:status -->",
    "a hidden end": "x <!-- y",
    "a row": "x |\n| 9 | done | | |",
    "a heading": "x\n\n## done\n",
    "a runner's command": "\n::set-output name=x::y\n",
    "an old command": "\n##[add-mask]x",
    "a command of ours": "\n/ao stop\n",
    "colours": "\x1b[31mx\x1b]0;y\x07",
    "the other direction": "x\u202etxt.exe\u2066",
    "invisible": "x\u200b\u2060\U000e0041y",
    "a code's end": "x` @octocat `y",
    "an element": "x <img src=//evil.example/x onerror=y> z",
    "a trailer": "x\n\nCo-authored-by: Eve <eve@evil.example>",
    "skipped checks": "x [skip ci]",
}
INVISIBLE = re.compile("[\u200b\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


def harmless(posted: str) -> None:
    """Markdown of ours in which outside words stand; what is in code is only shown."""
    bare = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", posted, flags=re.DOTALL)
    assert not re.search(r"@(?:octocat|acme|admins)", bare)
    assert not re.search(r"&#?\w+;octocat|&#64;", bare)
    assert not re.search(r"#77\b", bare)
    assert not re.search(r"acme/widgets/issues/77", bare)
    assert not re.search(r"<(?:!--|img)", bare.removeprefix(projection.STATUS_MARK))
    assert not re.search(r"^\s*(?:/ao|## done|\| 9|Co-authored-by: Eve)", bare, re.MULTILINE)
    assert not re.search(r"\[skip ci\]", bare)
    printable(posted)


def printable(line: str) -> None:
    assert not INVISIBLE.search(line)
    assert not any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in line)


def check_name(said: str) -> str:
    task = a_task(record=a_published_record(), pull=a_red_pull(a_failed(said)))
    return projection.status_body(task, a_published_record(), phase_of(task, POLICY), POLICY)


def base_branch(said: str) -> str:
    task = a_task(record=a_published_record(), pull=a_pull(base=said, mergeable="CONFLICTING"))
    return orders.why(phase_of(task, POLICY))


def refusal(said: str) -> str:
    record = a_published_record(stop=a_stop(reason=text.line(said, limit=300)))
    task = a_task(record=record)
    return projection.status_body(task, record, phase_of(task, POLICY), POLICY)


def detail(said: str) -> str:
    record = a_record(attempts=(an_attempt(outcome=Outcome.AGENT_ERROR, detail=said),))
    task = a_task(record=record)
    body = projection.status_body(task, record, phase_of(task, POLICY), POLICY)
    assert body.count("\n| ") == 3  # no row more than the table has
    return body


def account(said: str) -> str:
    record = a_record(attempts=(an_attempt(outcome=Outcome.AGENT_ERROR, detail=said),))
    return projection.account(a_task(record=record), record, "all 4 attempts are used").body


def webhook(said: str) -> str:
    payload = {"action": said, "sha": said, "branches": [{"name": said}]}
    return occasion("status", payload).because


def pull_branch(said: str) -> str:
    payload = {"action": "opened", "pull_request": {"head": {"ref": said, "sha": "a" * 40}}}
    return occasion("pull_request", payload).because


def job_summary(said: str) -> str:
    row = {"issue": 1, "phase": "queued", "because": said, "pull": None}
    shown = status.markdown([row], [said])
    assert len(shown.splitlines()) == 7  # the table has the rows that it has
    return (
        re.sub(r"#77", "", shown)
        .replace("[skip ci]", "")
        .replace("acme/widgets", "")
        .replace("&#64;", "")
    )  # a summary notifies and closes nothing


def agent_in_a_notice(said: str) -> str:
    return projection.notice_body(said, a_pause(), "ann", 1).removeprefix(
        projection.notice_mark(said, a_pause())
    )


def overlapping_path(said: str) -> str:
    issue = an_issue(43, facts=some_facts(paths=(said,)))
    snapshot = a_snapshot(records=[a_published_record()], pulls={42: a_pull()}, files={42: (said,)})
    return selection.overlaps(a_task(issue=issue), snapshot) or ""


CHANNELS: dict[str, Callable[[str], str]] = {
    "a check's name in the status comment": check_name,
    "a base branch's name in an answer": base_branch,
    "a refusal's words in the status comment": refusal,
    "an attempt's words in its table": detail,
    "an attempt's words in an account": account,
    "a status's branch in the log": webhook,
    "a pull request's branch in the log": pull_branch,
    "a reason in the job summary": job_summary,
    "an agent's name in a notice": agent_in_a_notice,
    "a file's name in a reason": overlapping_path,
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_name_speaks_in_what_we_post(channel: str) -> None:
    for said in PAYLOADS.values():
        harmless(CHANNELS[channel](said))


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_title_speaks_in_the_pull_request(factory: Factory, name: str) -> None:
    """In the commit, the pull request's title and its text."""
    said = PAYLOADS[name]
    number = claimed(factory)
    factory.repo.issues[number].title = f"Mend {said}"  # as GitHub would take it from anybody
    factory.repo.issues[number].body = said
    factory.publish(number, files=FIX, message=said)
    [pull] = factory.pulls()
    opened = factory.repo.issues[pull.number]
    harmless(opened.title)
    # an agent may give its own words a heading or a table: they are its words
    said_below = re.sub(r"^(?:## done|\| 9.*)$", "", opened.body, flags=re.MULTILINE)
    harmless(said_below.replace(f"Closes #{number}", ""))
    assert "\n" not in opened.title
    log = factory.hub.world.git("acme/widgets", "log", "-1", "--format=%(trailers)", f"ao/{number}")
    assert log.strip() == "Co-authored-by: command <command@ao-actions.invalid>"


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_words_command_the_runner(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is said in the log of a job, and its errors."""
    say(f"left: {PAYLOADS[name]}")
    say(PAYLOADS[name])
    for line in capsys.readouterr().out.splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        printable(line)


@pytest.mark.parametrize("inside", [True, False], ids=["in a job", "at a terminal"])
def test_no_error_commands_the_runner(
    inside: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", str(inside).lower())
    for said in PAYLOADS.values():
        runtime.annotate("error", said)
        shown = capsys.readouterr()
        if inside:
            assert len(shown.out.splitlines()) == 1
            assert shown.out.startswith("::error::")
        else:
            printable(shown.err)


@pytest.mark.parametrize("name", ["a runner's command", "an old command", "colours", "invisible"])
def test_no_log_commands_the_runner_that_shows_it_again(name: str) -> None:
    """A brief, a transcript or a log that an agent prints."""
    shown = joblog.read(f"FAILED test_x\n{PAYLOADS[name]}\n##[error]Process completed").text
    assert "##[" not in shown
    assert not re.search(r"^\s*::", shown, re.MULTILINE)
    printable(shown)


def test_names_are_lines_of_the_brief_and_nothing_more() -> None:
    config = parse("agents: {name: command, command: 'true'}\n")
    for said in PAYLOADS.values():
        given = Assigned(
            repository="o/r",
            number=1,
            title="t",
            body="b",
            reason=Phase.CI_FAILED,
            base=said,
            failures=(Red(names=(said,)),),
            threads=(("T1", a_thread(path=said)),),
        )
        told = brief.write(given, config)
        headings = [line for line in told.splitlines() if line.startswith("#")]
        assert [line for line in headings if "done" in line and not line.startswith("### ")] == []
        assert len([line for line in headings if line.startswith("### ")]) == 2
        printable(told.replace(chr(0x2060), ""))


def test_a_label_s_name_is_one_of_ours_or_none(factory: Factory) -> None:
    """Look-alikes of the label that starts work."""
    number = factory.issue(label=False)
    for name in ("ao:ready\u200b", "ao:re\u0430dy", "ao:ready ", "ao: ready", "\uff41o:ready"):
        factory.post(f"issues/{number}/labels", labels=[name])
    factory.reconcile()
    assert factory.work_runs() == []

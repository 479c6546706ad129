"""Every agent through the same cases: the real program, a scripted model, a real git checkout.

The result table, agent by case, is printed at the end of the run (`tests/agents/table.py`).
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ao_actions.agents import (
    AGENTS,
    Agent,
    Assignment,
    Exit,
    Outcome,
    Program,
    Result,
    providers,
    run,
)
from ao_actions.agents.launch import regular_files
from ao_actions.modelserver import Answer, Edit, Failure, Hang, ModelServer, Request, Run, Say, Turn
from ao_actions.modelserver.wire import Reply
from ao_actions.work import brief, metering, verify
from tests.agents.assignment import MakeAssignment
from tests.agents.processes import alive, processes_with
from tests.agents.rows import ROWS, WAYS, Row

KEY = "key-of-a-test-0123456789"
DONE = Answer((Say("All of it is DONE."),))
SECONDS = 90


class Judged:
    """An agent whose `read` keeps what it was given: to be judged again, a little changed."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.ends: list[tuple[Assignment, Exit]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)

    def read(self, assignment: Assignment, end: Exit) -> Result:
        self.ends.append((assignment, end))
        return self._agent.read(assignment, end)

    def again(self, **changes: Any) -> Result:
        assignment, end = self.ends[-1]
        return self._agent.read(assignment, replace(end, **changes))


class Babbling(ModelServer):
    """A server that is no model: a proxy's page, say."""

    def respond(self, request: Request) -> Reply:
        self.requests.append(request)
        self.reached.set()
        return Reply((b"<html>Welcome to the network!</html>",), content_type="text/html")


@dataclass(frozen=True, slots=True)
class Played:
    result: Result
    asked: tuple[Request, ...]
    assignment: Assignment
    agent: Judged


@dataclass(frozen=True, slots=True)
class Stage:
    """One agent, ready to be run in the checkout."""

    row: Row
    program: Program
    checkout: Path
    assign: MakeAssignment

    def play(
        self,
        script: Iterable[Turn],
        *,
        server: type[ModelServer] = ModelServer,
        usd: float | None = None,
        metered: bool = False,
        meanwhile: Callable[[ModelServer, Assignment], None] | None = None,
        **changes: Any,
    ) -> Played:
        agent = Judged(AGENTS[self.row.name])
        if not self.row.goes_on:
            script = map(_unsettled, script)
        with server(script, cwd=self.checkout) as model:
            if metered:
                words = metering.start(agent, self.job(model.url), usd=usd, seconds=2 * SECONDS)
                measured = metering.choose(agent, {metering.VARIABLE: words})
                changes["endpoint"] = measured.endpoint
            assignment = self._assignment(model.url, changes)
            with _beside(meanwhile, model, assignment):
                result = run(agent, assignment, now=datetime.now(UTC), program=self.program)
            if metered:
                measured.close()
        assert model.unknown == []
        left = processes_with(f"HOME={assignment.home}")
        assert left == []
        return Played(result, tuple(model.asked), assignment, agent)

    def job(self, url: str) -> dict[str, str]:
        """What a job hands over: the key, and the provider's address if it has one."""
        job = {self.row.credential: KEY}
        if credential := providers.CREDENTIALS.get(self.row.credential):
            job[providers.PROVIDERS[credential.provider].address] = url + self.row.base
        return job

    def _assignment(self, url: str, changes: Mapping[str, Any]) -> Assignment:
        row = self.row
        own = {name: value.format(url=url) for name, value in row.environment.items()}
        job = self.job(url)
        if row.credential not in providers.CREDENTIALS:
            own[row.credential] = KEY  # its own login's: nothing else can use it
        values: dict[str, Any] = {
            "model": row.model,
            "seconds": SECONDS,
            "environment": own,
            "endpoint": providers.direct(AGENTS[row.name], job),
        }
        return self.assign(**{**values, **changes})

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.checkout, check=True, capture_output=True, text=True
        )
        return done.stdout

    def changes(self) -> str:
        """Their paths; whether an agent has put them into its index is its own business."""
        lines = self.git("status", "--porcelain", "--untracked-files=all").splitlines()
        return "\n".join(line[3:] for line in lines)

    def file(self, name: str) -> str | None:
        path = self.checkout / name
        return path.read_text() if path.exists() else None


def _unsettled(turn: Turn) -> Turn:
    """The turn with one more edit of each of its files, which cannot be made: one is owed."""
    if not isinstance(turn, Answer):
        return turn
    edits = [block for block in turn.blocks if isinstance(block, Edit)]
    wrong = "```\n<<<<<<< SEARCH\nno such line\n=======\nanother\n>>>>>>> REPLACE\n```"
    more = tuple(Say(f"{edit.path}\n{wrong}") for edit in edits)
    return replace(turn, blocks=turn.blocks + more)


@contextlib.contextmanager
def _beside(
    task: Callable[[ModelServer, Assignment], None] | None,
    model: ModelServer,
    assignment: Assignment,
) -> Iterator[None]:
    """Do a task in a thread of its own."""
    thread = threading.Thread(target=task, args=(model, assignment)) if task else None
    if thread:
        thread.start()
    try:
        yield
    finally:
        if thread:
            thread.join()


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def stage(
    request: pytest.FixtureRequest,
    checkout: Path,
    assign: MakeAssignment,
    installed: Callable[[str], Program],
) -> Stage:
    row: Row = request.param
    return Stage(row, row.stand_in or installed(row.name), checkout, assign)


# ---- what a good run is ---------------------------------------------------------------------


def test_edit(stage: Stage) -> None:
    # 300 kB: more than an argument may hold
    told = "Make the greeting friendlier.\n" * 10_000
    played = stage.play([Answer((Edit("new.txt", "friendlier\n"),)), DONE], brief=told)
    result = played.result
    assert result.outcome is Outcome.DONE, result
    assert stage.file("new.txt") == "friendlier\n"
    assert stage.changes() == "new.txt"
    assert "All of it is DONE." in result.message
    shown = played.asked[0].text
    if played.agent.reads_brief:
        assert shown.count("Make the greeting friendlier.") == 10_000
    else:
        assert "Make the greeting friendlier." in shown or str(played.assignment.brief) in shown
    assert any(KEY in value for value in played.asked[0].headers.values())
    if stage.row.tokens:
        usage = result.usage
        assert (usage.input_tokens, usage.output_tokens) == (2000, 100)
    # exit 1 after success, and a record that is cut
    *_, (_, end) = played.agent.ends
    assert played.agent.again(code=1).outcome is stage.row.failing
    half = end.stdout.rstrip()[:-20]
    assert played.agent.again(stdout=half).outcome is stage.row.cut


def test_several(stage: Stage) -> None:
    """Several edits, a command that commits by itself and leaves a daemon."""
    commit = "git add -A && git -c user.name=a -c user.email=a@example.com commit -qm mine"
    daemon = "(setsid sleep 1000 >/dev/null 2>&1 &)"
    script = [
        Answer((Edit("one.txt", "1\n"),)),
        Answer((Edit("two.txt", "2\n"),)),
        Answer((Run(f"cat one.txt two.txt > both.txt && {commit}; {daemon}"),)),
        DONE,
    ]
    if not stage.row.shell:
        del script[2]
    result = stage.play(script).result
    assert result.outcome is Outcome.DONE, result
    assert (stage.file("one.txt"), stage.file("two.txt")) == ("1\n", "2\n")
    if stage.row.shell:
        assert stage.file("both.txt") == "1\n2\n"
        assert stage.git("log", "-1", "--format=%s") == "mine\n"
        assert stage.changes() == ""


def test_mend(stage: Stage) -> None:
    """A verify command fails on the first run's work; the second run mends it."""
    check = ("grep -q fine new.txt || { echo it is not fine >&2; exit 1; }",)
    first = stage.play([Answer((Edit("new.txt", "bad\n"),)), DONE])
    _, failure = verify.run(check, first.assignment, seconds=60)
    assert "it is not fine" in failure
    script = [Answer((Edit("new.txt", "fine\n"),)), DONE]
    session = first.result.session
    second = stage.play(script, brief="Go on.\n" + brief.mend(failure), session=session)
    assert second.result.outcome is Outcome.DONE, second.result
    assert verify.run(check, second.assignment, seconds=60)[1] == ""
    shown = second.asked[0].text
    assert "it is not fine" in shown or str(second.assignment.brief) in shown
    # its own use, not the session's
    assert second.result.usage.input_tokens == first.result.usage.input_tokens
    assert second.result.usage.output_tokens == first.result.usage.output_tokens


def test_no_change(stage: Stage) -> None:
    result = stage.play([DONE]).result
    assert result.outcome is Outcome.DONE, result
    assert stage.changes() == ""


@pytest.mark.parametrize("way", WAYS, ids=lambda row: f"{row.name}-{row.model}")
def test_other_ways(
    way: Row, checkout: Path, assign: MakeAssignment, installed: Callable[[str], Program]
) -> None:
    stage = Stage(way, installed(way.name), checkout, assign)
    script = [Answer((Edit("new.txt", "1\n"),)), Answer((Run("cp new.txt copy.txt"),)), DONE]
    result = stage.play(script).result
    assert result.outcome is Outcome.DONE, result
    assert stage.file("copy.txt") == "1\n"
    assert (result.usage.input_tokens, result.usage.output_tokens) == (3000, 150)


def without_a_meter(row: Row) -> bool:
    """Whether its program asks nobody but its maker; then the product has to know it, too."""
    if row.credential in providers.CREDENTIALS:
        return False
    measured = metering.choose(AGENTS[row.name], {metering.VARIABLE: "http://key@127.0.0.1:1 NAME"})
    assert (measured.meter, measured.endpoint) == (None, None)
    assert measured.why_not
    return True


def test_meter(stage: Stage) -> None:
    """The key is not where the agent can see it."""
    if without_a_meter(stage.row):
        return
    look = Answer((Run("env > env.txt; cat /proc/$PPID/environ >> env.txt"),))
    played = stage.play([look, DONE] if stage.row.shell else [DONE], metered=True)
    assert played.result.outcome is Outcome.DONE, played.result
    assert KEY in str(played.asked[0].headers)
    assert KEY not in str([request.body for request in played.asked])
    if stage.row.shell:
        seen = stage.file("env.txt")
        assert seen
        assert KEY not in seen


def test_budget(stage: Stage) -> None:
    """The meter refuses, and the program says so."""
    if without_a_meter(stage.row):
        return
    played = stage.play([DONE], metered=True, usd=0.0)
    assert played.result.outcome is Outcome.OUT_OF_BUDGET, played.result
    assert "ao-actions: the budget" in played.result.detail
    assert played.asked == ()


# ---- sessions -------------------------------------------------------------------------------


def test_limit(stage: Stage) -> None:
    """A limit in the middle, with work already done."""
    reset = int(time.time()) + 3600
    row = stage.row
    limit = replace(row.limit, reset=reset)
    played = stage.play([Answer((Edit("new.txt", "half\n"),)), limit])
    result = played.result
    assert (result.outcome, result.proven) == (Outcome.LIMITED, row.proven), result
    assert (result.until is not None) is row.until
    if result.until is not None:  # exactly, or as a delay from now
        assert abs(result.until.timestamp() - reset) < SECONDS
    assert stage.file("new.txt") == "half\n"
    assert (result.session is not None) is row.resumes


def test_resume(stage: Stage, tmp_path: Path) -> None:
    """A new process with another HOME: nothing is carried over but the session's own files."""
    first = stage.play([DONE], brief="The parrot is called Polly.\n")
    session = first.result.session
    agent = first.agent
    scratch = tmp_path / "another"
    for pattern in agent.sessions:
        for path in regular_files(first.assignment.scratch, pattern.format(session=session)):
            target = scratch / path.relative_to(first.assignment.scratch)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    shutil.rmtree(first.assignment.scratch)
    again = stage.play([DONE], brief="What is it called?\n", session=session, scratch=scratch)
    result = again.result
    assert (result.outcome, result.session_refused) == (Outcome.DONE, False), result
    assert result.session == session
    # that the model answered before is a part of the conversation only in a resumed session
    assert ("All of it is DONE." in again.asked[0].text) is stage.row.resumes


def test_no_session(stage: Stage) -> None:
    """The session that is to be resumed is not there."""
    played = stage.play([DONE], session=stage.row.unknown_session)
    assert played.result.session_refused is stage.row.resumes, played.result
    if stage.row.resumes:
        assert played.asked == ()
        assert played.result.outcome is Outcome.ERROR
        assert played.result.session is None


# ---- how it fails ---------------------------------------------------------------------------


def test_unauthorised(stage: Stage) -> None:
    played = stage.play([Failure(401, "the key of this test is wrong")])
    assert played.result.outcome is Outcome.ERROR
    assert stage.row.unauthorised in played.result.detail
    assert len(played.asked) <= 12
    assert stage.changes() == ""
    # exit 0 with an error inside
    assert played.agent.again(code=0).outcome is Outcome.ERROR


def test_hang(stage: Stage) -> None:
    """The model accepts the request and never answers."""
    played = stage.play([Hang()], seconds=stage.row.hang)
    assert played.result.outcome is Outcome.TIMEOUT, played.result
    assert f"{stage.row.hang} s" in played.result.detail
    assert len(played.asked) >= 1


def test_crash(stage: Stage) -> None:
    """The program is killed in the middle."""

    def kill(model: ModelServer, assignment: Assignment) -> None:
        if model.reached.wait(SECONDS):
            os.kill(_leader(assignment), signal.SIGKILL)

    played = stage.play([Hang()], meanwhile=kill)
    assert played.result.outcome is Outcome.ERROR, played.result
    assert "signal 9" in played.result.detail


def _leader(assignment: Assignment) -> int:
    """The process that we started: a child of ours with the assignment's HOME."""
    home = f"HOME={assignment.home}".encode()
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, children.read_text().split()):
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if alive(pid) and home in environment:
                return pid
    raise AssertionError("the program does not run")


def test_garbage(stage: Stage) -> None:
    """An answer with status 200 that no model gave."""
    played = stage.play([], server=Babbling, seconds=30)
    assert played.result.outcome is stage.row.garbage, played.result
    assert played.result.detail
    assert stage.changes() == ""


# ---- programs that are not what they should be ----------------------------------------------

# A program's source, its exit code and what the detail has to say; the output is no agent's.
PROGRAMS = {
    "another version": ("sys.exit('error: unknown option --json')", "unknown option --json"),
    "wants a login": (
        "print('Log in? [y/N] '); sys.stdin.read(); sys.exit('Please log in first.')",
        "Please log in first",
    ),
    "garbage": ("sys.stdout.buffer.write(bytes(range(256)) * 4096)", ""),
    "100 MB": ("[sys.stdout.buffer.write(b'x' * 10**6) for _ in range(100)]", ""),
    "100 MB of lines": ("[print('{\"type\":\"' + 'x' * 10**4 + '\"}') for _ in range(10**4)]", ""),
    "half JSON": ('print(\'{"type": "result", "is_error": fa\', end=\'\')', ""),
    "deep JSON": ("print('[' * 10**6); print('{\"a\":' * 10**6)", ""),
    "nothing": ("pass", ""),
    "killed": ("import os; os.kill(os.getpid(), 9)", "signal 9"),
}


@pytest.mark.parametrize(("source", "says"), PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("name", sorted(set(AGENTS) - {"command"}))
def test_other_programs(
    assign: MakeAssignment, tmp_path: Path, name: str, source: str, says: str
) -> None:
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(f"import sys\n{source}\n"))
    program = (sys.executable, str(script))
    result = run(AGENTS[name], assign(), now=datetime.now(UTC), program=program)
    assert result.outcome is Outcome.ERROR, result
    assert re.search(says, result.detail)
    assert 0 < len(result.detail) <= 700
    assert (result.until, result.session) == (None, None)


@pytest.mark.parametrize("name", sorted(set(AGENTS) - {"command"}))
def test_a_missing_program(assign: MakeAssignment, tmp_path: Path, name: str) -> None:
    program = (str(tmp_path / "none"),)
    result = run(AGENTS[name], assign(), now=datetime.now(UTC), program=program)
    assert result.outcome is Outcome.ERROR
    assert result.detail.startswith(f"{name} could not be started: ")


def test_every_agent_has_a_row() -> None:
    assert sorted(row.name for row in ROWS) == sorted(set(AGENTS) - {"command"})

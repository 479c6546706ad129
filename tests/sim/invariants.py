"""I1 to I8 (design 3), watched from outside: from what happened to refs, issues, pull requests and
runs, and from the ledger's files as JSON. Nothing here asks the product what it thinks.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.sim.process import Process
from tests.sim.world import (
    BOT,
    FINISHED,
    LEDGER,
    READY,
    WITNESS,
    WORK,
    WRITERS,
    Comment,
    Issue,
    Run,
    State,
)

if TYPE_CHECKING:
    from tests.sim.schedule import Schedule

Json = Any
STATUS = "<!-- ao:status -->"
STOPS = ("/ao stop", "/ao take-over")
OURS = {"ao:working", "ao:review", "ao:needs-human", "ao:paused"}
# where a task may rest: the phase, its label, and words one of which must name what it waits for
RESTS = {
    "needs_human": ("ao:needs-human", ("@{owner}",)),
    "ready": ("ao:review", ("@{owner}",)),
    "in_review": ("ao:review", ("@{owner}",)),
    "ci_blocked": ("ao:review", ("@{owner}",)),
    "paused": ("ao:paused", ("/ao pause", "is a draft", "is not ours", "UTC")),
}
# writes that would happen twice
ONCE = re.compile(r"mutation Reply|POST \S*/(comments|pulls|dispatches|rerun\S*) ")
CLAIMABLE = ("queued", "ci_failed", "changes_requested", "conflicted")
SHOWN = timedelta(seconds=10)  # after which every list shows what there is
FREE = ("limited", "superseded")  # attempts that do not count


class Laws:
    """What must hold of a schedule, after every step and at rest."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.fleet: Json = {"epoch": 0}
        self.book: dict[int, Json] = {}
        self.claims: dict[tuple[int, int], int] = {}  # to the step at which they ended, or 0
        self.agents: Counter[tuple[int, int]] = Counter()
        self.said: Counter[tuple[int, str]] = Counter()
        self.restarts: dict[int, datetime] = {}  # issues to when a human last set them going
        self.rounds: dict[int, datetime] = {}  # and to when such a round was last decided
        self.deleted: dict[int, tuple[str, ...]] = {}  # runs, and whose they were
        self.unseen: set[int] = set()  # issues that ended in a pass which saw old lists
        self.gone: set[str] = set()  # of our branches, those that a human deleted
        self.ours: set[str] = set()  # branches that publish has moved
        self.silenced: set[int] = set()  # issues of which a human deleted a comment
        self.money: Counter[str] = Counter()
        self.forced = False  # the ledger is not as the factory left it

    def broken(self, law: str, *, unless: bool = False) -> None:
        if not unless:
            self.schedule.violated(law)

    @property
    def overlapping(self) -> bool:
        """Whether two programs may have said the same at the same time: then it may stand there
        twice, for GitHub has no way to say something once."""
        return not self.schedule.serial or bool(self.schedule.zombies)

    # ---- what humans did -------------------------------------------------------------------

    def restarted(self, issue: int) -> None:
        self.restarts[issue] = self.schedule.world.now

    def run_deleted(self, run: Run) -> None:
        self.deleted[run.id] = run.group

    def comment_deleted(self, comment: Comment) -> None:
        self.said[comment.number, _mark(comment.body)] -= 1
        self.silenced.add(comment.number)

    def ever_ours(self, branch: str) -> bool:
        return branch in self.ours

    # ---- refs ------------------------------------------------------------------------------

    def refs_moved(self, who: Process | str, moves: Mapping[str, tuple[str, str]]) -> None:
        for ref, (old, new) in moves.items():
            if ref.startswith("refs/heads/ao/"):
                branch = ref.removeprefix("refs/heads/")
                if isinstance(who, Process):
                    self._published(who, branch, old, new, atomic=LEDGER in moves)
                elif not new and branch in self.ours:
                    self.gone.add(branch)
        if LEDGER not in moves:
            return
        if not isinstance(who, Process):
            self.forced = WITNESS not in moves  # a human put it back, or mended that
        elif self.forced:
            self.broken(f"{who.name} goes on from a ledger that was put back")
        else:
            self._written(who, *moves[LEDGER], finished=moves.get(FINISHED, ("", ""))[1])

    def _published(self, who: Process, branch: str, old: str, new: str, *, atomic: bool) -> None:
        """I3, I8: only by the current epoch, from where it was claimed, and over nobody."""
        world = self.schedule.world
        record = self.book.get(who.issue, {})
        claim = record.get("claim")
        if claim is None or record["epoch"] != who.epoch or record["branch"] != branch:
            self.broken(f"I3: {who.name} moved {branch} without the claim of epoch {who.epoch}")
            return
        if not atomic:
            self.broken(f"I3: {branch} moved without the ledger")
        if claim["head"] != old:
            self.broken(f"I8: {branch} was at {old[:7]}, the claim said {claim['head'][:7]}")
        if old and not world.contains(new, old):
            self.broken(f"I8: {branch} lost {old[:7]}")
        if not old and branch in self.gone:
            self.broken(f"I8: {branch} was deleted by a human and came back")
        self.ours.add(branch)
        self._allowed(who, record, branch)

    def _allowed(self, who: Process, record: Json, branch: str) -> None:
        """I8: what publish saw in its last look did not forbid it."""
        seen, pulls = who.looked.get(str(who.issue)), who.looked.get(branch)
        if seen is None or pulls is None:
            self.broken(f"I8: {who.name} did not look before it moved {branch}")
            return
        issue = seen.issues[who.issue]
        strangers = set(issue.assignees) - {record["owner"]}
        if not issue.is_open or READY not in issue.labels or strangers:
            self.broken(f"I8: {branch} moved although #{who.issue} was taken away")
        mine = [pull for pull in pulls.pulls.values() if pull.branch == branch]
        if mine and mine[-1].state != "OPEN":
            self.broken(f"I8: {branch} moved although its pull request was {mine[-1].state}")

    # ---- the ledger ------------------------------------------------------------------------

    def _written(self, who: Process, old: str, new: str, *, finished: str) -> None:
        commits = self.schedule.world.commits
        if commits[new].parents != ((old,) if old else ()):
            self.broken("a commit of the ledger is no child of the last one")
        before, fleet = self.book, self.fleet
        files = commits[new].files
        self.fleet = _json(files["fleet.json"])
        self.book = {
            record["issue"]: record
            for path, content in files.items()
            if path.startswith("tasks/")
            for record in [_json(content)]
        }
        live = [record for record in self.book.values() if record["claim"]]
        if len(live) > self.schedule.policy.max_parallel:
            self.broken(f"I2: {len(live)} live claims")
        if len({record["epoch"] for record in live}) < len(live):
            self.broken("I1: two live claims with one epoch")
        highest = max((record["epoch"] for record in self.book.values()), default=0)
        if self.fleet["epoch"] < max(fleet["epoch"], highest):
            self.broken(f"the epoch counter fell to {self.fleet['epoch']}")
        ended = {n: _finished(commits[finished].files, n) for n in before if n not in self.book}
        if who.shortsighted:
            self.unseen |= set(ended)
        for issue, record in {**self.book, **ended}.items():
            was = before.get(issue) or self._earlier(issue)
            if record is None:
                self.broken(f"the record of #{issue} is gone")
            elif record is not was:
                self._changed(who, was, record, fleet)

    def _earlier(self, issue: int) -> Json:
        """The finished record of an issue that came back."""
        oid = self.schedule.world.state.refs.get(FINISHED)
        return _finished(self.schedule.world.commits[oid].files, issue) if oid else None

    def _changed(self, who: Process, was: Json, record: Json, fleet: Json) -> None:
        issue, attempts = record["issue"], record["attempts"]
        before = was["attempts"] if was else []
        claim, claimed = (was or {}).get("claim"), record["claim"]
        new = attempts[len(before) :]
        if attempts[: len(before)] != before:
            self.broken(f"I5: an attempt of #{issue} is forgotten")
        over = claim and not (claimed and record["epoch"] == was["epoch"])
        if [attempt["epoch"] for attempt in new] != ([was["epoch"]] if over else []):
            self.broken(f"I1: {len(new)} attempts of #{issue} ended, its claim: {claim}")
        for attempt in new:
            self._ended(who, issue, claim, attempt, escalated=record["stop"] is not None)
        if round(sum(a["spent"]["usd"] for a in attempts), 6) != record["spent"]["usd"]:
            self.broken(
                f"I5: #{issue} has spent {record['spent']['usd']}, its attempts more or less"
            )
        if claimed and (not claim or record["epoch"] != was["epoch"]):
            self._claimed(who, was, record, fleet)

    def _ended(
        self, who: Process, issue: int, claim: Json, attempt: Json, *, escalated: bool
    ) -> None:
        self.claims[issue, attempt["epoch"]] = self.schedule.steps
        reserved, spent = claim["reserved"]["usd"], attempt["spent"]["usd"]
        if attempt["outcome"] in ("lost", "withdrawn") and who.kind == "pass" and spent != reserved:
            self.broken(f"I5: a lost attempt of #{issue} cost {spent}, reserved were {reserved}")
        day = claim["claimed_at"][:10]
        self.money[day] += spent - reserved
        if attempt["outcome"] == "lost" and not escalated and claim["reruns"] < 2:
            self._salvageable(who, issue, attempt["epoch"], claim)

    def _salvageable(self, who: Process, issue: int, epoch: int, claim: Json) -> None:
        """I5: what an agent made is not thrown away to be paid for once more."""
        seen = who.saw
        if seen is None:
            return
        run = _run(seen, issue, epoch, claim["claimed_at"])
        there = [a for a in seen.artifacts.values() if run and a.run_id == run.id and not a.expired]
        now = self.schedule.world.state.artifacts
        # no longer to be had: expired, or gone with a run that a human deleted
        lost = [now[a.id].expired if a.id in now else a.run_id in self.deleted for a in there]
        if there and not any(lost):
            self.broken(f"I5: the hand-off of #{issue}.{epoch} was there, its claim was released")

    def _claimed(self, who: Process, was: Json, record: Json, fleet: Json) -> None:
        issue, claim, policy = record["issue"], record["claim"], self.schedule.policy
        epoch = record["epoch"]
        if epoch <= fleet["epoch"] or (issue, epoch) in self.claims:
            self.broken(f"I1: epoch {epoch} of #{issue} is not a new one")
        self.claims[issue, epoch] = 0
        mine = [a for a in record["attempts"] if a["round"] == record["round"]]
        review = claim["reason"] == "changes_requested"
        made = [
            a
            for a in mine
            if (a["reason"] == "changes_requested") is review and a["outcome"] not in FREE
        ]
        most = policy.budget.review_rounds if review else policy.budget.attempts
        if len(made) >= most + record["extra_attempts"]:
            self.broken(f"I5: attempt {len(made) + 1} of {most} of #{issue}")
        usd = sum(a["spent"]["usd"] for a in mine) + claim["reserved"]["usd"]
        if usd > policy.budget.usd_per_task + record["extra_usd"]:
            self.broken(f"I5: ${usd} of ${policy.budget.usd_per_task} for #{issue}")
        if claim["reserved"]["usd"] != min(5.0, policy.budget.usd_per_task):
            self.broken(f"I5: ${claim['reserved']['usd']} are reserved for #{issue}")
        day = claim["claimed_at"][:10]
        self.money[day] += claim["reserved"]["usd"]
        if policy.budget.usd_per_day and self.money[day] > policy.budget.usd_per_day:
            self.broken(f"I5: ${self.money[day]} on {day}")
        self._wanted(who, was, record)

    def _wanted(self, who: Process, was: Json, record: Json) -> None:
        """I8: nothing is claimed that a human took away, and no round begins by itself."""
        issue, seen = record["issue"], who.saw
        assert seen is not None
        found = seen.issues[issue]
        owners = {record["owner"], (was or record)["owner"], _labeller(found)[1]}
        strangers = set(found.assignees) - owners
        for state in who.details:  # where it looks once more, and may be shown old things
            shown = state.issues.get(issue)
            strangers &= set(shown.assignees if shown else ())
        if not found.is_open or READY not in found.labels or strangers:
            self.broken(f"I8: #{issue} was claimed although it was taken away")
        pulls = [p for p in seen.pulls.values() if p.branch == record["branch"]]
        if pulls and pulls[-1].state != "OPEN":
            self.broken(f"I8: #{issue} was claimed although its pull request was closed")
        if not any(_read(state.issues.get(issue), state) for state in (seen, *who.details)):
            self.broken(f"I8: #{issue} was claimed with a text that nobody has read")
        if was and record["round"] > was["round"]:
            asked = self.restarts.get(issue)
            if asked is None or asked < self.rounds.get(issue, asked):
                self.broken(f"I5: round {record['round']} of #{issue} began by itself")
            self.rounds[issue] = datetime.fromisoformat(record["claim"]["claimed_at"])

    # ---- effects ---------------------------------------------------------------------------

    def asked(self, process: Process, write: str) -> None:
        """I7: no write is sent again before somebody has looked, but one that changes nothing when
        it is repeated."""
        if ONCE.match(write) and write in process.unsure:
            self.broken(f"I7: {process.name} repeats {write[:80]} without a look")

    def wrote(self, who: Process, what: str, body: Json, status: int) -> None:
        verb, _, path = what.partition(" ")
        parts = path.strip("/").split("/")
        match verb, *parts:
            case "POST", "pulls" if status == 201:
                self._opened(who)
            case "POST", "issues", _, "labels":
                if not set(body["labels"]) <= OURS:
                    self.broken(f"I8: {who.name} adds {body['labels']}")
            case "DELETE", "issues", number, "labels", "ao%3Aready":
                asked = who.saw is not None and _asked_to_stop(who.saw, int(number))
                self.broken(f"I8: {who.name} takes the label off", unless=asked)
            case "POST", "issues", number, "comments":
                self._spoke(who, int(number), body["body"])
            case "mutation", "Reply":
                self._spoke(who, 0, body["variables"]["body"])
            case "PATCH", "issues", "comments", number:
                said = self.schedule.world.state.comments.get(int(number))
                self.broken(
                    "I8: a human's comment is changed", unless=not said or said.author == BOT
                )
            case "POST", "actions", "workflows", workflow, "dispatches" if workflow == WORK:
                self._dispatched(who, body["inputs"])
            case "POST", "issues", number, "assignees":
                self.broken(f"{body} on {number}", unless=set(body["assignees"]) <= {*WRITERS})

    def _opened(self, who: Process) -> None:
        """I4: one pull request a branch, ever; one open one a task. (What happens between the last
        look and the opening GitHub has no way to keep out: a human opens one again, or closes the
        one that another program has opened meanwhile.)"""
        *others, new = self.schedule.world.state.pulls.values()
        for pull in others:
            if pull.branch == new.branch:
                seen = who.looked.get(pull.branch)
                late = seen is not None and pull.number not in seen.pulls and self.overlapping
                second = f"I4: a second pull request of {new.branch}, by {who.name}"
                self.broken(second, unless=late and pull.state == "CLOSED")
            if pull.issue == new.issue and pull.state == "OPEN" and pull.author == BOT:
                seen = who.looked.get(pull.branch)
                closed = seen is not None and seen.pulls[pull.number].state != "OPEN"
                self.broken(f"I4: two open pull requests for #{new.issue}", unless=closed)

    def _spoke(self, who: Process, number: int, body: str) -> None:
        mark = _mark(body)
        self.said[number, mark] += 1
        if self.said[number, mark] > 1:
            self.broken(f"I7: {who.name} says {mark} twice", unless=self.overlapping)

    def _dispatched(self, who: Process, inputs: Json) -> None:
        issue, epoch = int(inputs["task"]), int(inputs["epoch"])
        if (issue, epoch) not in self.claims:
            self.broken(f"{who.name} starts a run for #{issue}.{epoch}, which nobody claimed")
        seen = who.saw
        gone = (str(issue), str(epoch)) in self.deleted.values()
        if seen is None or gone or self.overlapping:
            return
        runs = [run for run in seen.runs.values() if run.group == (str(issue), str(epoch))]
        if any(who.saw_at - run.created_at > SHOWN for run in runs):
            self.broken(f"I7: {who.name} starts a second run for #{issue}.{epoch}")

    def agent_started(self, who: Process) -> None:
        """I1: the tokens of an attempt are spent once, by the claim's own run."""
        key = (who.issue, who.epoch)
        self.agents[key] += 1
        if self.agents[key] > 1:
            gone = (str(who.issue), str(who.epoch)) in self.deleted.values()
            self.broken(f"I1: a second agent for #{who.issue}.{who.epoch}", unless=gone)
        ended = self.claims.get(key)
        if ended is None or 0 < ended < who.began:
            self.broken(f"I1: {who.name} works on #{who.issue}.{who.epoch} without a claim")

    # ---- rest ------------------------------------------------------------------------------

    def at_rest(self) -> None:
        """I6: every task is over, or waits for something that it names."""
        for issue in self.schedule.world.state.issues.values():
            record = self.book.get(issue.number)
            labels = OURS & set(issue.labels)
            if record is not None:
                self._waits(issue, record, self._status(issue.number, record), labels)
                self._heard(issue)
                continue
            over = self._earlier(issue.number)
            if over is not None:
                self._left(issue, over, labels)
            if self._eligible(issue, over):
                self.broken(f"I6: #{issue.number} is ready and nobody takes it")

    def _status(self, issue: int, record: Json) -> str:
        said = {
            str(c.id): c.body
            for c in self.schedule.world.said_on(issue)
            if c.author == BOT and c.body.startswith(STATUS)
        }
        return said.get(record["status_comment"], next(iter(said.values()), ""))

    def _left(self, issue: Issue, over: Json, labels: set[str]) -> None:
        """What is over looks so. (Of two passes at once the later may write what it saw earlier,
        and nobody looks at a finished task again.)"""
        said = self._status(issue.number, over)
        free = self.overlapping or issue.number in self.unseen
        if labels:
            self.broken(f"I6: #{issue.number} is over and bears {labels}", unless=free)
        free = free or issue.number in self.silenced
        if _phase(said) != over["finished"]:
            self.broken(f"I6: #{issue.number} is {over['finished']}, not {said[:80]}", unless=free)

    def _waits(self, issue: Issue, record: Json, said: str, labels: set[str]) -> None:
        where = f"I6: #{issue.number} rests as {_phase(said)}"
        if record["claim"]:
            self.broken(f"{where} with a claim")
        label, words = RESTS.get(_phase(said), ("", ()))
        if not label:
            self.broken(f"{where}, which is no place to rest: {said[:200]}")
        elif labels != {label}:
            self.broken(f"{where} with the labels {labels}")
        elif not any(word.format(owner=record["owner"]) in said for word in words):
            self.broken(f"{where} and names nobody and nothing: {said}")
        if record["owner"] not in issue.assignees:
            self.broken(f"{where} without its owner")

    def _heard(self, issue: Issue) -> None:
        """I8: nobody who may write says in vain that a task is to end; only the label, put on
        again, begins it anew. (What was edited may have been obeyed for other words.)"""
        since = max(at for at, _, name in issue.labelled if name == READY)
        for said in self.schedule.world.said_on(issue.number):
            ends = said.body in STOPS and said.author in WRITERS and not said.edited_at
            if ends and said.created_at > since:
                self.broken(f"I8: #{issue.number} goes on, though {said.author} said {said.body}")

    def _eligible(self, issue: Issue, over: Json) -> bool:
        if not issue.is_open or READY not in issue.labels:
            return False
        at, who = _labeller(issue)
        opened = max(issue.reopened, default=issue.created_at)
        pulls = [p for p in self.schedule.world.state.pulls.values() if p.issue == issue.number]
        merged = [p for p in pulls if p.merged_at and p.merged_at > opened]
        owner = over["owner"] if over and who not in issue.assignees else who
        free = who in WRITERS and not set(issue.assignees) - {who, owner}
        free = free and (issue.edited is None or issue.edited[1] in WRITERS or at > issue.edited[0])
        returned = over is None or max(at, opened) > datetime.fromisoformat(over["finished_at"])
        return free and returned and not merged and all(p.state != "OPEN" for p in pulls)


def _asked_to_stop(state: State, issue: int) -> bool:
    places = {issue, *(p.number for p in state.pulls.values() if p.issue == issue)}
    return any(
        said.body in STOPS and said.author in WRITERS
        for said in state.comments.values()
        if said.number in places
    )


def _read(issue: Issue | None, seen: State) -> bool:
    """Whether somebody who may write looked since the text was edited by somebody who may not:
    put the label on, or sent an agent by a command."""
    if issue is None or issue.edited is None or issue.edited[1] in WRITERS:
        return True
    at = issue.edited[0]
    marks = [when for when, who, name in issue.labelled if name == READY and who in WRITERS]
    places = {issue.number, *(p.number for p in seen.pulls.values() if p.issue == issue.number)}
    orders = [
        said.created_at
        for said in seen.comments.values()
        if said.number in places
        and said.author in WRITERS
        and said.body in ("/ao retry", "/ao resume")
    ]
    return max((*marks, *orders), default=at) > at


def _labeller(issue: Issue) -> tuple[datetime, str]:
    """When the label was put on last, and by whom."""
    at, who, _ = [event for event in issue.labelled if event[2] == READY][-1]
    return at, who


def _mark(body: str) -> str:
    found = re.match(r"<!-- (ao:[^>]*) -->", body)
    return found[1] if found else body[:60]


def _phase(said: str) -> str:
    found = re.search(r"\*\*(\w+)\*\*", said)
    return found[1] if found else ""


def _run(state: State, issue: int, epoch: int, since: str) -> Run | None:
    runs = [
        run
        for run in state.runs.values()
        if run.group == (str(issue), str(epoch)) and run.created_at >= datetime.fromisoformat(since)
    ]
    return min(runs, key=lambda run: run.id, default=None)


def _finished(files: Mapping[str, bytes], issue: int) -> Json:
    content = files.get(f"tasks/{issue % 100:02}/{issue}.json")
    return _json(content) if content else None


@lru_cache(maxsize=4096)
def _json(content: bytes) -> Json:
    return json.loads(content)

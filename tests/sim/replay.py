"""A schedule that is played twice at once: in memory, and on the local GitHub beside it.

Whatever comes from outside is done to both: requests, pushes, what people do, what becomes of jobs
and checks. What follows from it each works out by itself. Every answer is compared field by field
and, after every step, everything that GitHub shows; the first difference ends the replay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from ao_actions.ledger import Ledger
from tests.sim.answers import text
from tests.sim.client import ADDRESS, ROOT
from tests.sim.process import Process
from tests.sim.schedule import Schedule
from tests.sim.twin import OWNER, Different, Twin, opened, own
from tests.sim.world import (
    BOT,
    CI,
    LEDGER,
    READY,
    RECONCILE,
    STRANGER,
    WORK,
    Pull,
    Run,
    State,
    Thread,
)

Json = Any
Moves = Mapping[str, tuple[str, str]]
# Addresses, and what stands in files and logs: commits of the world in memory have none.
UNLIKE = {"url", "html_url", "detailsUrl", "resourcePath", "check_run_url", "repository_url"}
UNLIKE |= {"path", "line", "startLine", "steps"}
EVENTS = {"CHANGES_REQUESTED": "REQUEST_CHANGES", "APPROVED": "APPROVE", "COMMENTED": "COMMENT"}
LISTED = ("comments", "runs", "artifacts")  # by their numbers
MAIN = "refs/heads/main"


class Replayed(Schedule):
    """`compared`: how many answers were."""

    twin: Twin

    def __init__(self, seed: int, root: Path) -> None:
        super().__init__(Random(seed))
        self.root = root
        self.compared = 0
        self.by_hand = False
        self.shown = State()

    def run(self) -> None:
        """To the end.

        :raises Different: where the two are not alike
        """
        with opened(self.world, self.root) as self.twin:
            self._people(State(), self.world.state)
            self._catch_up()
            try:
                super().run()
            finally:
                self.end()
            if self.crash is not None:
                raise self.crash
            self._ledger()

    def _ledger(self) -> None:
        """As one finds it who has only the local GitHub."""
        oid = self.world.state.refs.get(LEDGER)
        if oid is None:
            return
        ledger = Ledger(self.twin.clone())
        tip = ledger.read()
        theirs = {path: json.loads(file) for path, file in ledger.files(tip.oid).items()}
        ours = {path: json.loads(file) for path, file in self.world.commits[oid].files.items()}
        if (ours, oid) != (theirs, self.twin.known[tip.oid]):
            raise Different(f"the ledger:\n  in memory:    {ours}\n  local GitHub: {theirs}")

    # ---- what programs do ------------------------------------------------------------------

    def answered(self, asked: tuple[str, str, Json, Json], status: int, said: str) -> None:
        method, url, parameters, body = asked
        answer = json.loads(said)
        if url == "/rate_limit":  # asked for its date alone
            return
        path = "graphql" if url == ADDRESS.graphql else url.removeprefix(ROOT).strip("/")
        if path == f"actions/workflows/{WORK}/dispatches":
            self._dispatch(BOT, body)
            return
        if (method, path, status) == ("POST", "pulls", 201):
            self.twin.repo.next_number = answer["number"]
        other, real = self.twin.ask(BOT, method, path, parameters, body)
        what = f"{method} {path} {json.dumps(body)[:300]}"
        if other != status or ("errors" in real) != ("errors" in answer):
            raise Different(f"{what}: {status}, on the local GitHub {other} {real}")
        if status < 400:
            self._learn(method, path, body, answer, real)
            compare(answer, self.twin.told(real), what, whole=path != "graphql")
            self.compared += 1

    def _learn(self, method: str, path: str, body: Json, answer: Json, real: Json) -> None:
        """The names of what a request has made."""
        if method == "POST" and path.endswith("/comments"):
            self.twin.learn("IC", answer["id"], real["id"])
        elif path == "graphql" and "mutation Reply" in body["query"]:
            pulls = self.world.state.pulls.values()
            name = body["variables"]["id"]
            [ours] = [t.comments[-1] for p in pulls for t in p.threads if t.id == name]
            said = max(c.id for p in self.twin.repo.pulls.values() for c in p.review_comments)
            self.twin.learn("IC", ours.id, said, "PullRequestReviewComment")
            self._learn_reviews()
        elif method == "POST" and path.startswith("actions/runs/"):
            self._rerun(int(path.split("/")[2]))

    def _learn_reviews(self) -> None:
        """Also those without words that comments on lines make."""
        for pull in self.world.state.pulls.values():
            theirs = self.twin.repo.pulls[pull.number].reviews
            for ours, real in zip(pull.reviews, theirs, strict=True):
                self.twin.learn("PRR", ours.id, real.id)

    def _dispatch(self, login: str, body: Json) -> None:
        """What GitHub loses is not asked for there."""
        for run in self.world.work_runs():
            if run.id not in self.twin.real:
                self.twin.must(login, "POST", f"actions/workflows/{WORK}/dispatches", **body)
                self.twin.learn("run", run.id, self.twin.repo.runs[-1].id)

    def _rerun(self, ours: int) -> None:
        run = self.world.state.runs.get(ours)
        if run is not None and run.workflow == CI:
            self.twin.name_checks(ours)

    def pushed(self, moves: Moves, *, moved: bool) -> None:
        if self.twin.push(BOT, moves) != moved:
            raise Different(f"git push {moves}: moved {moved}, on the local GitHub {not moved}")

    # ---- what machines do ------------------------------------------------------------------

    def run_call(self, number: int, verb: str) -> tuple[int, Json]:
        status, answer = super().run_call(number, verb)
        if self.by_hand:
            said, _ = self.twin.ask(OWNER, "POST", f"actions/runs/{number}/{verb}")
            if said != status:
                raise Different(f"{verb} of run {number}: {status}, on the local GitHub {said}")
            self._rerun(number)
        return status, answer

    def dispatched(self, workflow: str, inputs: Mapping[str, str]) -> None:
        super().dispatched(workflow, inputs)
        if self.by_hand:
            self._dispatch(OWNER, {"ref": "main", "inputs": dict(inputs)})

    def _next_job(self, run: Run) -> None:
        self.twin.take(run.id, "agent" if run.agent is None else "publish")
        super()._next_job(run)

    def _bury(self) -> None:
        for process in [p for p in self.processes if p.done and not p.zombie]:
            run = self.world.state.runs.get(process.run_id)
            if run is not None and run.status != "completed":
                self.twin.end(run.id, "failure" if process.failed else "success")
        super()._bury()
        self._catch_up()

    def _dies(self, first: Process) -> None:
        going = [run for run in self.world.work_runs() if run.status == "in_progress"]
        super()._dies(first)
        for run in going:
            if self.world.state.runs[run.id].status == "completed":
                self.twin.kill(run.id)

    def _ci_ends(self, run: Run) -> None:
        super()._ci_ends(run)
        ended = self.world.state.runs[run.id].conclusion
        assert ended is not None
        self.twin.end(run.id, ended, "queued")

    def _catch_up(self) -> None:
        """Checks and artifacts are there as soon as they are seen; then all is compared."""
        state = self.world.state
        if state is self.shown:
            return
        for run in state.runs.values():
            if run.workflow == CI and run.id not in self.twin.real:
                self.twin.begin_ci(run)
        for artifact in state.artifacts.values():
            if artifact.id not in self.twin.real:
                self.twin.upload(artifact)
            if artifact.expired:
                self.twin.expire(artifact)
        theirs = self.twin.told(shown(self.twin))
        for name in LISTED:
            theirs[name].sort()
        compare(picture(state), theirs, "")
        self.shown = state

    # ---- what people do --------------------------------------------------------------------

    def act(self, act: Callable[[Schedule], str | None]) -> str | None:
        before, self.by_hand = self.world.state, True
        done = super().act(act)
        self._people(before, self.world.state)
        self.by_hand = False
        return done

    def _people(self, old: State, new: State) -> None:
        """From what changed, what somebody did; what only follows from it is left out."""
        merged = [
            n for n, pull in old.pulls.items() if pull.state != new.pulls[n].state == "MERGED"
        ]
        for number in merged:
            self._merge(number)
        for number in new.issues:
            self._issue(old, new, number, merged=bool(merged))
        for comment in new.comments.values():
            if comment.id not in old.comments:
                path = f"issues/{comment.number}/comments"
                said = self.twin.must(comment.author, "POST", path, body=comment.body)
                self.twin.learn("IC", comment.id, said["id"])
        for gone in old.comments.keys() - new.comments.keys():
            self.twin.must(OWNER, "DELETE", f"issues/comments/{gone}")
        for was in old.pulls.values():
            self._pull(new, was, new.pulls[was.number])
        self._learn_reviews()
        for gone in old.runs.keys() - new.runs.keys():
            self.twin.must(OWNER, "DELETE", f"actions/runs/{gone}")
        moves = {
            ref: (old.refs.get(ref, ""), new.refs.get(ref, ""))
            for ref in old.refs.keys() | new.refs.keys()
            if new.refs.get(ref) != old.refs.get(ref) and not (merged and ref == MAIN)
        }
        if moves and old.refs and not self.twin.push(OWNER, moves):
            raise Different(f"somebody's push is refused on the local GitHub: {moves}")

    def _merge(self, number: int) -> None:
        """By its owner, who may do it whatever its branch asks for."""
        rules = self.twin.repo.protection.pop("main")
        self.twin.must(OWNER, "PUT", f"pulls/{number}/merge")
        self.twin.repo.protection["main"] = rules
        self.twin.fetch(self.world.branch("main"))

    def _issue(self, old: State, new: State, number: int, *, merged: bool) -> None:
        was, now, twin = old.issues.get(number), new.issues[number], self.twin
        path = f"issues/{number}"
        if was is None:
            twin.repo.next_number = number
            twin.must(STRANGER, "POST", "issues", title=f"Return {number}", body=text(now))
        labelled = now.labelled[len(was.labelled) if was else 0 :]
        if was and READY in was.labels and (labelled or READY not in now.labels):
            twin.must(OWNER, "DELETE", f"{path}/labels/ao%3Aready")
        for _, who, name in labelled:
            twin.must(who, "POST", f"{path}/labels", labels=[name])
        if was is None:
            return
        if now.is_open != was.is_open and not merged:
            twin.must(OWNER, "PATCH", path, state="open" if now.is_open else "closed")
        for who in {*was.assignees} ^ {*now.assignees}:
            verb = "POST" if who in now.assignees else "DELETE"
            twin.must(OWNER, verb, f"{path}/assignees", assignees=[who])
        if now.edited != was.edited and now.edited:
            twin.must(now.edited[1], "PATCH", path, body=text(now))

    def _pull(self, new: State, was: Pull, now: Pull) -> None:
        twin, path = self.twin, f"pulls/{now.number}"
        there = f"refs/heads/{now.branch}" in new.refs
        if now.state not in (was.state, "MERGED") and there:
            state = "open" if now.state == "OPEN" else "closed"
            twin.must(OWNER, "PATCH", path, state=state)
        if now.draft != was.draft:
            verb = "convertPullRequestToDraft" if now.draft else "markPullRequestReadyForReview"
            node = twin.must(OWNER, "GET", path)["node_id"]
            twin.mutate(OWNER, verb, pullRequestId=node)
        for review in now.reviews[len(was.reviews) :]:
            if review.body or review.state != "COMMENTED":
                given = {"event": EVENTS[review.state], "body": review.body}
                twin.must(review.author, "POST", f"{path}/reviews", **given)
        before = {thread.id: thread for thread in was.threads}
        for thread in now.threads:
            self._thread(now, before.get(thread.id), thread)

    def _thread(self, pull: Pull, was: Thread | None, now: Thread) -> None:
        twin, path = self.twin, f"pulls/{pull.number}/comments"
        for comment in now.comments[len(was.comments) if was else 0 :]:
            given = {"body": comment.body}
            if was is None:
                given |= {"commit_id": twin.real[pull.head], "path": own(pull.branch), "line": 1}
            else:
                path = f"{path}/{now.comments[0].id}/replies"
            said = twin.must(comment.author, "POST", path, **given)
            twin.learn("IC", comment.id, said["id"], "PullRequestReviewComment")
        if was is None:
            twin.learn("T", now.id, twin.repo.pulls[pull.number].threads[-1].id)
        elif now.resolved != was.resolved:
            verb = "resolveReviewThread" if now.resolved else "unresolveReviewThread"
            twin.mutate(OWNER, verb, threadId=twin.real[now.id])


# ---- what both show ------------------------------------------------------------------------


def picture(state: State) -> Json:
    """Everything that somebody sees, as JSON."""
    return {
        "issues": [
            {"number": i.number, "open": i.is_open}
            | {"labels": sorted(i.labels), "assignees": sorted(i.assignees)}
            for i in state.issues.values()
        ],
        "pulls": [
            {"number": p.number, "state": p.state, "draft": p.draft, "branch": p.branch}
            | {"head": p.head, "requested": sorted(p.requested), "body": p.body}
            | {"assignees": sorted(p.assignees)}
            | {"reviews": [[r.author, r.state, r.body] for r in p.reviews]}
            | {"threads": [[t.id, t.resolved, [c.id for c in t.comments]] for t in p.threads]}
            for p in state.pulls.values()
        ],
        "comments": sorted([c.id, c.number, c.author, c.body] for c in state.comments.values()),
        "refs": dict(state.refs),
        "runs": sorted(
            [r.id, r.title, r.status, r.conclusion, r.attempt] for r in state.runs.values()
        ),
        "artifacts": sorted([a.id, a.name, a.expired] for a in state.artifacts.values()),
    }


def shown(twin: Twin) -> Json:
    """The same of the local GitHub, under its own names."""
    repo, refs = twin.repo, twin.refs()
    with twin.hub.world.lock:
        return {
            "issues": [
                {"number": i.number, "open": i.state == "open"}
                | {"labels": sorted(i.labels), "assignees": _logins(i.assignees)}
                for i in repo.issues.values()
                if not i.is_pull
            ],
            "pulls": [_pull(repo.issues[p.number], p) for p in repo.pulls.values()],
            "comments": [
                [c.id, issue.number, *_logins([c.user]), c.body]
                for issue in repo.issues.values()
                for c in issue.comments
            ],
            "refs": refs,
            "runs": [
                [r.id, r.display_title, r.status, r.conclusion, r.run_attempt]
                for r in repo.runs
                if not r.path.endswith(RECONCILE)
            ],
            "artifacts": [[a.id, a.name, a.expired] for r in repo.runs for a in r.artifacts],
        }


def _pull(issue: Any, pull: Any) -> Json:
    state = "MERGED" if pull.merged else issue.state.upper()
    comments = {thread.id: thread.comment_ids for thread in pull.threads}
    return (
        {"number": pull.number, "state": state, "draft": pull.draft, "branch": pull.head_ref}
        | {"head": pull.head_sha, "requested": _logins(pull.requested_reviewers)}
        | {"body": issue.body, "assignees": _logins(issue.assignees)}
        | {"reviews": [[*_logins([r.user]), r.state, r.body] for r in pull.reviews]}
        | {"threads": [[t.id, t.is_resolved, comments[t.id]] for t in pull.threads]}
    )


def _logins(logins: Iterable[str]) -> list[str]:
    return sorted(login.removesuffix("[bot]") for login in logins)


def compare(ours: Json, theirs: Json, where: str, *, whole: bool = True) -> None:
    """The local GitHub may say more than the product reads, and where not the `whole` is asked
    for, the world in memory more than was asked."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if whole and not ours.keys() <= theirs.keys():
            raise Different(f"{where}: GitHub says nothing of {ours.keys() - theirs.keys()}")
        for key in (ours.keys() & theirs.keys()) - UNLIKE:
            compare(ours[key], theirs[key], f"{where}.{key}", whole=whole)
        return
    if isinstance(ours, list) and isinstance(theirs, list):
        ours, theirs = _in_order(ours), _in_order(theirs)
        if len(ours) == len(theirs):
            for at, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                compare(one, other, f"{where}[{at}]", whole=whole)
            return
    if ours != theirs:
        raise Different(f"{where}:\n  in memory:    {ours}\n  local GitHub: {theirs}")


def _in_order(items: list[Json]) -> list[Json]:
    """Reactions that somebody has not given are no reactions; logins and labels have no order."""
    items = [i for i in items if not (isinstance(i, dict) and i.get("viewerHasReacted") is False)]
    if all(isinstance(item, dict) and item.keys() & {"login", "name"} for item in items):
        return sorted(items, key=lambda item: str(item.get("login") or item.get("name")))
    return items

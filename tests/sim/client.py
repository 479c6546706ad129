"""The two edges of the product in the world: its client and its git, with what can go wrong.

Above them everything is real: `Client` with its retries and errors, `Ledger` with its
compare-and-swap. A fault is an answer that is lost, an error before or after the effect, a limit,
a list of some seconds ago, a push refused or one whose answer is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatch
from functools import partial
from typing import Any

from ao_actions.errors import ForgeError, GitError, NotFoundError
from ao_actions.forge.client import Address, Client
from ao_actions.gitsays import Done
from ao_actions.ledger import Ledger
from ao_actions.patience import Patience
from tests.sim import answers
from tests.sim.answers import Json
from tests.sim.process import Process
from tests.sim.world import BOT, REPOSITORY, RIGHTS, Comment, Pull, State, Thread, World

ADDRESS = Address(
    api="https://api.github.com", graphql="https://api.github.com/graphql", server=answers.WEB[:18]
)
ROOT = f"/repos/{REPOSITORY}"
LIMITED = json.dumps({"message": "You have exceeded a secondary rate limit."})
LISTS = ("/runs", "/artifacts", "pulls", "query Sweep", "query Details")
LAGS = (2, 5, 9)  # seconds
READ_FAULTS = ("no answer", "500", "limit", "stale", "stale")
WRITE_FAULTS = ("lost before", "500 before", "limit", "500 after", "lost after")


class SimClient(Client):
    """`forge.client.Client` with the world where its connection was."""

    def __init__(self, process: Process) -> None:
        super().__init__(
            REPOSITORY,
            "t",
            ADDRESS,
            pause=process.rest,
            jitter=lambda: 0.5,
            clock=process.schedule.seconds,
        )
        self.process = process

    def _exchange(
        self, method: str, url: str, parameters: dict[str, Any], body: Json
    ) -> tuple[int, str]:
        query = body["query"].lstrip() if url == ADDRESS.graphql else ""
        name = query.partition("{")[0].partition("(")[0].strip()
        what = name or f"{method} {url.removeprefix(ROOT) or '/'}"
        writes = name.startswith("mutation") if query else method != "GET"
        process = self.process
        process.step(what)
        schedule, world = process.schedule, process.schedule.world
        key = f"{what} {json.dumps(body, sort_keys=True)}" if writes else ""
        schedule.laws.asked(process, key)
        fault = schedule.fault(WRITE_FAULTS if writes else READ_FAULTS)
        if fault is not None and fault == "stale" and not any(part in what for part in LISTS):
            fault = None
        if fault is not None:
            schedule.faulty(f"{fault} ({'write' if writes else 'read'})")
        if fault in ("no answer", "lost before"):
            process.unsure.add(key)
            return 0, "ReadTimeout"
        if fault in ("500", "500 before"):
            process.unsure.add(key)
            return 502, "{}"
        self._seen = world.now
        if fault == "limit":
            return 403, LIMITED
        state = world.seconds_ago(schedule.chooser.pick(LAGS)) if fault == "stale" else world.state
        if query:
            data = _graphql(process, state, name, query, body["variables"])
            status, said = 200, f'{{"data": {data}}}'
        else:
            path = url.removeprefix(ROOT).strip("/")
            parts = path.split("/")
            if writes:
                status, answer = _write(process, method, parts, body)
            else:
                answer = _get(process, state, parts, parameters)
                status = 404 if answer is None else 200
            said = json.dumps(answer)
        if fault != "stale":
            schedule.answered((method, url, parameters, body), status, said)
        if writes:
            schedule.laws.wrote(process, what, body, status)
        else:
            process.unsure.clear()
        if fault in ("500 after", "lost after"):
            process.unsure.add(key)
            return (502, "{}") if fault == "500 after" else (0, "ReadTimeout")
        return status, said

    def _chunks(self, path: str) -> Iterator[bytes]:
        self.process.step(f"GET {path}")
        if self.process.schedule.fault(("no answer",)):
            self.process.schedule.faulty("no answer (content)")
            raise ForgeError(f"{path}: ReadTimeout")
        state = self.process.schedule.world.state
        parts = path.split("/")
        if parts[1] == "jobs":
            yield b"AssertionError: 41 is not 42\n"
        else:
            artifact = state.artifacts.get(int(parts[2]))
            if artifact is None or artifact.expired:
                raise NotFoundError(f"GET {path}: not found")
            yield artifact.content


# ---- GraphQL -------------------------------------------------------------------------------


def _graphql(
    process: Process, state: State, name: str, query: str, variables: Mapping[str, Any]
) -> str:
    """The JSON of its `data`."""
    world = process.schedule.world
    match name.split()[1]:
        case "Sweep":
            process.saw, process.saw_at = state, world.now
            process.details.clear()
            process.shortsighted |= state is not world.state
            return f'{{"repository": {answers.sweep(world, state, query)}}}'
        case "Details":
            process.details.append(state)
            return f'{{"repository": {answers.sweep(world, state, query)}}}'
        case "Viewer":
            return json.dumps({"viewer": {"login": answers.user(BOT)["login"]}})
        case "Red":
            return f'{{"repository": {answers.red(world, state, variables["number"])}}}'
        case "Thread":
            return json.dumps(answers.thread(state, variables["id"]))
        case "Reply":
            return json.dumps({"addPullRequestReviewThreadReply": _reply(world, variables)})
        case "Resolve":
            _change_thread(world, variables["id"], resolved=True)
            return json.dumps({"resolveReviewThread": {"thread": {"isResolved": True}}})
        case "React":
            return json.dumps({"addReaction": _react(world, variables)})
    raise AssertionError(query)


def _change_thread(world: World, name: str, **changes: Any) -> None:
    pull, thread = _thread(world, name)
    new = replace(thread, **changes)
    threads = tuple(new if each is thread else each for each in pull.threads)
    world.put(replace(pull, threads=threads))


def _thread(world: World, name: str) -> tuple[Pull, Thread]:
    return next((p, t) for p in world.state.pulls.values() for t in p.threads if t.id == name)


def _reply(world: World, variables: Mapping[str, Any]) -> Json:
    pull, thread = _thread(world, variables["id"])
    words = variables["body"]
    said = Comment(id=world.number(), number=0, author=BOT, body=words, created_at=world.now)
    _change_thread(world, thread.id, comments=(*thread.comments, said))
    world.remarks(pull.number, BOT)
    return {"comment": {"url": answers.comment(said)["html_url"]}}


def _react(world: World, variables: Mapping[str, Any]) -> Json:
    kind, number = str(variables["id"]).split("_")
    content = str(variables["content"])
    if kind == "IC":
        said = world.state.comments.get(int(number))
        if said is None:
            return None
        world.put(replace(said, reactions=_with(said.reactions, content)))
        return {"reaction": {"content": content}}
    for pull in world.state.pulls.values():
        reviews = tuple(
            replace(r, reactions=_with(r.reactions, content)) if r.id == int(number) else r
            for r in pull.reviews
        )
        if reviews != pull.reviews:
            world.put(replace(pull, reviews=reviews))
    return {"reaction": {"content": content}}


def _with(reactions: tuple[str, ...], content: str) -> tuple[str, ...]:
    """Who reacts in the same way once more changes nothing."""
    return tuple(dict.fromkeys((*reactions, content)))


# ---- REST ----------------------------------------------------------------------------------


def _get(process: Process, state: State, parts: list[str], parameters: dict[str, Any]) -> Json:
    match parts:
        case [""]:
            return {"default_branch": "main", "private": True}
        case ["rate_limit"]:
            return {}
        case ["collaborators", login, "permission"]:
            return {"permission": RIGHTS.get(login, "read")}
        case ["actions", "workflows", workflow, "runs"]:
            since = parameters.get("created", "").removeprefix(">=")
            return _page("workflow_runs", answers.runs(state, workflow, since), parameters)
        case ["actions", "runs", number]:
            run = state.runs.get(int(number))
            return answers.run(run) if run else None
        case ["actions", "runs", number, "jobs"]:
            run = state.runs.get(int(number))
            return {"jobs": [answers.job(run)]} if run else None
        case ["actions", "runs", number, "artifacts"]:
            return _artifacts(state, int(number))
        case ["pulls"]:
            branch = parameters["head"].partition(":")[2]
            process.looked[branch] = state
            wanted = parameters.get("state", "open")
            found = [answers.pull(p) for p in state.pulls.values() if p.branch == branch]
            return [p for p in found[::-1] if wanted in ("all", p["state"])]
        case ["git", "commits", oid]:
            return {"message": process.schedule.world.commits[oid].message.rstrip("\n")}
        case ["issues", number]:
            process.looked[number] = state
            return answers.issue(state.issues[int(number)])
        case ["issues", number, "comments"]:
            said = [answers.comment(c) for c in process.schedule.world.said_on(int(number))]
            return _page(None, said, parameters)
    raise AssertionError(parts)


def _page(key: str | None, items: Sequence[Json], parameters: dict[str, Any]) -> Json:
    first = (parameters["page"] - 1) * 100
    page = items[first : first + 100]
    return {key: page} if key else page


def _artifacts(state: State, run: int) -> Json:
    if run not in state.runs:
        return None
    found = [
        {"id": a.id, "name": a.name, "size_in_bytes": len(a.content), "expired": a.expired}
        for a in state.artifacts.values()
        if a.run_id == run
    ]
    return {"artifacts": found}


def _write(process: Process, method: str, parts: list[str], body: Json) -> tuple[int, Json]:
    schedule, world = process.schedule, process.schedule.world
    match method, *parts:
        case "POST", "actions", "workflows", workflow, "dispatches":
            schedule.dispatched(workflow, body["inputs"])
            return 204, {}
        case "POST", "actions", "runs", number, verb:
            return schedule.run_call(int(number), verb)
        case "POST", "pulls":
            pull = world.open_pull(body["head"], BOT, body["body"])
            return (201, answers.pull(pull)) if pull else (422, {"message": "Validation Failed"})
        case "POST", "pulls", number, "requested_reviewers":
            pull = world.state.pulls[int(number)]
            requested = dict.fromkeys((*pull.requested, *body["reviewers"]))
            world.put(replace(pull, requested=tuple(requested)))
            return 201, {}
        case "POST" | "DELETE", "issues", number, *rest:
            return _write_issue(world, int(number), rest, body)
        case "PATCH", "issues", "comments", number:
            said = world.state.comments.get(int(number))
            if said is None:
                return 404, {"message": "Not Found"}
            said = replace(said, body=body["body"], edited_at=world.now)
            world.put(said)
            return 200, answers.comment(said)
    raise AssertionError((method, parts))


def _write_issue(world: World, number: int, rest: list[str], body: Json) -> tuple[int, Json]:
    match rest:
        case ["labels"]:
            for name in body["labels"]:
                world.label(number, name, BOT)
            return 200, answers.issue(world.state.issues[number])["labels"]
        case ["labels", name]:
            if not world.unlabel(number, name.replace("%3A", ":")):
                return 404, {"message": "Label does not exist"}
            return 200, answers.issue(world.state.issues[number])["labels"]
        case ["assignees"]:
            return 201, _assign(world, number, body["assignees"])
        case ["comments"]:
            return 201, answers.comment(world.say(number, BOT, body["body"]))
    raise AssertionError(rest)


def _assign(world: World, number: int, logins: Iterable[str]) -> Json:
    if (issue := world.state.issues.get(number)) is not None:
        issue = replace(issue, assignees=tuple(dict.fromkeys((*issue.assignees, *logins))))
        world.put(issue)
        return answers.issue(issue)
    pull = world.state.pulls[number]
    pull = replace(pull, assignees=tuple(dict.fromkeys((*pull.assignees, *logins))))
    world.put(pull)
    return {key: answers.pull(pull)[key] for key in ("number", "html_url", "assignees")}


# ---- git -----------------------------------------------------------------------------------


class SimGit:
    """`git.Git` as far as the ledger and publish ask for it: refs of the world, and a copy."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.patience = Patience(process.rest, lambda: 0.5)
        self.local: dict[str, str] = {}

    def fetch(self, *refspecs: str, depth: int | None = 1, filters: str | None = None) -> bool:
        """All of these refs, or none where one is missing."""
        names = [spec.lstrip("+").partition(":")[0] for spec in refspecs]
        self._call(f"git fetch {' '.join(names)}", ("no answer",))
        refs = self.process.schedule.world.state.refs
        if any(name not in refs for name in names):
            return False
        self.local |= {name: refs[name] for name in names}
        return True

    def run(self, *args: str) -> str:
        assert args[0] == "rev-parse"
        return self.local[args[-1]]

    def attempt(self, *args: str, **_given: Any) -> Done:
        if args[0] == "merge-base":
            old, new = (self.local.get(name, name) for name in args[2:])
            return Done(0 if self.process.schedule.world.contains(new, old) else 1, b"", "")
        assert args[0] == "rev-parse"
        return Done(0, self.local.get(args[-1], "").encode(), "")

    def remote_refs(self, *patterns: str) -> dict[str, str]:
        self._call("git ls-remote", ("no answer",))
        refs = self.process.schedule.world.state.refs
        return {ref: oid for ref, oid in refs.items() if any(map(partial(fnmatch, ref), patterns))}

    def push(self, moves: Mapping[str, tuple[str, str]]) -> Done:
        faults = ("lost before", "lost after", "lost after", "refused")
        fault = self._call(f"git push {' '.join(moves)}", faults)
        if fault == "refused":
            return Done(1, b"!\trefs\t[remote rejected] (a rule)", "")
        if fault == "lost before":
            return Done(1, b"", "error: RPC failed; HTTP 500")
        moved = self.process.schedule.world.move(self.process, moves)
        self.process.schedule.pushed(moves, moved=moved)
        if not moved:
            return Done(1, b"!\trefs\t[rejected] (stale info)", "")
        return Done(1, b"", "error: RPC failed; HTTP 500") if fault else Done(0, b"", "")

    def _call(self, what: str, faults: Sequence[str]) -> str | None:
        """Wait for one's turn. A fetch without an answer is over; a push goes on with its fault."""
        self.process.step(what)
        schedule = self.process.schedule
        fault = schedule.fault(faults)
        if fault is not None:
            schedule.faulty(f"{fault} ({what.split()[1]})")
        if fault is None:
            self.process.unsure.clear()
        if fault == "no answer":
            raise GitError(f"{what}: the remote end hung up unexpectedly")
        return fault


class SimLedger(Ledger):
    """The ledger with its commits in the world; reading and writing them is the real code."""

    def __init__(self, process: Process) -> None:
        git: Any = SimGit(process)
        super().__init__(git, nonce=lambda: "n", pause=lambda _seconds: None, jitter=lambda: 0.5)
        self.world = process.schedule.world

    def files(self, commit: str) -> dict[str, bytes]:
        git: Any = self.git
        return dict(self.world.commits[git.local.get(commit, commit)].files)

    def some_files(self, commit: str, paths: Sequence[str]) -> dict[str, bytes]:
        there = self.files(commit)
        return {path: there[path] for path in paths if path in there}

    def commit(
        self,
        ref: str,
        parent: str,
        *,
        changed: Mapping[str, bytes],
        gone: Iterable[str] = (),
        moved: Iterable[tuple[str, str]] = (),
        tree: str = "",
        lines: Sequence[str],
        trailers: Sequence[str] = (),
        at: datetime,
    ) -> str:
        files = {**(self.world.commits[parent].files if parent else {}), **changed}
        for path in gone:
            del files[path]
        return self.world.commit((parent,) if parent else (), BOT, "\n".join(lines), files)

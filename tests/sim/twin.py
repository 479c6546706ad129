"""The local GitHub as the twin of a world in memory: the same acts by real HTTP and real git.

Numbers of issues and pull requests are the same in both; other ids and commits are mapped from
one to the other as they are made. Its clock is the world's. Its runners and its CI are played.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ao_actions.forge.client import Address, Client
from ao_actions.forge.observe import REVIEW_WORKFLOW as REVIEW
from ao_actions.git import Git, Remote
from ao_actions.localgithub.actions.active import ActiveRun, Leg, Outcome
from ao_actions.localgithub.actions.service import ActionsService
from ao_actions.localgithub.model import Artifact, Event, Protection, Repository, WorkflowRun
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.localgithub.wire.core import node_id
from ao_actions.localgithub.world import Clock
from tests.sim import world as sim
from tests.sim.world import BOT, CI, REPOSITORY, STRANGER, WORK, World

Json = Any
ROOT = f"/repos/{REPOSITORY}"
OWNER, OTHER = sim.WRITERS
ROLES = {**sim.RIGHTS, STRANGER: "triage", f"{BOT}[bot]": "write"}
KINDS = {"IC": "IssueComment", "PRR": "PullRequestReview", "T": "PullRequestReviewThread"}
DISPATCHED = """name: {name}
on: {{workflow_dispatch: {{inputs: {{task: {{}}, epoch: {{}}, reason: {{}}}}}}}}
jobs: {{{jobs}}}
"""
STEPS = "runs-on: ubuntu-latest, steps: [{run: 'true'}]"
AGENT = f"agent: {{{STEPS}}}"
PUBLISH = f"publish: {{needs: agent, if: always(), {STEPS}}}"
NAMED = 'run-name: "ao #${{ inputs.task }}.${{ inputs.epoch }} ${{ inputs.reason }}"\n'
GROUP = "concurrency: {group: 'ao-work-${{ inputs.task }}-${{ inputs.epoch }}'}\n"
FILES = {
    WORK: NAMED + GROUP + DISPATCHED.format(name="ao-work", jobs=f"{AGENT}, {PUBLISH}"),
    sim.RECONCILE: DISPATCHED.format(name="ao-reconcile", jobs=f"pass: {{{STEPS}}}"),
    REVIEW: DISPATCHED.format(name="ao-review", jobs=f"wake: {{{STEPS}}}"),
    CI: DISPATCHED.format(name="CI", jobs=f"tests: {{{STEPS}}}"),
}


class Different(AssertionError):  # noqa: N818 - it is no fault, but a finding
    """The two worlds are not alike; the message says in what."""


class Following(Clock):
    """The time of the world in memory."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def now(self) -> datetime:
        return self.world.now


class Twin:
    """`real`: of a number or commit in memory, the twin's; `known`: the other way round."""

    def __init__(self, world: World, hub: LocalGitHub, root: Path) -> None:
        self.world = world
        self.hub = hub
        self.repo: Repository = hub.world.create_repository(REPOSITORY, private=True)
        for login, role in ROLES.items():
            hub.world.add_user(login, "Bot" if login.endswith("[bot]") else "User")
            self.repo.collaborators[login] = role  # type: ignore[assignment]
        tokens = {login: hub.world.add_token(login).value for login in ROLES}
        address = Address(api=hub.api_url, graphql=hub.graphql_url, server=hub.url)
        self.clients = {
            login.removesuffix("[bot]"): Client(REPOSITORY, token, address)
            for login, token in tokens.items()
        }
        self.root = root
        url = f"{hub.url}/{REPOSITORY}.git"
        remotes = {login: Remote(url, client.token) for login, client in self.clients.items()}
        clone = Git.scratch(root / "clone.git")
        self.gits = {login: Git(clone.directory, remote) for login, remote in remotes.items()}
        self.real: dict[object, Any] = {}
        self.known: dict[object, Any] = {self.repo.id: 1}
        actions = hub.world.actions
        assert isinstance(actions, ActionsService)
        self.actions = actions
        main = world.branch("main")
        files = {f".github/workflows/{name}": text.encode() for name, text in FILES.items()}
        self._learn(main, self._import(world.commits[main], (), files, whole=True))
        self.push(OWNER, {"refs/heads/main": ("", main)})
        hub.world.drain()  # so that it knows its workflows
        self.repo.protection["main"] = Protection(required_checks=["tests"], required_approvals=1)

    # ---- names -----------------------------------------------------------------------------

    def _learn(self, ours: object, theirs: object) -> None:
        self.real[ours], self.known[theirs] = theirs, ours

    def learn(self, kind: str, ours: int | str, theirs: int, name: str = "") -> None:
        """A number, and its node id: `kind` as in `KINDS`."""
        self._learn(ours, theirs)
        if kind in KINDS:
            prefix = ours if kind == "T" else f"{kind}_{ours}"
            self._learn(prefix, node_id(name or KINDS[kind], theirs))

    def told(self, value: Json) -> Json:
        """An answer of the twin with the names that things have in memory."""
        match value:
            case dict():
                return {
                    key: item if key == "size_in_bytes" else self.told(item)
                    for key, item in value.items()
                }
            case list():
                return [self.told(item) for item in value]
            case bool() | None:
                return value
        return self.known.get(value, value)

    # ---- HTTP ------------------------------------------------------------------------------

    def ask(
        self, login: str, method: str, path: str, parameters: Json = None, body: Json = None
    ) -> tuple[int, Json]:
        """One request as this login; `path` is below the repository, or `graphql`."""
        client = self.clients[login]
        url = client.address.graphql
        if path != "graphql":
            parts = [str(self.real.get(_name(part), part)) for part in path.split("/")]
            url = f"{ROOT}/{'/'.join(parts)}".rstrip("/")
        elif isinstance(body, dict):
            given = body["variables"].items()
            body = {**body, "variables": {key: self.real.get(v, v) for key, v in given}}
        status, text, *_ = client._exchange(method, url, dict(parameters or {}), body)
        self.hub.world.drain()
        return status, json.loads(text) if text else {}

    def must(self, login: str, method: str, path: str, /, **body: Any) -> Json:
        """What a person does by the web pages; GitHub must not refuse it."""
        status, answer = self.ask(login, method, path, body=body or None)
        assert 200 <= status < 300, (login, method, path, body, status, answer)
        return answer

    def mutate(self, login: str, name: str, **given: str) -> None:
        fields = ", ".join(f'{key}: "{value}"' for key, value in given.items())
        query = f"mutation {{ {name}(input: {{{fields}}}) {{ clientMutationId }} }}"
        status, answer = self.ask(login, "POST", "graphql", body={"query": query, "variables": {}})
        assert status == 200, (name, answer)
        assert "errors" not in answer, (name, answer)

    # ---- git -------------------------------------------------------------------------------

    def push(self, login: str, moves: Mapping[str, tuple[str, str]]) -> bool:
        """Each ref from one commit to another ("" = none), as `Git.push`; whether it was done."""
        for ref, (_, new) in moves.items():
            self.make(ref, new)
        leased = {
            ref: (self.real.get(old, old), self.real.get(new, new))
            for ref, (old, new) in moves.items()
        }
        done = self.gits[login].push(leased)
        self.hub.world.drain()
        assert not done.unanswered, done
        return done.code == 0

    def make(self, ref: str, oid: str) -> None:
        """The real commits behind one in memory."""
        if not oid or oid in self.real:
            return
        commit = self.world.commits[oid]
        for parent in commit.parents:
            self.make(ref, parent)
        if ref.startswith("refs/ao/"):
            made = self._import(commit, (), commit.files, whole=True)
        else:
            made = self._import(commit, (own(ref), *self._clashing(oid)), {})
        self._learn(oid, made)

    def _clashing(self, oid: str) -> Iterator[str]:
        pulls = self.world.state.pulls.values()
        return (own(f"refs/heads/{p.branch}") for p in pulls if oid in p.clashes)

    def _import(
        self, commit: sim.Commit, lines: tuple[str, ...], files: Mapping[str, bytes], *, whole=False
    ) -> str:
        """`lines`: files whose one line it changes; of a merge, the second parent's others are in
        its tree as they are there. `whole`: it has no other files than these."""
        parents = [self.real[parent] for parent in commit.parents]
        when = f"{commit.author} <{commit.author}@example.com> {int(commit.at.timestamp())} +0000"
        head = ["commit refs/made", "mark :1", f"committer {when}", _data(commit.message.encode())]
        head += [f"{verb} {oid}" for verb, oid in zip(("from", "merge"), parents, strict=False)]
        head += ["deleteall"] if whole else []
        git = self.gits[OWNER]
        theirs = git.run("ls-tree", "-r", parents[1]).splitlines() if len(parents) > 1 else []
        for mode, _, oid, path in (line.split() for line in theirs):
            head += [f"M {mode} {oid} {path}"] if path not in lines else []
        written = {path: f"{commit.oid}\n".encode() for path in lines} | dict(files)
        head += [f"M 100644 inline {path}\n{_data(text)}" for path, text in written.items()]
        stream = "\n".join([*head, "", "get-mark :1", ""]).encode()
        return git.run("fast-import", "--quiet", "--force", input=stream)

    def clone(self) -> Git:
        """One that has nothing yet, as a job begins with."""
        return Git.scratch(self.root / "fresh.git", self.gits[BOT].remote)

    def fetch(self, ours: str) -> None:
        """A merge that GitHub made is what `main` is at in memory."""
        git = self.gits[OWNER]
        git.fetch("+refs/heads/main:refs/heads/main", depth=None)
        self._learn(ours, git.run("rev-parse", "refs/heads/main"))

    def refs(self) -> dict[str, str]:
        """But for GitHub's own (refs/pull)."""
        form = "--format=%(refname) %(objectname)"
        lines = self.hub.world.git(REPOSITORY, "for-each-ref", form, "refs/heads", "refs/ao")
        return dict(line.split() for line in lines.splitlines())

    # ---- runners ---------------------------------------------------------------------------

    def run(self, ours: int) -> WorkflowRun:
        return next(run for run in self.repo.runs if run.id == self.real[ours])

    def _leg(self, ours: int, state: str) -> tuple[ActiveRun, Leg | None]:
        active = self.actions.engine.active[self.real[ours]]
        found = [leg for leg in active.all_legs() if leg.state == state]
        return active, found[0] if found else None

    def take(self, ours: int, job: str) -> None:
        """A runner takes the job of a run that waits for one."""
        with self.hub.world.lock:
            active, leg = self._leg(ours, "queued")
            if leg is None or leg.spec.key != job:
                raise Different(f"run {ours}: {job} waits for a runner, on the local GitHub {leg}")
            leg.state = "running"
            self.actions.recorder.start_job(self.repo, active.run, leg.job)

    def end(self, ours: int, conclusion: str, state: str = "running") -> None:
        """A job comes to its end."""
        engine = self.actions.engine
        with engine.changed:
            active, leg = self._leg(ours, state)
            assert leg is not None, ours
            said = "cancelled" if leg.stop == "cancel" else conclusion
            engine._end_leg(active, leg, Outcome(said))
            engine._pump()
        self.hub.world.drain()

    def kill(self, ours: int) -> None:
        """The machine is lost, and GitHub ends the run."""
        self.actions.kill_run(self.repo, self.run(ours))
        self.end(ours, "failure")

    def upload(self, given: sim.Artifact) -> None:
        now = self.world.now
        artifact = Artifact(
            id=self.hub.world.next_id(),
            name=given.name,
            run_id=self.real[given.run_id],
            run_attempt=1,
            size_in_bytes=len(given.content),
            digest=f"sha256:{hashlib.sha256(given.content).hexdigest()}",
            created_at=now,
            expires_at=now + timedelta(days=14),
        )
        self.actions.artifacts.file(artifact).write_bytes(given.content)
        self.run(given.run_id).artifacts.append(artifact)
        self.learn("artifact", given.id, artifact.id)

    def expire(self, given: sim.Artifact) -> None:
        theirs = self.real[given.id]
        [artifact] = [a for a in self.run(given.run_id).artifacts if a.id == theirs]
        artifact.expired = True

    # ---- CI --------------------------------------------------------------------------------

    def begin_ci(self, given: sim.Run) -> None:
        head = self.real[given.head]
        branch = next(p.branch for p in self.world.state.pulls.values() if p.head == given.head)
        file = self.actions.catalog.file(self.repo, head, f".github/workflows/{CI}")
        assert file is not None
        with self.hub.world.lock:
            recorder = self.actions.recorder
            run = recorder.add_run(
                self.repo,
                self.actions.catalog.record(self.repo, file),
                event=Event("pull_request", "synchronize", REPOSITORY, BOT, {}),
                ref=f"refs/heads/{branch}",
                sha=head,
                head_branch=branch,
                head_sha=head,
                title=CI,
            )
            self.learn("run", given.id, run.id)
            if given.conclusion == "action_required":
                recorder.finish_run(self.repo, run, "action_required")
            else:
                self.actions.engine.submit(self.repo, run, file)
        self.hub.world.drain()
        self.name_checks(given.id)

    def name_checks(self, ours: int) -> None:
        """In memory a re-run's check keeps its number."""
        for job in self.run(ours).jobs:
            self.known[job.id] = ours + 100_000


@contextmanager
def opened(world: World, root: Path) -> Iterator[Twin]:
    with LocalGitHub(root / "github", actions=False, clock=Following(world)) as hub:
        hub.world.actions = ActionsService(hub.world, max_parallel_jobs=0)
        yield Twin(world, hub, root)


def own(ref: str) -> str:
    """The file of a branch: what somebody changes on `main` in it conflicts."""
    return f"{ref.removeprefix('refs/heads/')}.txt"


def _name(part: str) -> object:
    return int(part) if part.isdigit() else part


def _data(content: bytes) -> str:
    return f"data {len(content)}\n{content.decode()}"

"""Every trigger of every generated workflow, from real events on the local GitHub.

One repository with the generated files. Our own action is the real one, with a start.sh that
only says which command it was given: here it counts whether a job starts, not what it does.
The tests run in the order in which they stand: each goes on from the world of the last.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ao_actions.config import parse
from ao_actions.git import Git, Identity, Remote
from ao_actions.localgithub.actions.service import ActionsService
from ao_actions.localgithub.model import Event, Repository, WorkflowRun
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.setup.workflows import workflows

ROOT = Path(__file__).parent.parent.parent
NAME, ACTION, OWNER = "acme/widgets", "acme/ao-actions", "maya"
CONFIG = "agents: claude-code\nschedule: '17 * * * *'\n"
CI = """name: CI
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: "true"
"""
START = """echo "command: $AO_COMMAND"
[ "$AO_COMMAND" != work ] || test "$ANTHROPIC_API_KEY" = sk-model
[ "$AO_COMMAND" = publish ] || test -z "${AO_HANDOFF:-}"
"""
COMMANDS = {"reconcile": "reconcile", "wake": "wake", "agent": "work", "publish": "publish"}
PERSON = Identity(OWNER, f"{OWNER}@example.com")


@dataclass(slots=True)
class Site:
    """The world, and what its events started."""

    hub: LocalGitHub
    root: Path
    api: httpx.Client
    token: str
    reviewer: str
    bot: str  # an App of some CI outside of GitHub Actions
    numbers: dict[str, int] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    seen: list[Event] = field(default_factory=list)

    @property
    def repo(self) -> Repository:
        return self.hub.world.repositories[NAME]

    def call(self, verb: str, path: str, token: str | None = None, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        answer = self.api.request(verb, path, json=body or None, headers=headers)
        assert answer.is_success, f"{verb} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    def graphql(self, name: str, pull: int) -> None:
        query = f"mutation($id: ID!) {{ {name}(input: {{pullRequestId: $id}}) {{ __typename }} }}"
        node = self.call("GET", f"pulls/{pull}")["node_id"]
        body = {"query": query, "variables": {"id": node}}
        answer = self.api.post(
            self.hub.graphql_url, json=body, headers={"Authorization": f"Bearer {self.token}"}
        ).json()
        assert "errors" not in answer, answer

    def push(self, branch: str, text: str) -> str:
        place = self.root / "clone"
        git = Git(place, Remote(f"{self.hub.url}/{NAME}.git", self.token))
        known = ["checkout", "--quiet", branch]
        git.run(*known if branch in self.heads else ["checkout", "--quiet", "-b", branch, "main"])
        (place / f"{branch.replace('/', '-')}.txt").write_text(text)  # no conflicts
        git.run("add", "--all")
        git.run("commit", "--quiet", "-m", text, identity=PERSON)
        git.run("push", "--quiet", f"{self.hub.url}/{NAME}.git", f"HEAD:refs/heads/{branch}")
        git.run("checkout", "--quiet", "main")
        self.heads[branch] = git.run("rev-parse", branch).strip()
        return self.heads[branch]

    def settle(self) -> None:
        service = self.hub.world.actions
        assert isinstance(service, ActionsService)
        self.hub.world.drain()
        assert service.wait_idle(60)

    def jobs_of(self, happening: Callable[[Site], Any]) -> dict[str, str]:
        """`workflow/job` to its conclusion, of all that a happening started (CI left out)."""
        self.settle()
        before = len(self.repo.runs)
        happening(self)
        self.settle()
        found: dict[str, str] = {}
        for run in self.repo.runs[before:]:
            if run.name != "CI":
                found |= self._jobs(run)
        return found

    def _jobs(self, run: WorkflowRun) -> dict[str, str]:
        for job in run.jobs:
            assert job.conclusion in {"success", "skipped"}, (run.event, run.action, job.conclusion)
            if job.conclusion == "skipped":
                assert not job.runner_name  # no runner, no minute
                continue
            log = self.hub.world.actions.job_log(self.repo, job.id)  # type: ignore[union-attr]
            assert f"command: {COMMANDS[job.key]}\n" in log
        return {f"{run.name}/{job.key}": str(job.conclusion) for job in run.jobs}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("triggers")
    with LocalGitHub(root / "github", max_parallel_jobs=2) as hub:
        world = hub.world
        world.add_user(OWNER)
        world.add_user("rosa")
        repo = world.create_repository(NAME)
        repo.collaborators |= {OWNER: "admin", "rosa": "write"}
        repo.secrets["ANTHROPIC_API_KEY"] = "sk-model"
        world.create_repository(ACTION)
        token = world.add_token(OWNER).value
        world.add_app("other-ci", permissions={"checks": "write", "statuses": "write"})
        rights = {"checks": "write", "statuses": "write"}
        bot = world.add_token(
            "other-ci[bot]", kind="app", repository=NAME, permissions=rights
        ).value
        acme = world.add_token("acme").value
        commit = publish(hub, acme, ACTION, action_tree(root / "action"))
        tree = root / "clone"
        files = workflows(parse(CONFIG), f"{ACTION}@{commit} # v0.0.0")
        for name, text in {**files, ".github/workflows/ci.yml": CI, "README.md": "w\n"}.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        publish(hub, token, NAME, tree)
        with httpx.Client(base_url=f"{hub.api_url}/repos/{NAME}/", timeout=30) as api:
            place = Site(hub, root, api, token, world.add_token("rosa").value, bot)
            hub.world.subscribe(place.seen.append)
            prepare(place)
            yield place


def action_tree(place: Path) -> Path:
    (place / "templates").mkdir(parents=True)
    shutil.copyfile(ROOT / "action.yml", place / "action.yml")
    (place / "templates" / "start.sh").write_text(START)
    return place


def publish(hub: LocalGitHub, token: str, name: str, tree: Path) -> str:
    git = Git(tree, Remote(f"{hub.url}/{name}.git", token))
    git.run("init", "--quiet", "--initial-branch=main", str(tree))
    git.run("add", "--all", "--force", identity=PERSON)
    git.run("commit", "--quiet", "-m", "Begin", identity=PERSON)
    git.run("push", "--quiet", f"{hub.url}/{name}.git", "HEAD:refs/heads/main")
    return git.run("rev-parse", "HEAD").strip()


def prepare(site: Site) -> None:
    """Two issues, two branches, two pull requests: one of each is ours."""
    site.heads["main"] = site.call("GET", "git/ref/heads/main")["object"]["sha"]
    site.numbers["ours"] = site.call("POST", "issues", title="Ours", body="")["number"]
    site.numbers["theirs"] = site.call("POST", "issues", title="Theirs", body="")["number"]
    site.push("ao/1", "ours")
    site.push("topic", "theirs")


# ---- happenings: what a person or program does -----------------------------------------------


def issue(name: str, verb: str, path: str, **body: Any) -> Callable[[Site], Any]:
    return lambda site: site.call(verb, f"issues/{site.numbers[name]}{path}", **body)


def label(name: str, *labels: str) -> Callable[[Site], Any]:
    return issue(name, "POST", "/labels", labels=list(labels))


def unlabel(name: str, text: str) -> Callable[[Site], Any]:
    return issue(name, "DELETE", f"/labels/{text}")


def status(branch: str, state: str) -> Callable[[Site], Any]:
    return lambda site: site.call(
        "POST", f"statuses/{site.heads[branch]}", site.bot, state=state, context="other"
    )


def check(branch: str) -> Callable[[Site], Any]:
    return lambda site: site.call(
        *("POST", "check-runs", site.bot),
        name="other",
        head_sha=site.heads[branch],
        status="completed",
        conclusion="success",
    )


def open_pull(name: str, branch: str) -> Callable[[Site], Any]:
    def happen(site: Site) -> None:
        body = "Attempt 1 by x, set going by maya." if name == "pull" else ""
        made = site.call("POST", "pulls", title=name, head=branch, base="main", body=body)
        site.numbers[name] = made["number"]

    return happen


def pull(name: str, verb: str, path: str, **body: Any) -> Callable[[Site], Any]:
    return lambda site: site.call(verb, f"pulls/{site.numbers[name]}{path}", **body)


def comment_on(name: str) -> Callable[[Site], Any]:
    path = "issues/{}/comments"
    return lambda site: site.call("POST", path.format(site.numbers[name]), body="Rename it.")


def edit_comment(site: Site) -> None:
    (first, *_) = site.call("GET", f"issues/{site.numbers['theirs']}/comments")
    site.call("PATCH", f"issues/comments/{first['id']}", body="/ao why")


def review(name: str, event: str) -> Callable[[Site], Any]:
    path = "pulls/{}/reviews"
    return lambda site: site.call(
        "POST", path.format(site.numbers[name]), site.reviewer, event=event, body="look"
    )


def dismiss(site: Site) -> None:
    number = site.numbers["pull"]
    (review,) = site.call("GET", f"pulls/{number}/reviews")
    path = f"pulls/{number}/reviews/{review['id']}/dismissals"
    site.call("PUT", path, message="no longer")


def draft(name: str, mutation: str) -> Callable[[Site], Any]:
    return lambda site: site.graphql(mutation, site.numbers[name])


def as_from_a_fork(site: Site) -> None:
    """The last event of our pull request again, but its head is in somebody's fork."""
    events = [event for event in site.seen if event.name == "pull_request"]
    last = next(e for e in reversed(events) if e.pull_number == site.numbers["pull"])
    event = copy.deepcopy(last)
    event.payload["pull_request"]["head"]["repo"]["full_name"] = "stranger/widgets"
    site.hub.world.emit(event)


def dispatch(file: str, **inputs: str) -> Callable[[Site], Any]:
    path = f"actions/workflows/{file}/dispatches"
    return lambda site: site.call("POST", path, ref="main", inputs=inputs)


def an_hour_passes(site: Site) -> None:
    site.hub.world.clock.advance(3600)


def nobody_starts(branch: str) -> Callable[[Site], Any]:
    """A push: CI runs on it and ends, which is an event too (`workflow_run`)."""
    return lambda site: site.push(branch, f"after {site.heads[branch]}")


PASS = {"ao-reconcile/reconcile": "success"}
NO_PASS = {"ao-reconcile/reconcile": "skipped"}
WAKE = {"ao-review/wake": "success"}
NO_WAKE = {"ao-review/wake": "skipped"}
WORK = {"ao-work/agent": "success", "ao-work/publish": "success"}

HAPPENINGS: dict[str, tuple[Callable[[Site], Any], dict[str, str]]] = {
    # ao-reconcile: issues
    "another label": (label("theirs", "bug"), NO_PASS),
    "another label goes": (unlabel("theirs", "bug"), NO_PASS),
    "somebody else's issue is assigned": (
        issue("theirs", "POST", "/assignees", assignees=[OWNER]),
        NO_PASS,
    ),
    "somebody else's issue is closed": (issue("theirs", "PATCH", "", state="closed"), NO_PASS),
    "somebody else's issue is reopened": (issue("theirs", "PATCH", "", state="open"), NO_PASS),
    "an issue is edited": (issue("theirs", "PATCH", "", title="Theirs!"), {}),
    "a comment": (issue("theirs", "POST", "/comments", body="How is it?"), NO_PASS),
    "a comment with a command": (issue("ours", "POST", "/comments", body="/ao why"), PASS),
    "a comment becomes a command": (edit_comment, PASS),
    "ao:ready": (label("ours", "ao:ready"), PASS),
    "another label on a task": (label("ours", "bug"), NO_PASS),
    "ao:priority": (label("ours", "ao:priority"), PASS),
    "a task is assigned": (issue("ours", "POST", "/assignees", assignees=[OWNER]), PASS),
    "a task is closed": (issue("ours", "PATCH", "", state="closed"), PASS),
    "a task is reopened": (issue("ours", "PATCH", "", state="open"), PASS),
    "ao:ready goes": (unlabel("ours", "ao:ready"), PASS),
    # ao-reconcile: CI outside of GitHub Actions
    "an outside check on our branch": (check("ao/1"), PASS),
    "an outside check on another branch": (check("topic"), NO_PASS),
    "an outside status begins on our branch": (status("ao/1", "pending"), NO_PASS),
    "an outside status on our branch": (status("ao/1", "failure"), PASS),
    "an outside status on another branch": (status("topic", "success"), NO_PASS),
    "an outside status on main": (status("main", "success"), NO_PASS),
    # CI inside GitHub Actions: the end of a run starts nothing, ao-review waits for it
    "CI is done on main": (nobody_starts("main"), {}),
    "CI is done on our branch without a pull request": (nobody_starts("ao/1"), {}),
    # ao-reconcile: time and hands
    "the schedule": (an_hour_passes, PASS),
    "a pass by hand": (dispatch("ao-reconcile.yml"), PASS),
    # ao-work
    "an attempt": (dispatch("ao-work.yml", task="1", epoch="3", reason="queued"), WORK),
    # ao-review
    "our pull request opens": (open_pull("pull", "ao/1"), WAKE),
    "another pull request opens": (open_pull("other", "topic"), NO_WAKE),
    "our pull request gets a commit": (nobody_starts("ao/1"), WAKE),
    "another pull request gets a commit": (nobody_starts("topic"), NO_WAKE),
    "a comment on our pull request": (comment_on("pull"), PASS),
    "a comment on another pull request": (comment_on("other"), NO_PASS),
    "a review of ours": (review("pull", "REQUEST_CHANGES"), WAKE),
    "a review of ours is dismissed": (dismiss, WAKE),
    "a review of another": (review("other", "COMMENT"), NO_WAKE),
    "our pull request becomes a draft": (draft("pull", "convertPullRequestToDraft"), WAKE),
    "our pull request is ready": (draft("pull", "markPullRequestReadyForReview"), WAKE),
    "another becomes a draft": (draft("other", "convertPullRequestToDraft"), NO_WAKE),
    "a fork's branch of the same name": (as_from_a_fork, NO_WAKE),
    "our pull request closes": (pull("pull", "PATCH", "", state="closed"), WAKE),
    "our pull request reopens": (pull("pull", "PATCH", "", state="open"), WAKE),
    "another closes": (pull("other", "PATCH", "", state="closed"), NO_WAKE),
    "our pull request is edited": (pull("pull", "PATCH", "", title="New"), {}),
}


@pytest.mark.parametrize("name", HAPPENINGS)
def test_what_an_event_starts(site: Site, name: str) -> None:
    happening, expected = HAPPENINGS[name]
    assert site.jobs_of(happening) == expected


@pytest.mark.parametrize(
    ("happening", "expected"),
    [
        (label("ours", "ao:ready"), NO_PASS),
        (an_hour_passes, NO_PASS),
        (pull("pull", "PATCH", "", state="closed"), NO_WAKE),
        (
            dispatch("ao-work.yml", task="1", epoch="4", reason="queued"),
            {"ao-work/agent": "skipped", "ao-work/publish": "skipped"},
        ),
    ],
    ids=["label", "schedule", "pull request", "attempt"],
)
def test_ao_stop_stops_every_job_before_it_has_a_runner(
    site: Site, happening: Callable[[Site], Any], expected: dict[str, str]
) -> None:
    site.repo.variables["AO_STOP"] = "1"
    try:
        assert site.jobs_of(happening) == expected
    finally:
        del site.repo.variables["AO_STOP"]


def test_every_trigger_of_every_workflow_was_there(site: Site) -> None:
    """The table above leaves no event and no activity type of the files out."""
    from ao_actions.localgithub.actions.yamlio import load

    wanted = set()
    for name, text in workflows(parse(CONFIG), f"{ACTION}@{'0' * 40}").items():
        for event, settings in load(text)["on"].items():
            types = settings.get("types", [None]) if isinstance(settings, dict) else [None]
            wanted |= {(name, event, kind) for kind in types}
    happened = {(run.path, run.event, run.action) for run in site.repo.runs}
    happened |= {(path, event, None) for path, event, _ in happened}
    assert wanted <= happened

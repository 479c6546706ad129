"""A tour of every REST route of the local GitHub, in a repository where all of it is there.

Each exchange and each event on the way is kept, to be held against GitHub's own description.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ao_actions.localgithub import seed
from ao_actions.localgithub.model import Event
from ao_actions.localgithub.rest import routing
from ao_actions.localgithub.server import LocalGitHub

REPO = "octocat/hello"
CI = """
name: CI
on: {workflow_dispatch: {}, pull_request: {}}
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: mkdir -p out && echo made > out/file.txt
      - uses: actions/upload-artifact@v4
        with: {name: out, path: out}
      - uses: actions/download-artifact@v4
        with: {name: out, path: again}
  broken:
    runs-on: ubuntu-latest
    steps: [{run: 'exit 1'}]
"""
SLOW = CI.replace("name: CI", "name: Slow").replace("exit 1", "sleep 600")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that was answered; `template` is the route's, "" where it has none."""

    method: str
    template: str
    path: str
    status: int
    media: str
    body: bytes


@dataclass(slots=True)
class Tour:
    server: LocalGitHub
    clients: dict[str, httpx.Client] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def keep(self, response: httpx.Response) -> None:
        path = response.request.url.raw_path.decode().partition("?")[0].removeprefix("/api/v3")
        found = routing._find(response.request.method, path or "/")
        self.exchanges.append(
            Exchange(
                response.request.method,
                found[0].template if found else "",
                path,
                response.status_code,
                response.headers.get("content-type", ""),
                response.read(),
            )
        )

    def call(self, line: str, body: Any = None, *, by: str = "octocat", **options: Any) -> Any:
        """Ask as the line says; `~` is the repository. Errors end the tour unless `wrong`."""
        method, path = line.split(" ", 1)
        wrong = options.pop("wrong", False)
        url = path.replace("~", f"/repos/{REPO}", 1)
        answer = self.clients[by].request(method, url, json=body, **options)
        assert wrong == (answer.status_code >= 400), f"{line}: {answer.status_code} {answer.text}"
        is_json = answer.content and "json" in answer.headers["content-type"]
        return answer.json() if is_json else answer

    def calls(self, text: str, *, by: str = "octocat") -> None:
        for line in filter(None, map(str.strip, text.splitlines())):
            self.call(line, by=by)

    def until_idle(self) -> None:
        self.server.world.drain()
        assert self.server.world.actions.wait_idle(60)  # type: ignore[union-attr]


@contextmanager
def opened(root: Path) -> Iterator[Tour]:
    """A world with three people, an app and a repository with work on a branch."""
    with LocalGitHub(root) as server, ExitStack() as stack:
        world = server.world
        for login in ("octocat", "hubot", "stranger"):
            world.add_user(login, name=login.title(), email=f"{login}@example.com")
        app = world.add_app("robot", permissions={"contents": "write", "metadata": "read"})
        repo = world.create_repository(REPO, description="A first repository")
        repo.collaborators |= {"octocat": "admin", "hubot": "write"}
        files = {"a.txt": "1\n", "README.md": "# hello\n", ".github/workflows/ci.yml": CI}
        files[".github/workflows/slow.yml"] = SLOW.replace(", pull_request: {}", "")
        seed.commit_files(world, repo, files, "Initial commit")
        rights = {"checks": "write", "issues": "write", "metadata": "read"}
        job = world.add_token(
            "github-actions[bot]", kind="job", repository=REPO, permissions=rights
        )
        claims = base64.urlsafe_b64encode(json.dumps({"iss": str(app.id)}).encode()).decode()
        tokens = {
            "octocat": world.add_token("octocat").value,
            "hubot": world.add_token("hubot").value,
            "job": job.value,
            "app": f"e30.{claims.rstrip('=')}.e30",
        }
        tour = Tour(server)
        world.subscribe(tour.events.append)
        for who, token in tokens.items():
            tour.clients[who] = stack.enter_context(
                httpx.Client(
                    base_url=server.api_url,
                    headers={"Authorization": f"Bearer {token}"},
                    trust_env=False,
                    timeout=60,
                    event_hooks={"response": [tour.keep]},
                )
            )
        yield tour


def whole(tour: Tour) -> None:
    """Every route, each with an answer that is no error."""
    people(tour)
    issues(tour)
    files_and_refs(tour)
    pull_requests(tour)
    settings(tour)
    runs(tour)
    apps(tour)
    refusals(tour)
    tour.until_idle()


def people(tour: Tour) -> None:
    tour.calls("""
        GET /
        GET /meta
        GET /zen
        GET /rate_limit
        GET /user
        GET /user/repos
        GET /users/octocat
        GET ~
        GET ~/collaborators
        GET ~/collaborators/hubot
        GET ~/collaborators/hubot/permission
        GET ~/assignees
        GET ~/assignees/hubot
    """)
    tour.call("PATCH ~", {"description": "Changed"})
    tour.call("PUT ~/collaborators/stranger", {"permission": "pull"})
    tour.call("DELETE ~/collaborators/stranger")
    tour.call("POST /user/repos", {"name": "second", "auto_init": True})


def issues(tour: Tour) -> None:
    tour.call("POST ~/labels", {"name": "ao:x", "color": "ff0000", "description": "a label"})
    tour.call("PATCH ~/labels/ao:x", {"color": "00ff00"})
    tour.calls("GET ~/labels\nGET ~/labels/ao:x")
    new = {"title": "One", "body": "x", "labels": ["bug"], "assignees": ["hubot"]}
    one = tour.call("POST ~/issues", new)
    two = tour.call("POST ~/issues", {"title": "Two"})
    three = tour.call("POST ~/issues", {"title": "Three"})
    tour.call("PATCH ~/issues/1", {"title": "The first"})
    tour.call("POST ~/issues/1/labels", {"labels": ["ao:x", "question"]})
    tour.call("DELETE ~/issues/1/labels/question")
    tour.call("PUT ~/issues/1/labels", {"labels": ["ao:x"]})
    tour.call("POST ~/issues/1/assignees", {"assignees": ["octocat"]})
    tour.call("DELETE ~/issues/1/assignees", {"assignees": ["octocat"]})
    tour.call("PUT ~/issues/1/lock", {"lock_reason": "resolved"})
    tour.call("DELETE ~/issues/1/lock")
    said = tour.call("POST ~/issues/1/comments", {"body": "hello"}, by="job")
    tour.call(f"PATCH ~/issues/comments/{said['id']}", {"body": "changed"}, by="job")
    again = tour.call("POST ~/issues/1/comments", {"body": "and again"})
    for place in ("issues/1", f"issues/comments/{said['id']}"):
        made = tour.call(f"POST ~/{place}/reactions", {"content": "+1"})
        tour.call(f"GET ~/{place}/reactions")
        tour.call(f"DELETE ~/{place}/reactions/{made['id']}")
    tour.call(f"GET ~/issues/comments/{said['id']}")
    tour.call("POST ~/issues/1/sub_issues", {"sub_issue_id": two["id"]})
    tour.call("POST ~/issues/1/sub_issues", {"sub_issue_id": three["id"]})
    order = {"sub_issue_id": three["id"], "before_id": two["id"]}
    tour.call("PATCH ~/issues/1/sub_issues/priority", order)
    tour.call("POST ~/issues/1/dependencies/blocked_by", {"issue_id": two["id"]})
    tour.calls("""
        GET ~/issues
        GET ~/issues/1
        GET ~/issues/1/labels
        GET ~/issues/1/comments
        GET ~/issues/comments
        GET ~/issues/1/sub_issues
        GET ~/issues/2/parent
        GET ~/issues/1/dependencies/blocked_by
        GET ~/issues/2/dependencies/blocking
    """)
    tour.call("DELETE ~/issues/1/sub_issue", {"sub_issue_id": three["id"]})
    tour.call(f"DELETE ~/issues/1/dependencies/blocked_by/{two['id']}")
    tour.call(f"DELETE ~/issues/comments/{again['id']}")
    tour.call("PATCH ~/issues/3", {"state": "closed", "state_reason": "not_planned"})
    tour.call("PATCH ~/issues/3", {"state": "open"})
    tour.calls("""
        GET ~/issues/events
        GET ~/issues/1/events
        GET ~/issues/1/timeline
        GET /search/issues?q=repo:octocat/hello+is:issue
        DELETE ~/issues/1/labels
        DELETE ~/labels/ao:x
    """)
    assert one["number"] == 1


def files_and_refs(tour: Tour) -> None:
    text = base64.b64encode(b"1\n2\n").decode()
    tip = tour.call("GET ~/git/ref/heads/main")["object"]["sha"]
    tour.call("POST ~/git/refs", {"ref": "refs/heads/topic", "sha": tip})
    old = tour.call("GET ~/contents/a.txt")["sha"]
    change = {"message": "Work", "content": text, "sha": old, "branch": "topic"}
    tour.call("PUT ~/contents/a.txt", change)
    made = {"message": "Add", "content": text, "branch": "topic"}
    new = tour.call("PUT ~/contents/b.txt", made)["content"]["sha"]
    tour.call("DELETE ~/contents/b.txt", {"message": "No", "sha": new, "branch": "topic"})
    blob = tour.call("POST ~/git/blobs", {"content": "c\n", "encoding": "utf-8"})["sha"]
    entry = {"path": "c.txt", "mode": "100644", "type": "blob", "sha": blob}
    tree = tour.call("POST ~/git/trees", {"base_tree": tip, "tree": [entry]})["sha"]
    commit = {"message": "By hand", "tree": tree, "parents": [tip]}
    sha = tour.call("POST ~/git/commits", commit)["sha"]
    tour.call("POST ~/git/refs", {"ref": "refs/tags/v1", "sha": sha})
    tour.call("POST ~/git/refs", {"ref": "refs/heads/other", "sha": tip})
    tour.call("PATCH ~/git/refs/heads/other", {"sha": sha})
    head = tour.call("GET ~/commits/topic")["sha"]
    status = {"state": "success", "context": "ci", "description": "fine"}
    tour.call(f"POST ~/statuses/{head}", status)
    check = {"name": "lint", "head_sha": head, "status": "in_progress"}
    run = tour.call("POST ~/check-runs", check, by="job")
    note = {"path": "a.txt", "start_line": 1, "end_line": 1, "annotation_level": "warning"}
    output = {"title": "t", "summary": "s", "annotations": [{**note, "message": "m"}]}
    done = {"status": "completed", "conclusion": "success", "output": output}
    tour.call(f"PATCH ~/check-runs/{run['id']}", done, by="job")
    suite = run["check_suite"]["id"]
    rules = {
        "required_status_checks": {"strict": False, "contexts": ["ci"]},
        "required_pull_request_reviews": {"required_approving_review_count": 1},
        "enforce_admins": None,
        "restrictions": None,
    }
    tour.call("PUT ~/branches/other/protection", rules)
    tour.calls(f"""
        GET ~/branches
        GET ~/branches/other
        GET ~/branches/other/protection
        DELETE ~/branches/other/protection
        GET ~/tags
        GET ~/commits
        GET ~/commits/topic/status
        GET ~/commits/topic/statuses
        GET ~/commits/topic/check-runs
        GET ~/commits/topic/check-suites
        GET ~/check-runs/{run["id"]}
        GET ~/check-runs/{run["id"]}/annotations
        GET ~/check-suites/{suite}
        GET ~/check-suites/{suite}/check-runs
        GET ~/compare/main...topic
        GET ~/contents
        GET ~/contents/
        GET ~/readme
        GET ~/git/refs
        GET ~/git/refs/heads/other
        GET ~/git/matching-refs/heads/
        GET ~/git/commits/{sha}
        GET ~/git/blobs/{blob}
        GET ~/git/trees/{tree}
        GET ~/git/trees/main?recursive=1
        DELETE ~/git/refs/heads/other
    """)


def pull_requests(tour: Tour) -> None:
    new = {"title": "P", "body": "Closes #1", "head": "topic", "base": "main"}
    pull = tour.call("POST ~/pulls", new)
    base, head = f"~/pulls/{pull['number']}", pull["head"]["sha"]
    tour.until_idle()
    tour.call(f"PATCH {base}", {"title": "Pull"})
    tour.call(f"POST {base}/requested_reviewers", {"reviewers": ["hubot"]})
    tour.call(f"GET {base}/requested_reviewers")
    tour.call(f"DELETE {base}/requested_reviewers", {"reviewers": ["hubot"]})
    said = {"path": "a.txt", "line": 2, "body": "why?"}
    draft = tour.call(f"POST {base}/reviews", {"body": "see", "comments": [said]}, by="hubot")
    review = f"{base}/reviews/{draft['id']}"
    tour.call(f"POST {review}/events", {"event": "COMMENT", "body": "see"}, by="hubot")
    tour.call(f"PUT {review}", {"body": "do see"}, by="hubot")
    tour.call(f"GET {review}")
    (first,) = tour.call(f"GET {review}/comments")
    asked = {"event": "REQUEST_CHANGES", "body": "no"}
    refused = tour.call(f"POST {base}/reviews", asked, by="hubot")
    tour.call(f"PUT {base}/reviews/{refused['id']}/dismissals", {"message": "yes"})
    tour.call(f"POST {base}/reviews", {"event": "APPROVE"}, by="hubot")
    tour.call(f"POST {base}/comments", {**said, "commit_id": head}, by="hubot")
    reply = tour.call(f"POST {base}/comments/{first['id']}/replies", {"body": "because"})
    comment = f"~/pulls/comments/{first['id']}"
    tour.call(f"PATCH {comment}", {"body": "why so?"}, by="hubot")
    made = tour.call(f"POST {comment}/reactions", {"content": "eyes"})
    tour.calls(f"""
        GET {comment}
        GET {comment}/reactions
        DELETE {comment}/reactions/{made["id"]}
        GET {base}
        GET ~/pulls
        GET {base}/files
        GET {base}/commits
        GET {base}/reviews
        GET {base}/comments
        GET ~/pulls/comments
        GET ~/commits/{head}/pulls
        GET ~/issues/{pull["number"]}
        GET ~/issues/{pull["number"]}/timeline
        DELETE ~/pulls/comments/{reply["id"]}
    """)
    content = base64.b64encode(b"new\n").decode()
    tour.call("PUT ~/contents/n.txt", {"message": "On main", "content": content})
    tour.call(f"PUT {base}/update-branch", {"expected_head_sha": head})
    tour.until_idle()
    tour.call(f"PUT {base}/merge", {"merge_method": "squash"})
    tour.call(f"GET {base}/merge")


def settings(tour: Tour) -> None:
    hook = {"config": {"url": "http://127.0.0.1:9/", "content_type": "json"}, "events": ["label"]}
    made = tour.call("POST ~/hooks", hook)
    tour.call(f"PATCH ~/hooks/{made['id']}", {"events": ["create"]})
    tour.calls(f"GET ~/hooks\nGET ~/hooks/{made['id']}\nDELETE ~/hooks/{made['id']}")
    tour.call("PUT ~/actions/permissions", {"enabled": True, "allowed_actions": "selected"})
    chosen = {"github_owned_allowed": True, "verified_allowed": False, "patterns_allowed": []}
    tour.call("PUT ~/actions/permissions/selected-actions", chosen)
    tour.call("PUT ~/actions/permissions/workflow", {"default_workflow_permissions": "read"})
    tour.calls("""
        GET ~/actions/permissions
        GET ~/actions/permissions/selected-actions
        GET ~/actions/permissions/workflow
    """)
    tour.call("PUT ~/actions/permissions", {"enabled": True, "allowed_actions": "all"})
    tour.call("POST ~/actions/variables", {"name": "MODE", "value": "x"})
    tour.call("PATCH ~/actions/variables/MODE", {"value": "y"})
    sealed = {"encrypted_value": "c2VhbGVk", "key_id": "1"}
    policy = {"protected_branches": False, "custom_branch_policies": True}
    tour.call("PUT ~/environments/models", {"deployment_branch_policy": policy})
    branch = "~/environments/models/deployment-branch-policies"
    policy_id = tour.call(f"POST {branch}", {"name": "main"})["id"]
    tour.call("PUT ~/actions/secrets/KEY", sealed)
    tour.call("PUT ~/actions/secrets/KEY", sealed)
    tour.call("PUT ~/environments/models/secrets/KEY", sealed)
    conditions = {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}}
    ruleset = {"name": "R", "target": "branch", "enforcement": "active", "conditions": conditions}
    kept = tour.call("POST ~/rulesets", {**ruleset, "rules": [{"type": "deletion"}]})["id"]
    tour.calls(f"""
        GET ~/actions/variables
        GET ~/actions/variables/MODE
        GET ~/actions/organization-variables
        GET ~/actions/secrets
        GET ~/actions/secrets/KEY
        GET ~/actions/secrets/public-key
        GET ~/actions/organization-secrets
        GET ~/environments
        GET ~/environments/models
        GET {branch}
        GET ~/environments/models/secrets
        GET ~/environments/models/secrets/public-key
        GET ~/rulesets
        GET ~/rulesets/{kept}
        GET ~/rules/branches/main
        DELETE ~/rulesets/{kept}
        DELETE {branch}/{policy_id}
        DELETE ~/environments/models/secrets/KEY
        DELETE ~/actions/secrets/KEY
        DELETE ~/actions/variables/MODE
    """)


def runs(tour: Tour) -> None:
    ref = {"ref": "main", "return_run_details": True}
    done = tour.call("POST ~/actions/workflows/ci.yml/dispatches", ref)["workflow_run_id"]
    tour.call("POST ~/actions/workflows/ci.yml/dispatches", {"ref": "main"})
    tour.until_idle()
    jobs = tour.call(f"GET ~/actions/runs/{done}/jobs")["jobs"]
    (artifact,) = tour.call(f"GET ~/actions/runs/{done}/artifacts")["artifacts"]
    tour.calls(f"""
        GET ~/actions/workflows
        GET ~/actions/workflows/ci.yml
        GET ~/actions/workflows/ci.yml/runs
        GET ~/actions/runs
        GET ~/actions/runs/{done}
        GET ~/actions/runs/{done}/attempts/1
        GET ~/actions/runs/{done}/attempts/1/jobs
        GET ~/actions/runs/{done}/logs
        GET ~/actions/runs/{done}/attempts/1/logs
        GET ~/actions/runs/{done}/approvals
        GET ~/actions/runs/{done}/timing
        GET ~/actions/jobs/{jobs[0]["id"]}
        GET ~/actions/jobs/{jobs[0]["id"]}/logs
        GET ~/actions/artifacts
        GET ~/actions/artifacts/{artifact["id"]}
        PUT ~/actions/workflows/slow.yml/disable
        PUT ~/actions/workflows/slow.yml/enable
        POST ~/actions/runs/{done}/rerun-failed-jobs
    """)
    tour.until_idle()
    tour.call(f"GET ~/actions/artifacts/{artifact['id']}/zip", follow_redirects=True)
    tour.call(f"POST ~/actions/runs/{done}/rerun")
    tour.until_idle()
    for verb in ("cancel", "force-cancel"):
        slow = tour.call("POST ~/actions/workflows/slow.yml/dispatches", ref)["workflow_run_id"]
        tour.call(f"POST ~/actions/runs/{slow}/{verb}")
        tour.until_idle()
    repo = tour.server.world.repositories[REPO]
    waiting = next(run for run in repo.runs if run.id == done)
    waiting.conclusion = "action_required"  # as a run is whose pull request's author is a job
    tour.call(f"POST ~/actions/runs/{done}/approve")
    tour.until_idle()
    tour.calls(f"DELETE ~/actions/artifacts/{artifact['id']}\nDELETE ~/actions/runs/{slow}")
    tour.call("POST ~/dispatches", {"event_type": "deploy", "client_payload": {"a": 1}})


def apps(tour: Tour) -> None:
    tour.calls(
        """
        GET /app
        GET /apps/robot
        GET /users/octocat/installation
        GET ~/installation
        """,
        by="app",
    )
    record = tour.server.world.apps["robot"]
    made = tour.call(
        f"POST /app/installations/{record.id}/access_tokens", {"repositories": ["hello"]}, by="app"
    )
    tour.clients["app"].headers["Authorization"] = f"Bearer {made['token']}"
    tour.calls("GET /installation/repositories\nDELETE /installation/token", by="app")


def refusals(tour: Tour) -> None:
    for line in ("GET ~/issues/99", "GET ~/pulls/99", "GET ~/labels/none", "GET /repos/a/b"):
        tour.call(line, wrong=True)
    tour.call("POST ~/issues", {}, wrong=True)
    tour.call("POST ~/pulls", {"title": "P", "head": "none", "base": "main"}, wrong=True)
    tour.call("PUT ~/pulls/4/merge", {}, wrong=True)
    tour.call("POST ~/labels", {"name": "bug"}, wrong=True)
    tour.call("PATCH ~", {"description": "x"}, by="hubot", wrong=True)

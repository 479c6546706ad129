"""The nouns of the local GitHub: plain records, shared by the API, git and the Actions service.

Every record is a dataclass of JSON values (and other records), so the whole world can be
written to one file and read back. Times are aware UTC datetimes. `id` is GitHub's database
id, unique in the whole world; `node_id` of a record is derived from its type and id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Permission = Literal["none", "read", "triage", "write", "maintain", "admin"]
TokenKind = Literal["user", "app", "job"]  # job: a GITHUB_TOKEN


@dataclass(slots=True)
class User:
    id: int
    login: str
    type: Literal["User", "Bot", "Organization"] = "User"
    name: str | None = None
    email: str | None = None


@dataclass(slots=True)
class Token:
    """A credential. `permissions` of a user token is empty: the user's own rights apply."""

    value: str
    login: str
    kind: TokenKind = "user"
    repository: str | None = None  # full name; None: every repository of the user
    permissions: dict[str, str] = field(default_factory=dict)  # scope -> read | write
    run_id: int | None = None
    job_id: int | None = None
    expires_at: datetime | None = None


@dataclass(slots=True)
class App:
    """A GitHub App. It is installed on every repository and acts as `slug[bot]`."""

    id: int
    slug: str
    client_id: str
    permissions: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(slots=True)
class TimelineEvent:
    """One entry of an issue's or pull request's timeline (labeled, assigned, closed, ...)."""

    id: int
    event: str
    actor: str
    created_at: datetime
    label: str | None = None
    assignee: str | None = None
    commit_id: str | None = None
    source: int | None = None  # cross-referenced: the number of the issue that mentions this one
    rename: list[str] | None = None  # renamed: from, to
    reviewer: str | None = None  # review_requested, review_request_removed


@dataclass(slots=True)
class Reaction:
    id: int
    user: str
    content: str
    created_at: datetime


@dataclass(slots=True)
class Comment:
    """A comment in the conversation of an issue or pull request."""

    id: int
    user: str
    body: str
    created_at: datetime
    updated_at: datetime
    edited_at: datetime | None = None
    reactions: list[Reaction] = field(default_factory=list)
    # the app behind a comment written with a job or app token, as GitHub reports it
    app: str | None = None
    minimized: str | None = None  # the reason


@dataclass(slots=True)
class Issue:
    """An issue, or the issue half of a pull request (`is_pull`)."""

    id: int
    number: int
    title: str
    body: str
    user: str
    created_at: datetime
    updated_at: datetime
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    timeline: list[TimelineEvent] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    sub_issues: list[int] = field(default_factory=list)  # issue numbers
    blocked_by: list[int] = field(default_factory=list)  # issue numbers
    locked: bool = False
    is_pull: bool = False
    edited_at: datetime | None = None  # the text, not the title
    editor: str | None = None


@dataclass(slots=True)
class ReviewComment:
    id: int
    thread_id: int
    user: str
    body: str
    path: str
    line: int | None
    side: str
    commit_id: str
    created_at: datetime
    updated_at: datetime
    review_id: int
    in_reply_to_id: int | None = None
    start_line: int | None = None
    diff_hunk: str = ""
    edited_at: datetime | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True)
class ReviewThread:
    id: int
    path: str
    line: int | None
    comment_ids: list[int] = field(default_factory=list)
    is_resolved: bool = False
    resolved_by: str | None = None
    is_outdated: bool = False


@dataclass(slots=True)
class Review:
    id: int
    user: str
    body: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]
    commit_id: str
    submitted_at: datetime
    edited_at: datetime | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True)
class PullRequest:
    """The pull request half; title, body, state, labels ... are on the Issue of that number."""

    number: int
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    head_repository: str
    draft: bool = False
    merged: bool = False
    merged_at: datetime | None = None
    merged_by: str | None = None
    merge_commit_sha: str | None = None
    requested_reviewers: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)
    threads: list[ReviewThread] = field(default_factory=list)
    auto_merge: dict[str, Any] | None = None


@dataclass(slots=True)
class Annotation:
    path: str
    start_line: int
    end_line: int
    annotation_level: str
    message: str
    title: str = ""


@dataclass(slots=True)
class CheckRun:
    id: int
    name: str
    head_sha: str
    suite_id: int
    status: str  # queued | in_progress | completed | waiting
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None = None
    app: str = "github-actions"
    external_id: str = ""
    job_id: int | None = None
    output_title: str | None = None
    output_summary: str | None = None
    output_text: str | None = None
    details_url: str | None = None
    annotations: list[Annotation] = field(default_factory=list)


@dataclass(slots=True)
class CheckSuite:
    id: int
    head_sha: str
    head_branch: str
    status: str
    conclusion: str | None
    created_at: datetime
    updated_at: datetime
    app: str = "github-actions"
    run_id: int | None = None


@dataclass(slots=True)
class Status:
    id: int
    sha: str
    context: str
    state: str  # error | failure | pending | success
    description: str | None
    target_url: str | None
    creator: str
    created_at: datetime


@dataclass(slots=True)
class Step:
    number: int
    name: str
    status: str
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(slots=True)
class Job:
    id: int
    run_id: int
    run_attempt: int
    key: str  # the job's id in the workflow file
    name: str
    head_sha: str
    status: str  # queued | in_progress | completed | waiting
    conclusion: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    runner_name: str | None = None
    labels: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    check_run_id: int | None = None
    permissions: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    result: str | None = None  # needs.<key>.result: the conclusion, but for continue-on-error


@dataclass(slots=True)
class Artifact:
    """The bytes lie as a zip under the world's root: artifacts/<id>.zip."""

    id: int
    name: str
    run_id: int
    run_attempt: int
    size_in_bytes: int
    digest: str
    created_at: datetime
    expires_at: datetime
    expired: bool = False


@dataclass(slots=True)
class WorkflowRun:
    id: int
    run_number: int
    run_attempt: int
    workflow_id: int
    name: str  # the workflow's name
    display_title: str  # run-name, or the commit's or pull request's title
    path: str  # .github/workflows/x.yml
    event: str
    action: str | None
    head_branch: str | None
    head_sha: str
    actor: str
    triggering_actor: str
    created_at: datetime
    updated_at: datetime
    run_started_at: datetime
    # queued | in_progress | completed | waiting | pending | action_required (as conclusion)
    status: str = "queued"
    conclusion: str | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    pull_numbers: list[int] = field(default_factory=list)
    suite_id: int | None = None
    jobs: list[Job] = field(default_factory=list)  # of all attempts
    artifacts: list[Artifact] = field(default_factory=list)
    ref: str = ""  # GITHUB_REF: what the jobs check out
    sha: str = ""  # GITHUB_SHA; a pull request's merge commit, where head_sha is its head
    chain: int = 0  # how many workflow_run events led here
    approved_by: str | None = None


@dataclass(slots=True)
class Workflow:
    id: int
    name: str
    path: str
    state: str
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class Hook:
    id: int
    url: str
    events: list[str]
    secret: str | None = None
    active: bool = True
    content_type: str = "json"


@dataclass(slots=True)
class Protection:
    """What a branch asks for before a merge."""

    required_checks: list[str] = field(default_factory=list)
    required_approvals: int = 0
    require_conversation_resolution: bool = False
    restrict_pushes: bool = False


@dataclass(slots=True)
class Ruleset:
    """Answered as GitHub would, not enforced. `include` and `exclude`: patterns of refs."""

    id: int
    name: str
    target: str = "branch"  # branch | tag | push
    enforcement: str = "active"  # active | evaluate | disabled
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    bypass_actors: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Environment:
    id: int
    name: str
    branch_policies: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    # How it is limited: to branches by name (`branch_policies`, maybe none yet), or to any
    # protected branch. Neither, and no names: every branch.
    custom_policies: bool = False
    protected_branches: bool = False


@dataclass(slots=True)
class Repository:
    id: int
    owner: str
    name: str
    created_at: datetime
    private: bool = False
    description: str | None = None
    default_branch: str = "main"
    collaborators: dict[str, Permission] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)
    issues: dict[int, Issue] = field(default_factory=dict)  # by number, pulls included
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    check_suites: list[CheckSuite] = field(default_factory=list)
    check_runs: list[CheckRun] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    workflows: list[Workflow] = field(default_factory=list)
    runs: list[WorkflowRun] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    environments: list[Environment] = field(default_factory=list)
    protection: dict[str, Protection] = field(default_factory=dict)  # by branch name
    rulesets: list[Ruleset] = field(default_factory=list)
    actions_enabled: bool = True
    allowed_actions: str = "all"  # all | local_only | selected
    selected_actions: dict[str, Any] = field(default_factory=dict)
    sha_pinning_required: bool = False
    actions_may_create_pulls: bool = True
    default_workflow_permissions: Literal["read", "write"] = "read"
    # when a GITHUB_TOKEN opens or updates a pull request, its runs wait (GitHub 2026-06)
    approve_job_token_pulls: bool = True
    allow_auto_merge: bool = True
    next_number: int = 1
    next_run_number: dict[str, int] = field(default_factory=dict)  # by workflow path

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(slots=True)
class Event:
    """Something happened. The API and git post it; webhooks and the Actions service read it.

    `payload` is the webhook body as GitHub sends it, `caused_by` the credential's kind: what a
    job token does starts no workflow but dispatches, and its pull requests' runs wait.
    """

    name: str  # issues, issue_comment, pull_request, push, ...
    action: str | None
    repository: str
    actor: str
    payload: dict[str, Any]
    caused_by: TokenKind = "user"
    ref: str | None = None  # what the runs of this event check out
    sha: str | None = None
    pull_number: int | None = None

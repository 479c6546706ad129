"""Reads GitHub into the core's frozen records: a cheap sweep, then details on demand.

The sweep is one GraphQL query for the labelled issues and, by alias, for each live task's
issue, pull request and branch; plus one REST list of runs while claims are live (design 13).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from ao_actions.core import feedback, looked, transitions
from ao_actions.core.lookup import Unknowns
from ao_actions.core.model import Book, TaskRecord
from ao_actions.core.observed import Issue, Pull, Run, Snapshot, Task, Thread
from ao_actions.core.policy import Policy
from ao_actions.errors import ForgeError, NotFoundError
from ao_actions.forge import nodes, red
from ao_actions.forge.client import Client

WORK_WORKFLOW = "ao-work.yml"
RECONCILE_WORKFLOW = "ao-reconcile.yml"
REVIEW_WORKFLOW = nodes.REVIEW_WORKFLOW
_SPREAD = re.compile(r"\.\.\.(\w+)")
ALIASES = 40  # live tasks per query, so that no query grows beyond GitHub's node limits


def sweep(client: Client, book: Book, policy: Policy) -> Snapshot:
    """What every pass looks at, for the ledger as it was read.

    :raises ForgeError: GitHub did not answer, or the repository is not there
    """
    live = sorted(book.tasks.values(), key=lambda record: record.issue)
    chunks = [live[i : i + ALIASES] for i in range(0, len(live), ALIASES)] or [[]]
    answers = [_query(client, chunk, policy, first=n == 0) for n, chunk in enumerate(chunks)]
    repository = {key: value for answer in answers for key, value in answer.items()}
    # GraphQL follows a rename, but REST answers a write with a redirect: go on by the new name.
    client.repository = repository.get("nameWithOwner") or client.repository
    issues = {node["number"]: nodes.issue(node) for node in repository["issues"]["nodes"]}
    issues |= {record.issue: nodes.task_issue(repository, record, policy) for record in live}
    return Snapshot(
        now=client.now(),
        default_branch=(repository["defaultBranchRef"] or {}).get("name", ""),
        book=book,
        issues=issues,
        pulls={r.issue: pull for r in live if (pull := _task_pull(repository, r)) is not None},
        branches={
            record.branch: ref["target"]["oid"]
            for record in live
            if (ref := repository.get(f"b{record.issue}")) is not None
        },
        earlier_pulls=_earlier_pulls(repository, live, policy),
        runs=_runs(client, live),
        comments={r.issue: tuple(nodes.comments(repository, r)) for r in live},
        status_comments={
            r.issue: found
            for r in live
            if (found := nodes.status_comment(repository, r)) is not None
        },
        notices=nodes.notices(repository, book.fleet),
    )


def learn(client: Client, snapshot: Snapshot, unknown: Unknowns, policy: Policy) -> Snapshot:
    """The snapshot with what was unknown looked up (finished records are the ledger's)."""
    issues = {**snapshot.issues, **_facts(client, snapshot, unknown.issues, policy)}
    snapshot = replace(
        snapshot, pulls={**snapshot.pulls, **_with_commits(client, snapshot, unknown.commits)}
    )
    pulls = {**snapshot.pulls, **_with_threads(client, snapshot, unknown.threads)}
    pulls |= {n: replace(pulls[n], red=red.look(client, pulls[n]).head) for n in unknown.red}
    trusted = {**snapshot.trusted, **{login: client.may_write(login) for login in unknown.logins}}
    runs = tuple(
        replace(run, handoff=_has_handoff(client, run.id)) if run.id in unknown.handoffs else run
        for run in snapshot.runs or ()
    )
    return replace(
        snapshot,
        issues=issues,
        pulls=pulls,
        trusted=trusted,
        runs=runs if snapshot.runs is not None else None,
        files={**snapshot.files, **_files(client, snapshot, unknown.files)},
    )


# ---- the sweep -----------------------------------------------------------------------------


def _query(
    client: Client, live: list[TaskRecord], policy: Policy, *, first: bool
) -> dict[str, Any]:
    """One answer's `repository`; the first query also pages through the labelled issues."""
    aliases = "".join(_task_query(record) + _earlier_query(record, policy) for record in live)
    issues = (
        "issues(labels: [$label], states: OPEN, first: 100, after: $after, "
        "orderBy: {field: CREATED_AT, direction: ASC}) "
        "{ pageInfo { hasNextPage endCursor } nodes { ...IssueFields } }"
    )
    head = "query Sweep($owner: String!, $name: String!"
    head += ", $label: String!, $after: String)" if first else ")"
    body = f"nameWithOwner defaultBranchRef {{ name }}\n{issues if first else ''}\n{aliases}"
    query = f"{head} {{ repository(owner: $owner, name: $name) {{ {body} }} }}"
    owner, name = client.repository.split("/", 1)
    variables: dict[str, Any] = {"owner": owner, "name": name}
    if not first:
        return _repository(client, _with_fragments(query, "sweep"), variables)
    variables |= {"label": policy.labels.ready, "after": None}
    repository = _repository(client, _with_fragments(query, "sweep"), variables)
    query = query.replace(aliases, "") if aliases else query
    page = repository["issues"]["pageInfo"]
    while page["hasNextPage"]:
        variables["after"] = page["endCursor"]
        more = _repository(client, _with_fragments(query, "sweep"), variables)["issues"]
        repository["issues"]["nodes"] += more["nodes"]
        page = more["pageInfo"]
    return repository


def _task_query(record: TaskRecord) -> str:
    """One live task: its issue, its branch with the branch's pull request, and (for branches
    that are gone) the bare state of what was opened from it.

    The full fields stand below the ref: there the pull request is our own, one at the most,
    where `pullRequests` would have to be asked for several, as a fork may use the name too.
    """
    number, branch = record.issue, json.dumps(record.branch)
    ref = json.dumps(f"refs/heads/{record.branch}")
    newest = "first: 1, orderBy: {field: CREATED_AT, direction: DESC}"
    return (
        f"t{number}: issue(number: {number}) {{ ...IssueFields ...TaskFields }}\n"
        f"p{number}: pullRequests(headRefName: {branch}, last: 10) "
        "{ nodes { number url state isCrossRepository } }\n"
        f"b{number}: ref(qualifiedName: {ref}) {{ target {{ oid }} "
        f"associatedPullRequests({newest}) {{ nodes {{ ...PullFields }} }} }}\n"
    )


def _earlier_query(record: TaskRecord, policy: Policy) -> str:
    """Of a task that came back: what is open of the rounds before."""
    opened = "associatedPullRequests(states: OPEN, first: 1) { nodes { number } }"
    names = transitions.earlier_branches(record, policy.branch_prefix)
    refs = (json.dumps(f"refs/heads/{name}") for name in names)
    return "".join(
        f"e{record.issue}_{n}: ref(qualifiedName: {ref}) {{ {opened} }}\n"
        for n, ref in enumerate(refs)
    )


def _earlier_pulls(
    repository: Mapping[str, Any], live: list[TaskRecord], policy: Policy
) -> dict[int, int]:
    found = {}
    for record in live:
        for n, _ in enumerate(transitions.earlier_branches(record, policy.branch_prefix)):
            ref = repository.get(f"e{record.issue}_{n}")
            for pull in ref["associatedPullRequests"]["nodes"] if ref else ():
                found[record.issue] = int(pull["number"])
    return found


def _repository(client: Client, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    data, _ = client.graphql(query, variables)
    repository: dict[str, Any] = data["repository"]
    return repository


def _with_fragments(query: str, file: str) -> str:
    """The query with the fragments that it uses (an unused one is an error to GitHub)."""
    fragments, used = _fragments(file), dict[str, str]()
    named = _SPREAD.findall(query)
    for name in named:
        if name not in used:
            used[name] = fragments[name]
            named += _SPREAD.findall(fragments[name])  # a fragment may be used by another
    return "\n".join([query, *used.values()])


@cache
def _fragments(file: str) -> dict[str, str]:
    """By their names."""
    folder = files("ao_actions.forge")
    text = "".join(folder.joinpath(f"{name}.graphql").read_text() for name in (file, "said"))
    parts = [f"fragment {part}" for part in text.split("fragment ") if part.strip()]
    return {part.split()[1]: part for part in parts}


def _task_pull(repository: Mapping[str, Any], record: TaskRecord) -> Pull | None:
    """The newest pull request of the task's own branch."""
    ref = repository.get(f"b{record.issue}")
    if ref is not None:
        found = ref["associatedPullRequests"]["nodes"]
        return nodes.pull(found[0]) if found else None
    ended = [
        node
        for node in (repository.get(f"p{record.issue}") or {"nodes": []})["nodes"]
        if node["state"] != "OPEN" and not node["isCrossRepository"]
    ]
    newest = max(ended, key=lambda node: int(node["number"]), default=None)
    return nodes.ended_pull(newest, record) if newest else None


def _runs(client: Client, live: list[TaskRecord]) -> tuple[Run, ...] | None:
    """The work runs since the oldest live claim; not asked for while nothing is claimed."""
    times = [record.claim.claimed_at for record in live if record.claim]
    if not times:
        return None
    since = min(times).strftime("%Y-%m-%dT%H:%M:%SZ")
    return tuple(nodes.run(node) for node in _work_runs(client, since))


def _work_runs(client: Client, since: str) -> list[Any]:
    path = f"actions/workflows/{WORK_WORKFLOW}/runs"
    try:
        return client.pages(
            path, key="workflow_runs", event="workflow_dispatch", created=f">={since}"
        )
    except NotFoundError:
        raise missing_workflow(client, WORK_WORKFLOW) from None


def missing_workflow(client: Client, workflow: str) -> NotFoundError:
    return NotFoundError(
        f"{client.address.server}/{client.repository}: .github/workflows/{workflow} is not on the "
        "default branch: run `ao-actions init` and commit what it writes"
    )


def runs_named(client: Client, title: str, since: datetime) -> tuple[Run, ...]:
    """The dispatched work runs of this name, lowest id first."""
    found = _work_runs(client, f"{since:%Y-%m-%dT%H:%M:%SZ}")
    named = (nodes.run(node) for node in found if node["display_title"] == title)
    return tuple(sorted(named, key=lambda run: run.id))


def has_trusted_label(client: Client, number: int, label: str) -> bool:
    """Whether the issue has the label, last put on by a person with write permission."""
    node = _issue_details(client, (number,), "LabelFields").get(number)
    putter = nodes.labeller(node, label) if node else None
    return putter is not None and client.may_write(putter)


# ---- details -------------------------------------------------------------------------------


def _facts(
    client: Client, snapshot: Snapshot, numbers: Iterable[int], policy: Policy
) -> dict[int, Issue]:
    numbers = tuple(numbers)
    if not numbers:
        return {}
    found = _issue_details(client, numbers, "FactFields")
    blocked = _blocked(client, numbers)
    return {
        number: replace(
            snapshot.issues[number],
            assignees=nodes.logins(node["assignees"]),
            facts=nodes.issue_facts(
                node,
                blocked_by=blocked.get(number, ()),
                may_write=client.may_write,
                policy=policy,
            ),
        )
        for number, node in found.items()
    }


def _blocked(client: Client, numbers: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    """Open dependencies. Older GitHub Enterprise Servers do not have the field: then none."""
    try:
        found = _issue_details(client, numbers, "BlockedFields")
    except ForgeError as error:
        if error.status == 200 and "blockedBy" in str(error):
            return {}
        raise
    return {
        number: tuple(b["number"] for b in node["blockedBy"]["nodes"] if b["state"] == "OPEN")
        for number, node in found.items()
    }


def _issue_details(client: Client, numbers: tuple[int, ...], fragment: str) -> dict[int, Any]:
    aliases = " ".join(f"t{n}: issue(number: {n}) {{ ...{fragment} }}" for n in numbers)
    repository = _details(client, aliases)
    return {n: repository[f"t{n}"] for n in numbers if repository.get(f"t{n}")}


def _details(client: Client, aliases: str) -> dict[str, Any]:
    owner, name = client.repository.split("/", 1)
    query = (
        "query Details($owner: String!, $name: String!) "
        f"{{ repository(owner: $owner, name: $name) {{ {aliases} }} }}"
    )
    return _repository(client, _with_fragments(query, "details"), {"owner": owner, "name": name})


def _with_commits(client: Client, snapshot: Snapshot, issues: Iterable[int]) -> dict[int, Pull]:
    pulls = {number: snapshot.pulls[number] for number in issues}
    if not pulls:
        return {}
    aliases = " ".join(
        f"p{pull.number}: pullRequest(number: {pull.number}) {{ ...RecentFields }}"
        for pull in pulls.values()
    )
    found = _details(client, aliases)
    return {
        number: replace(pull, recent=nodes.recent(node) if node else ())
        for number, pull in pulls.items()
        for node in [found.get(f"p{pull.number}")]
    }


def _with_threads(client: Client, snapshot: Snapshot, issues: Iterable[int]) -> dict[int, Pull]:
    pulls = {number: snapshot.pulls[number] for number in issues}
    found = threads(client, [pull.number for pull in pulls.values()])
    return {
        number: replace(pull, threads=found.get(pull.number, ())) for number, pull in pulls.items()
    }


def threads(client: Client, pulls: Iterable[int]) -> dict[int, tuple[Thread, ...]]:
    """The review threads of these pull requests, each whole (its last 50 comments)."""
    numbers = list(pulls)
    if not numbers:
        return {}
    aliases = " ".join(f"p{n}: pullRequest(number: {n}) {{ ...ThreadFields }}" for n in numbers)
    repository = _details(client, aliases)
    return {
        n: tuple(nodes.threads_of(repository[f"p{n}"])) for n in numbers if repository.get(f"p{n}")
    }


def _files(client: Client, snapshot: Snapshot, issues: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """The first 100 files that the pull request of each of these tasks changes."""
    pulls = {number: snapshot.pulls[number].number for number in issues}
    if not pulls:
        return {}
    aliases = (f"p{n}: pullRequest(number: {n}) {{ ...FileFields }}" for n in pulls.values())
    found = _details(client, " ".join(aliases))
    changed = {number: found.get(f"p{pull}") or {} for number, pull in pulls.items()}
    return {
        number: tuple(file["path"] for file in (node.get("files") or {"nodes": ()})["nodes"])
        for number, node in changed.items()
    }


def pulls_of(client: Client, branch: str, state: str = "all") -> list[Any]:
    """Pull requests from a branch of this very repository, the newest first, as REST has them.

    GitHub's filter names an owner only, and that owner may have a fork by another name.
    """
    owner = client.repository.split("/", 1)[0]
    found = client.get("pulls", head=f"{owner}:{branch}", state=state, per_page=100)
    return [pull for pull in found if nodes.is_own(pull)]


def pull_request(client: Client, number: int) -> Pull:
    """One open pull request, with its checks as the sweep shows them.

    :raises NotFoundError: there is none of this number
    """
    owner, name = client.repository.split("/", 1)
    query = (
        "query One($owner: String!, $name: String!, $number: Int!) "
        "{ repository(owner: $owner, name: $name) "
        "{ pullRequest(number: $number) { ...PullFields } } }"
    )
    variables = {"owner": owner, "name": name, "number": number}
    node = _repository(client, _with_fragments(query, "sweep"), variables)["pullRequest"]
    if node is None:
        raise NotFoundError(f"{client.repository}: there is no pull request #{number}")
    return nodes.pull(node)


def task(client: Client, record: TaskRecord, policy: Policy) -> Task:
    """One live task as a pass sees it, with the rights of whoever has changed its issue."""
    repository = _query(client, [record], policy, first=False)
    found = Task(
        now=client.now(),
        issue=nodes.task_issue(repository, record, policy),
        record=record,
        pull=_task_pull(repository, record),
        comments=tuple(nodes.comments(repository, record)),
    )
    people = {login for login in looked.logins(found) if not login.endswith("[bot]")}
    bots = dict.fromkeys(policy.bots, True)
    return replace(found, trusted=bots | {login: client.may_write(login) for login in people})


def said(client: Client, pull: int) -> list[tuple[str, str, str]]:
    """What was said on a pull request outside its threads: feedback key, author, words."""
    node = _details(client, f"p: pullRequest(number: {pull}) {{ ...SaidFields }}")["p"]
    reviews = [nodes.review(review) for review in node["reviews"]["nodes"]]
    comments = [nodes.comment(comment, pull) for comment in node["comments"]["nodes"]]
    return [
        *((feedback.review_key(review), review.author, review.body) for review in reviews),
        *((feedback.comment_key(comment), comment.author, comment.body) for comment in comments),
    ]


def _has_handoff(client: Client, run_id: int) -> bool:
    artifacts = client.pages(f"actions/runs/{run_id}/artifacts", key="artifacts")
    return any(a["name"].startswith("handoff-") and not a["expired"] for a in artifacts)

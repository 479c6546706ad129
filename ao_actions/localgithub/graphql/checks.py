"""What checks say of a commit: rollups, check runs and suites, workflow runs."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub import checks
from ao_actions.localgithub.graphql.commits import find_ref
from ao_actions.localgithub.graphql.nodes import (
    Graph,
    Json,
    Node,
    connection,
    field,
    global_id,
    plain,
)
from ao_actions.localgithub.model import CheckRun, CheckSuite, Status
from ao_actions.localgithub.wire import checks as wire
from ao_actions.localgithub.wire import core

# -- checks


@field("Commit.statusCheckRollup")
def rollup(node: Node, graph: Graph) -> Node | None:
    graph.may_read(node.place, "checks")
    if checks.rollup(node.place, node.record) is None:
        return None
    return Node("StatusCheckRollup", node.repo, node.record)


@field("PullRequest.statusCheckRollup")
def pull_rollup(node: Node, graph: Graph) -> Node | None:
    head = node.place.pulls[node.record.number].head_sha
    return rollup(Node("Commit", node.repo, head), graph)


@field("StatusCheckRollup.id")
def rollup_id(node: Node, _: Graph) -> str:
    return f"SCR_kwDO{node.record}"


@field("StatusCheckRollup.state")
def rollup_state(node: Node, _: Graph) -> str | None:
    return checks.rollup(node.place, node.record)


@field("StatusCheckRollup.commit", "StatusContext.commit", "CheckSuite.commit")
def rollup_commit(node: Node, _: Graph) -> Node:
    oid = node.record if isinstance(node.record, str) else _sha_of(node.record)
    return Node("Commit", node.repo, oid)


def _sha_of(record: Status | CheckSuite) -> str:
    return record.sha if isinstance(record, Status) else record.head_sha


@field("StatusCheckRollup.contexts")
def contexts(node: Node, _: Graph, **page: Any) -> Json:
    """Check runs first, then statuses."""
    runs = checks.latest_runs(node.place, node.record)
    statuses = checks.latest_statuses(node.place, node.record)
    nodes = [Node("CheckRun", node.repo, run) for run in runs]
    nodes += [Node("StatusContext", node.repo, status) for status in statuses]
    return connection(nodes, lambda each: each, **page) | {
        "checkRunCount": len(runs),
        "statusContextCount": len(statuses),
        "checkRunCountsByState": _counts([_check_state(run) for run in runs]),
        "statusContextCountsByState": _counts([each.state.upper() for each in statuses]),
    }


def _check_state(run: CheckRun) -> str:
    return (run.conclusion or run.status).upper()


def _counts(states: list[str]) -> list[Json]:
    return [{"state": state, "count": states.count(state)} for state in dict.fromkeys(states)]


plain("StatusContext", context="context", description="description", targetUrl="target_url")
plain("StatusContext", createdAt="created_at")
field("StatusContext.id", "CheckRun.id", "CheckSuite.id", "WorkflowRun.id")(global_id)
field("Workflow.id")(global_id)


@field("StatusContext.state")
def status_state(node: Node, _: Graph) -> str:
    text: str = node.record.state
    return text.upper()


@field("StatusContext.creator")
def status_creator(node: Node, graph: Graph) -> Node | None:
    return graph.actor(node.record.creator)


@field("StatusContext.isRequired")
def status_is_required(node: Node, _: Graph, **subject: Any) -> bool:
    return _is_required(node, node.record.context, subject)


@field("CheckRun.isRequired")
def run_is_required(node: Node, _: Graph, **subject: Any) -> bool:
    return _is_required(node, node.record.name, subject)


def _is_required(node: Node, name: str, subject: Json) -> bool:
    """Required by the base branch of the pull request that the arguments name."""
    number, identity = subject.get("pullRequestNumber"), subject.get("pullRequestId")
    for pull in node.place.pulls.values():
        issue = node.place.issues[pull.number]
        if pull.number == number or core.node_id("PullRequest", issue.id) == identity:
            rules = node.place.protection.get(pull.base_ref)
            return rules is not None and name in rules.required_checks
    return False


plain("CheckRun", name="name", databaseId="id", startedAt="started_at", text="output_text")
plain("CheckRun", completedAt="completed_at", externalId="external_id", title="output_title")
plain("CheckRun", summary="output_summary")


@field("CheckRun.status", "CheckSuite.status")
def check_status(node: Node, _: Graph) -> str:
    text: str = node.record.status
    return text.upper()


@field("CheckRun.conclusion", "CheckSuite.conclusion")
def check_conclusion(node: Node, _: Graph) -> str | None:
    text: str | None = node.record.conclusion
    return text.upper() if text else None


@field("CheckRun.detailsUrl", "CheckRun.url", "CheckRun.permalink")
def details_url(node: Node, graph: Graph) -> str:
    return wire.details_url(graph.wire, node.place, node.record)


@field("CheckRun.checkSuite")
def check_suite(node: Node, _: Graph) -> Node | None:
    for suite in node.place.check_suites:
        if suite.id == node.record.suite_id:
            return Node("CheckSuite", node.repo, suite)
    return None


@field("CheckRun.annotations")
def run_annotations(node: Node, _: Graph, **page: Any) -> Json:
    def render(note: Any) -> Json:
        return {
            "path": note.path,
            "message": note.message,
            "title": note.title,
            "annotationLevel": note.annotation_level.upper(),
            "blobUrl": "",
            "databaseId": None,
            "rawDetails": None,
            "location": {
                "start": {"line": note.start_line, "column": None},
                "end": {"line": note.end_line, "column": None},
            },
        }

    return connection(node.record.annotations, render, **page)


plain("CheckSuite WorkflowRun", databaseId="id", createdAt="created_at", updatedAt="updated_at")


@field("Commit.checkSuites")
def check_suites(node: Node, graph: Graph, **page: Any) -> Json:
    graph.may_read(node.place, "checks")
    wanted = page.get("filterBy") or {}
    found = [
        suite
        for suite in node.place.check_suites
        if suite.head_sha == node.record
        and (not wanted.get("appId") or core.app(graph.wire, suite.app)["id"] == wanted["appId"])
        and (not wanted.get("checkName") or _has_run(node, suite, wanted["checkName"]))
    ]
    return connection(found, lambda suite: Node("CheckSuite", node.repo, suite), **page)


def _has_run(node: Node, suite: CheckSuite, name: str) -> bool:
    return any(r.suite_id == suite.id and r.name == name for r in node.place.check_runs)


@field("CheckSuite.app")
def suite_app(node: Node, graph: Graph) -> Json:
    shown = core.app(graph.wire, node.record.app)
    return {
        "id": shown["node_id"],
        "databaseId": shown["id"],
        "slug": shown["slug"],
        "name": shown["name"],
        "url": shown["html_url"],
        "description": None,
        "logoUrl": f"{graph.html}/avatars/0",
    }


@field("CheckSuite.branch")
def suite_branch(node: Node, graph: Graph) -> Node | None:
    return find_ref(node, graph, node.record.head_branch)


@field("CheckSuite.url")
def suite_url(node: Node, graph: Graph) -> str:
    return f"{graph.wire.page(node.place)}/commit/{node.record.head_sha}/checks"


@field("CheckSuite.checkRuns")
def check_runs(node: Node, _: Graph, **page: Any) -> Json:
    wanted = page.get("filterBy") or {}
    latest = wanted.get("checkType", "LATEST") == "LATEST"
    runs = checks.latest_runs(node.place, node.record.head_sha) if latest else node.place.check_runs
    found = [
        run
        for run in runs
        if run.suite_id == node.record.id and wanted.get("checkName") in {None, run.name}
    ]
    return connection(found, lambda run: Node("CheckRun", node.repo, run), **page)


# -- workflow runs


@field("CheckSuite.workflowRun")
def workflow_run(node: Node, _: Graph) -> Node | None:
    for run in node.place.runs:
        if run.id == node.record.run_id:
            return Node("WorkflowRun", node.repo, run)
    return None


plain("WorkflowRun", runNumber="run_number", event="event")


@field("WorkflowRun.url")
def run_url(node: Node, graph: Graph) -> str:
    return f"{graph.wire.page(node.place)}/actions/runs/{node.record.id}"


@field("WorkflowRun.checkSuite")
def run_suite(node: Node, _: Graph) -> Node | None:
    for suite in node.place.check_suites:
        if suite.id == node.record.suite_id:
            return Node("CheckSuite", node.repo, suite)
    return None


@field("WorkflowRun.workflow")
def workflow(node: Node, _: Graph) -> Node | None:
    for each in node.place.workflows:
        if each.id == node.record.workflow_id:
            return Node("Workflow", node.repo, each)
    return None


plain("Workflow", name="name", databaseId="id", createdAt="created_at", updatedAt="updated_at")


@field("Workflow.state")
def workflow_state(node: Node, _: Graph) -> str:
    text: str = node.record.state
    return text.upper()


@field("Workflow.url")
def workflow_url(node: Node, graph: Graph) -> str:
    return f"{graph.wire.page(node.place)}/actions/workflows/{node.record.path.rpartition('/')[2]}"


@field("WorkflowRun.resourcePath", "Workflow.resourcePath", "CheckSuite.resourcePath")
def resource_path(node: Node, graph: Graph) -> str:
    reader = {"WorkflowRun": run_url, "Workflow": workflow_url, "CheckSuite": suite_url}
    return reader[node.kind](node, graph).removeprefix(graph.html)

"""Commit statuses, check runs and check suites on the wire."""

from __future__ import annotations

from ao_actions.localgithub.model import Annotation, CheckRun, CheckSuite, Repository, Status
from ao_actions.localgithub.wire import core
from ao_actions.localgithub.wire.core import Json, Wire, stamp, stamp_or_none


def status(wire: Wire, repo: Repository, record: Status) -> Json:
    return simple_status(wire, repo, record) | {"creator": core.user(wire, record.creator)}


def simple_status(wire: Wire, repo: Repository, record: Status) -> Json:
    """A status inside the combined status: without its creator."""
    when = stamp(record.created_at)
    return {
        "url": f"{wire.repo(repo)}/statuses/{record.sha}",
        "avatar_url": f"{wire.html}/avatars/{wire.world.user(record.creator).id}",
        "id": record.id,
        "node_id": core.node_id("StatusContext", record.id),
        "state": record.state,
        "description": record.description,
        "target_url": record.target_url,
        "context": record.context,
        "created_at": when,
        "updated_at": when,
    }


def details_url(wire: Wire, repo: Repository, run: CheckRun) -> str:
    if run.details_url:
        return run.details_url
    suite = next((each for each in repo.check_suites if each.id == run.suite_id), None)
    if suite is not None and suite.run_id and run.job_id:
        return f"{wire.page(repo)}/actions/runs/{suite.run_id}/job/{run.job_id}"
    return f"{wire.page(repo)}/runs/{run.id}"


def check_run(wire: Wire, repo: Repository, run: CheckRun) -> Json:
    url = f"{wire.repo(repo)}/check-runs/{run.id}"
    return {
        "id": run.id,
        "name": run.name,
        "node_id": core.node_id("CheckRun", run.id),
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": url,
        "html_url": details_url(wire, repo, run),
        "details_url": details_url(wire, repo, run),
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": stamp_or_none(run.started_at),
        "completed_at": stamp_or_none(run.completed_at),
        "output": {
            "title": run.output_title,
            "summary": run.output_summary,
            "text": run.output_text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": run.suite_id},
        "app": core.app(wire, run.app),
        "pull_requests": pull_stubs(wire, repo, run.head_sha),
    }


def annotation(wire: Wire, repo: Repository, run: CheckRun, note: Annotation) -> Json:
    return {
        "path": note.path,
        "blob_href": f"{wire.repo(repo)}/git/blobs/{run.head_sha}",
        "start_line": note.start_line,
        "start_column": None,
        "end_line": note.end_line,
        "end_column": None,
        "annotation_level": note.annotation_level,
        "title": note.title,
        "message": note.message,
        "raw_details": None,
    }


def check_suite(wire: Wire, repo: Repository, suite: CheckSuite) -> Json:
    url = f"{wire.repo(repo)}/check-suites/{suite.id}"
    runs = [run for run in repo.check_runs if run.suite_id == suite.id]
    return {
        "id": suite.id,
        "node_id": core.node_id("CheckSuite", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": suite.status,
        "conclusion": suite.conclusion,
        "url": url,
        "before": None,
        "after": suite.head_sha,
        "pull_requests": pull_stubs(wire, repo, suite.head_sha),
        "app": core.app(wire, suite.app),
        "repository": core.minimal_repository(wire, repo),
        "created_at": stamp(suite.created_at),
        "updated_at": stamp(suite.updated_at),
        "latest_check_runs_count": len(runs),
        "check_runs_url": f"{url}/check-runs",
        "head_commit": _head_commit(wire, repo, suite.head_sha),
        "rerequestable": True,
        "runs_rerequestable": True,
    }


def _head_commit(wire: Wire, repo: Repository, sha: str) -> Json | None:
    commit = wire.world.bare(repo).commit(sha)
    if commit is None:
        return None
    author = {"name": commit.author.name, "email": commit.author.email}
    return {
        "id": sha,
        "tree_id": commit.tree,
        "message": commit.message,
        "timestamp": stamp(commit.committer.when),
        "author": author,
        "committer": {"name": commit.committer.name, "email": commit.committer.email},
    }


def pull_stubs(wire: Wire, repo: Repository, sha: str) -> list[Json]:
    """The open pull requests of a head commit, as checks and runs name them."""
    url = wire.repo(repo)
    inside = {"id": repo.id, "url": url, "name": repo.name}
    return [
        {
            "url": f"{url}/pulls/{pull.number}",
            "id": repo.issues[pull.number].id,
            "number": pull.number,
            "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": inside},
            "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": inside},
        }
        for pull in repo.pulls.values()
        if pull.head_sha == sha and repo.issues[pull.number].state == "open"
    ]

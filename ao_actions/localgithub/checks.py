"""What the checks of a commit say together.

Source: docs "About status checks" and GraphQL's StatusCheckRollup: statuses count by their
latest per context, check runs by the latest of a name in its suite.
"""

from __future__ import annotations

from ao_actions.localgithub.model import CheckRun, Repository, Status

GREEN = frozenset({"success", "neutral", "skipped"})


def latest_runs(repo: Repository, sha: str) -> list[CheckRun]:
    """Of each suite the newest run of each name, oldest first."""
    latest: dict[tuple[int, str], CheckRun] = {}
    for run in repo.check_runs:
        if run.head_sha == sha:
            key = (run.suite_id, run.name)
            if key not in latest or latest[key].id < run.id:
                latest[key] = run
    return sorted(latest.values(), key=lambda run: run.id)


def latest_statuses(repo: Repository, sha: str) -> list[Status]:
    """Of each context the newest status, newest first."""
    latest: dict[str, Status] = {}
    for status in repo.statuses:
        if status.sha == sha:
            latest[status.context] = status
    return sorted(latest.values(), key=lambda status: -status.id)


def combined_state(statuses: list[Status]) -> str:
    """REST "Get the combined status": failure, else pending (also with none), else success."""
    states = {status.state for status in statuses}
    if states & {"failure", "error"}:
        return "failure"
    return "success" if states == {"success"} else "pending"


def rollup(repo: Repository, sha: str) -> str | None:
    """SUCCESS, FAILURE, ERROR, PENDING; None when nothing reported on the commit."""
    runs, statuses = latest_runs(repo, sha), latest_statuses(repo, sha)
    if not runs and not statuses:
        return None
    states = {status.state for status in statuses}
    ended = {run.conclusion for run in runs if run.status == "completed"}
    if "failure" in states or ended - GREEN:
        return "FAILURE"
    if "error" in states:
        return "ERROR"
    waiting = any(run.status != "completed" for run in runs)
    return "PENDING" if waiting or "pending" in states else "SUCCESS"


def required_are_green(repo: Repository, sha: str, names: list[str]) -> bool:
    """Whether the newest report of every required name is green."""
    verdicts: dict[str, bool] = {}
    for run in latest_runs(repo, sha):
        verdicts[run.name] = run.conclusion in GREEN
    for status in latest_statuses(repo, sha):
        verdicts[status.context] = status.state == "success"
    return all(verdicts.get(name, False) for name in names)

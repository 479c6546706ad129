"""The ordered table of phases: first match wins, and the order is the specification.

Rule 1: what state a task is in is decided here and nowhere else.
Rule 2: a rule reads the task and the policy, never the clock (`task.now` is an observation).
The table in docs/phases.md is printed from `RULES` (`python -m ao_actions.insight.phases`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ao_actions.core import budget, checks, feedback, looked, pauses, text
from ao_actions.core.model import Outcome, Phase, TaskRecord
from ao_actions.core.observed import Pull, Run, Task
from ao_actions.core.policy import Policy
from ao_actions.core.triage import Do


class Rule(NamedTuple):
    """`test` answers None (no match) or the particulars that `because` has room for."""

    phase: Phase
    because: str
    test: Callable[[Task, Policy], str | None]


class Verdict(NamedTuple):
    phase: Phase
    because: str


def phase_of(task: Task, policy: Policy) -> Verdict:
    """The task's phase and the sentence why."""
    rule, particulars = _matching(task, policy)
    return Verdict(rule.phase, rule.because.format(particulars))


def out_of_budget(task: Task, policy: Policy) -> str | None:
    """The spent budget that the task stands still for, if it is that and nothing else."""
    rule, particulars = _matching(task, policy)
    spent = rule.test in (_exhausted, _same_failure)
    return rule.because.format(particulars) if spent else None


def waits_for_agent(task: Task, policy: Policy) -> bool:
    """Whether it is a model's limit, and nothing else, that the task waits for."""
    return task.turn is not None and _matching(task, policy)[0].test is _agent_paused


def waits_for_look(task: Task, policy: Policy) -> bool:
    """Whether the phase hangs on why checks are red, and that is not looked up yet."""
    if task.pull is None or task.pull.red is not None:
        return False
    return _matching(task, policy)[0].test is _unjudged


def _matching(task: Task, policy: Policy) -> tuple[Rule, str]:
    for rule in RULES:
        particulars = rule.test(task, policy)
        if particulars is not None:
            return rule, particulars
    raise AssertionError("the last rule matches every task")  # pragma: no cover


# ---- the tests, in the table's order -------------------------------------------------------


def _merged(task: Task, _policy: Policy) -> str | None:
    return f"#{task.pull.number}" if task.pull and task.pull.state == "MERGED" else None


def _unlabelled(task: Task, policy: Policy) -> str | None:
    return policy.labels.ready if policy.labels.ready not in task.issue.labels else None


def _issue_closed(task: Task, _policy: Policy) -> str | None:
    return None if task.issue.is_open else ""


def _pull_closed(task: Task, _policy: Policy) -> str | None:
    return f"#{task.pull.number}" if task.pull and task.pull.state == "CLOSED" else None


def _taken_over(task: Task, _policy: Policy) -> str | None:
    if task.record is None:
        return None
    others = sorted(task.issue.assignees - {task.record.owner})
    return others[0] if others else None


def _ended(task: Task, _policy: Policy) -> str | None:
    said = task.record.ended if task.record else None
    return f"@{said.login} said `/ao {said.word}`" if said else None


def _alive(task: Task, policy: Policy) -> str | None:
    """A run works on it, or was dispatched so lately that GitHub need not list it yet."""
    claim = task.record.claim if task.record else None
    if task.record is None or claim is None or _waits_too_long(task, policy) is not None:
        return None
    if task.run is not None and task.run.status == "completed":
        return None
    if task.run is None and task.runs_known and task.now >= claim.expires_at:
        return None
    return run_title(task.issue.number, task.record.epoch, claim.reason)


def _waits_too_long(task: Task, policy: Policy) -> str | None:
    run = task.run
    if task.record is None or task.record.claim is None or run is None:
        return None
    idle = run.status in ("queued", "waiting", "pending", "requested")
    if idle and task.now - run.created_at > policy.queue_limit:
        return f"{run.id} has been {run.status} since {run.created_at:%Y-%m-%d %H:%M} UTC"
    return None


def _dead(task: Task, policy: Policy) -> str | None:
    """The claim's run is over, or never appeared: only after a look-up that was answered."""
    record = task.record
    if record is None or record.claim is None or _waits_too_long(task, policy) is not None:
        return None
    if task.run is not None:
        return f"run {task.run.id} ended ({task.run.conclusion}) without publishing"
    return "its run never appeared"


def _held(task: Task, _policy: Policy) -> str | None:
    said = task.record.held if task.record else None
    return said.login if said else None


def _draft(task: Task, _policy: Policy) -> str | None:
    return f"#{task.pull.number}" if task.pull and task.pull.draft else None


def _human_commit(task: Task, _policy: Policy) -> str | None:
    """A commit that is not ours heads the branch, and no review since asks us to go on.

    Bringing the base up to date and applying a suggestion are not taking over (design 2.4).
    """
    pull, record = task.pull, task.record
    if pull is None or record is None or not has_strange_head(task):
        return None
    if _base_merged(pull, record) or _by_buttons(pull, record) or feedback.review_items(task):
        return None
    return pull.head[:7]


def has_strange_head(task: Task) -> bool:
    """Whether a commit that we have neither made nor taken up heads an open pull request."""
    pull, record = task.pull, task.record
    if pull is None or record is None or pull.state != "OPEN":
        return False
    return pull.head not in (*record.published, record.resumed)


def _base_merged(pull: Pull, record: TaskRecord) -> bool:
    """Whether the head is a merge on top of our commit."""
    parents = next((c.parents for c in pull.recent or () if c.oid == pull.head), ())
    return len(parents) > 1 and bool(set(parents) & set(record.published))


def _by_buttons(pull: Pull, record: TaskRecord) -> bool:
    """Whether everything above our last commit was made by GitHub's own buttons: suggestions
    that were applied, the base merged in. GitHub itself commits those."""
    recent = pull.recent or ()
    ours = [index for index, commit in enumerate(recent) if commit.oid in record.published]
    above = recent[ours[-1] + 1 :] if ours else ()
    return bool(above) and all(
        commit.committer == "noreply@github.com"
        and commit.headline.startswith(("Apply suggestion", f"Merge branch '{pull.base}' into "))
        for commit in above
    )


def _stopped(task: Task, _policy: Policy) -> str | None:
    stop = task.record.stop if task.record else None
    return stop.reason if stop and not restarted(task.record, task) else None


def _branch_gone(task: Task, _policy: Policy) -> str | None:
    record = task.record
    if record is None or not record.published or task.pull is not None:
        return None
    if task.branch_head is None:
        return f"{record.branch} was deleted"
    if task.branch_head not in record.published:
        return f"{record.branch} was moved to {task.branch_head[:7]}"
    return None


def _unanswerable(task: Task, policy: Policy) -> str | None:
    if restarted(task.record, task):
        return None
    return feedback.unanswerable(task, red=bool(checks.for_agent(task, policy)))


def _fruitless(task: Task, _policy: Policy) -> str | None:
    """An attempt looked at the issue and found nothing to change: asking again costs money."""
    record = task.record
    if record is None or record.delivered or not record.this_round():
        return None
    if restarted(record, task):
        return None
    last = record.this_round()[-1]
    return last.detail if last.outcome is Outcome.NO_CHANGE else None


def _exhausted(task: Task, policy: Policy) -> str | None:
    reason = _next_reason(task, policy)
    if reason is None or restarted(task.record, task):
        return None
    return budget.exhausted(task.record, policy, reason)


def _same_failure(task: Task, policy: Policy) -> str | None:
    """The signature is counted over all heads: an attempt that changes the code and not the
    failure does not begin anew."""
    if restarted(task.record, task):
        return None
    return budget.repeated(task.record, checks.for_agent(task, policy), policy)


def _unread(task: Task, policy: Policy) -> str | None:
    """What an agent would be told was changed by somebody whose word does not count."""
    if not _could_use_an_agent(task, policy):
        return None
    edit = looked.unread_in(task)
    return edit.by if edit else None


def _agent_paused(task: Task, policy: Policy) -> str | None:
    if task.turn is None or not _could_use_an_agent(task, policy):
        return None
    return pauses.sentence(task.turn)


def _day_spent(task: Task, policy: Policy) -> str | None:
    if task.day_opens is None or not _could_use_an_agent(task, policy):
        return None
    return f"${policy.budget.usd_per_day:.2f} are spent; on at {task.day_opens:%Y-%m-%d %H:%M} UTC"


def _published(task: Task, _policy: Policy) -> str | None:
    record = task.record
    if record is None or task.pull is not None or not record.delivered:
        return None
    return record.branch


def _conflicted(task: Task, _policy: Policy) -> str | None:
    pull = task.pull
    if pull is None or pull.mergeable != "CONFLICTING":
        return None
    return text.line(pull.base, limit=100)


def _unjudged(task: Task, policy: Policy) -> str | None:
    if task.pull is None or not checks.undecided(task, policy):
        return None
    return checks.names(checks.red(task.pull))


def _ci_failed(task: Task, policy: Policy) -> str | None:
    found = checks.judged(task, policy)
    return checks.sentence(found) if found and found.do is Do.AGENT else None


def _ci_blocked(task: Task, _policy: Policy) -> str | None:
    pull = task.pull
    return pull.url if pull and pull.suites_waiting else None


def _check_blocked(task: Task, policy: Policy) -> str | None:
    found = checks.judged(task, policy)
    if task.pull is None or found is None or found.do is not Do.ASK:
        return None
    return checks.request(found, task.pull) if checks.waits_for_approval(found) else None


def _check_refused(task: Task, policy: Policy) -> str | None:
    """A failure that is neither the code's nor over by itself."""
    found = checks.judged(task, policy)
    if task.pull is None or found is None or found.do is not Do.ASK:
        return None
    return None if checks.waits_for_approval(found) else checks.request(found, task.pull)


def _ci_late(task: Task, policy: Policy) -> str | None:
    pull = task.pull
    if pull is None or _ci_pending(task, policy) is None:
        return None
    late = task.now - pull.head_at > policy.ci_deadline
    return _ci_pending(task, policy) if late else None


def _ci_pending(task: Task, policy: Policy) -> str | None:
    pull = task.pull
    if pull is None:
        return None
    waiting = checks.running(pull)
    if waiting:
        return checks.names(waiting)
    if pull.suites_open:
        return "check suites"
    if not pull.checks and task.now - pull.head_at < policy.no_ci_after:
        return "the first check"
    return None


def _red_too_long(task: Task, policy: Policy) -> str | None:
    pull, found = task.pull, checks.judged(task, policy)
    if pull is None or found is None or found.do is not Do.WAIT:
        return None
    return checks.request(found, pull) if task.now - pull.head_at > policy.ci_deadline else None


def _red_for_now(task: Task, policy: Policy) -> str | None:
    found = checks.judged(task, policy)
    return checks.sentence(found) if found and found.do in (Do.RERUN, Do.WAIT) else None


def _settling(task: Task, policy: Policy) -> str | None:
    quiet = feedback.settles_at(task, policy)
    return f"{quiet:%H:%M:%S} UTC" if quiet else None


def _changes_requested(task: Task, _policy: Policy) -> str | None:
    items = feedback.review_items(task)
    return f"{len(items)}" if items else None


def _unknown_merge(task: Task, _policy: Policy) -> str | None:
    return "" if task.pull and task.pull.mergeable == "UNKNOWN" else None


def _ready(task: Task, _policy: Policy) -> str | None:
    pull = task.pull
    if pull is None or pull.open_threads or _half_done(task):
        return None
    if pull.review_decision not in (None, "APPROVED"):
        return None
    if checks.red(pull):
        return "the checks that the branch requires pass"
    return "the checks pass" if pull.checks else "the repository has no CI"


def _has_pull(task: Task, _policy: Policy) -> str | None:
    return f"#{task.pull.number}" if task.pull and not _half_done(task) else None


def _always(_task: Task, _policy: Policy) -> str | None:
    return ""


# ---- what several rules ask ----------------------------------------------------------------


def restarted(record: TaskRecord | None, task: Task) -> bool:
    """Somebody with write permission put the label on again, or said `/ao retry`, after the task
    had stopped or its last attempt ended."""
    since = looked.ended_at(record)
    if record is None or since is None:
        return False
    if any(task.trusted.get(mark.by) for mark in looked.marked_again(task)):
        return True
    return record.retried_at is not None and record.retried_at > since


def _next_reason(task: Task, policy: Policy) -> Phase | None:
    """What an agent would be sent for if its budget allowed it, if for anything."""
    pull: Pull | None = task.pull
    if pull is None:
        return None if task.record and task.record.delivered else Phase.QUEUED
    reasons = (
        (_half_done(task), Phase.QUEUED),
        (pull.mergeable == "CONFLICTING", Phase.CONFLICTED),
        (bool(checks.for_agent(task, policy)), Phase.CI_FAILED),
        (bool(feedback.review_items(task)), Phase.CHANGES_REQUESTED),
    )
    return next((reason for holds, reason in reasons if holds), None)


def _half_done(task: Task) -> bool:
    """A limit cut the work short; a human may have opened a pull request for it all the same."""
    return task.record is not None and bool(task.record.wip) and not task.record.delivered


def _could_use_an_agent(task: Task, policy: Policy) -> bool:
    claim = task.record.claim if task.record else None
    return claim is None and _next_reason(task, policy) is not None


def run_of(runs: tuple[Run, ...], record: TaskRecord) -> Run | None:
    """The claim's run, found by name; of two with one name the lower id works (design 3)."""
    if record.claim is None:
        return None
    title = run_title(record.issue, record.epoch, record.claim.reason)
    named = [run for run in runs if run.title == title]
    return min(named, key=lambda run: run.id, default=None)


def run_title(issue: int, epoch: int, reason: Phase) -> str:
    """`ao #42.17 ci_failed`: the run-name in templates/workflows/ao-work.yml.j2."""
    return f"ao #{issue}.{epoch} {reason}"


RULES: tuple[Rule, ...] = (
    Rule(Phase.DONE, "pull request {} is merged", _merged),
    Rule(Phase.WITHDRAWN, "{}", _ended),
    Rule(Phase.WITHDRAWN, "the issue is closed", _issue_closed),
    Rule(Phase.WITHDRAWN, "the label {} was removed", _unlabelled),
    Rule(Phase.WITHDRAWN, "pull request {} was closed without a merge", _pull_closed),
    Rule(Phase.WITHDRAWN, "@{} was assigned and takes over", _taken_over),
    Rule(Phase.WORKING, "the run `{}` works on it", _alive),
    Rule(Phase.NEEDS_HUMAN, "run {}: no runner takes it", _waits_too_long),
    Rule(Phase.LOST, "{}", _dead),
    Rule(Phase.PAUSED, "@{} said `/ao pause`; `/ao resume` lets it go on", _held),
    Rule(Phase.PAUSED, "pull request {} is a draft", _draft),
    Rule(Phase.PAUSED, "{} on the branch is not ours: somebody else works on it", _human_commit),
    Rule(Phase.NEEDS_HUMAN, "{}", _stopped),
    Rule(Phase.NEEDS_HUMAN, "the branch {}", _branch_gone),
    Rule(Phase.NEEDS_HUMAN, "an attempt changed nothing about {}", _unanswerable),
    Rule(Phase.NEEDS_HUMAN, "the agent found nothing to change: {}", _fruitless),
    Rule(Phase.NEEDS_HUMAN, "{}", _exhausted),
    Rule(Phase.NEEDS_HUMAN, "the same failure came back {}", _same_failure),
    Rule(Phase.NEEDS_HUMAN, "@{} changed the issue's text: read it, for nobody has", _unread),
    Rule(Phase.PAUSED, "the model's limit: {}", _agent_paused),
    Rule(Phase.PAUSED, "the day's budget: {}", _day_spent),
    Rule(Phase.PUBLISHED, "{} is pushed and has no pull request yet", _published),
    Rule(Phase.CONFLICTED, "the branch conflicts with {}", _conflicted),
    Rule(Phase.CI_PENDING, "why these are red is not looked up yet: {}", _unjudged),
    Rule(Phase.CI_FAILED, "failing: {}", _ci_failed),
    Rule(Phase.CI_BLOCKED, "a human must approve the workflows of {}", _ci_blocked),
    Rule(Phase.CI_BLOCKED, "a human must let the checks go on: {}", _check_blocked),
    Rule(Phase.NEEDS_HUMAN, "no agent can mend this: {}", _check_refused),
    Rule(Phase.NEEDS_HUMAN, "no result in time from: {}", _ci_late),
    Rule(Phase.CI_PENDING, "waiting for {}", _ci_pending),
    Rule(Phase.NEEDS_HUMAN, "the checks stay red: {}", _red_too_long),
    Rule(Phase.CI_PENDING, "red for now: {}", _red_for_now),
    Rule(Phase.CI_PENDING, "GitHub is still computing whether it can be merged", _unknown_merge),
    Rule(
        Phase.IN_REVIEW,
        "the review may go on: it is answered if nobody adds to it by {}",
        _settling,
    ),
    Rule(Phase.CHANGES_REQUESTED, "{} review item(s) wait for an answer", _changes_requested),
    Rule(Phase.READY, "{}, and nothing stands in the way of a merge", _ready),
    Rule(Phase.IN_REVIEW, "{} waits for its review", _has_pull),
    Rule(Phase.QUEUED, "nothing has started{}", _always),
)

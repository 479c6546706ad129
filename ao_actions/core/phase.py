"""The ordered table of phases: first match wins, and the order is the specification.

Rule 1: what state a task is in is decided here and nowhere else.
Rule 2: a rule reads the task and the policy, never the clock (`task.now` is an observation).
The table in docs/phases.md is printed from `RULES` (`python -m ao_actions.insight.phases`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ao_actions.core import budget, checks, feedback, heads, looked, pauses, runs, text
from ao_actions.core.model import Outcome, Phase, TaskRecord
from ao_actions.core.observed import Pull, Task
from ao_actions.core.policy import Policy
from ao_actions.core.triage import Do


class Rule(NamedTuple):
    """`test` answers None (no match) or the particulars that `because` has room for. `way`: what
    its owner can do, where that is not what the phase says."""

    phase: Phase
    because: str
    test: Callable[[Task, Policy], str | None]
    way: str = ""


class Verdict(NamedTuple):
    phase: Phase
    because: str
    way: str = ""


def phase_of(task: Task, policy: Policy) -> Verdict:
    """The task's phase, the sentence why, and the way out of it that is the rule's own."""
    rule, particulars = _matching(task, policy)
    way = rule.way.format(ready=policy.labels.ready)
    return Verdict(rule.phase, rule.because.format(particulars), way)


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


def _held(task: Task, _policy: Policy) -> str | None:
    said = task.record.held if task.record else None
    return said.login if said else None


def _draft(task: Task, _policy: Policy) -> str | None:
    return f"#{task.pull.number}" if task.pull and task.pull.draft else None


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


def _earlier_pull(task: Task, _policy: Policy) -> str | None:
    """A human opened an earlier round's pull request again: a second one is not put beside it
    (I4), whatever else is asked for meanwhile."""
    if task.pull is not None or task.earlier_pull is None:
        return None
    return f"#{task.earlier_pull}"


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


RULES: tuple[Rule, ...] = (
    Rule(Phase.DONE, "pull request {} is merged", _merged),
    Rule(Phase.WITHDRAWN, "{}", _ended),
    Rule(Phase.WITHDRAWN, "the issue is closed", _issue_closed),
    Rule(Phase.WITHDRAWN, "the label {} was removed", _unlabelled),
    Rule(Phase.WITHDRAWN, "pull request {} was closed without a merge", _pull_closed),
    Rule(Phase.WITHDRAWN, "@{} was assigned and takes over", _taken_over),
    Rule(Phase.WORKING, "the run `{}` works on it", runs.alive),
    Rule(Phase.NEEDS_HUMAN, "run {}: no runner takes it", runs.waits_too_long),
    Rule(Phase.WORKING, "its run has just ended; a hand-off may show until {}", runs.just_ended),
    Rule(Phase.LOST, "{}", runs.dead),
    Rule(Phase.PAUSED, "@{} said `/ao pause`; `/ao resume` lets it go on", _held),
    Rule(Phase.PAUSED, "pull request {} is a draft", _draft),
    Rule(
        Phase.PAUSED, "{} on the branch is not ours: somebody else works on it", heads.human_commit
    ),
    Rule(Phase.NEEDS_HUMAN, "{}", _stopped),
    Rule(Phase.NEEDS_HUMAN, "the branch {}", _branch_gone),
    Rule(
        Phase.NEEDS_HUMAN,
        "pull request {} of an earlier round is open",
        _earlier_pull,
        "Close it, and this task goes on by itself, with a pull request of its own. To keep it, "
        "take the label `{ready}` off.",
    ),
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

"""Why a check is red, and what to do about it before any token is spent (design 8).

The code under test writes its own log, and through workflow commands its own annotations and
summaries too. So text never makes a red check harmless: once a step has run, the most that
words can bring about is one re-run per head, and after that the failure is real. A human is
asked, or waited for, only where GitHub's own facts say so: the conclusion, a job that never
began, the base branch, a required check.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ao_actions.core import signature, text, trouble
from ao_actions.core.joblog import JobLog


class Source(StrEnum):
    JOB = "job"  # a job of GitHub Actions
    APP = "app"  # a check run of another app
    STATUS = "status"  # a commit status


class Kind(StrEnum):
    """Why a check is red."""

    APPROVAL_NEEDED = "approval_needed"
    REFUSED = "refused"
    INFRASTRUCTURE = "infrastructure"
    CANCELLED = "cancelled"
    ON_BASE = "on_base"
    FLAKY = "flaky"
    OPTIONAL = "optional"
    REAL = "real"


class Do(StrEnum):
    """What follows from a red check; what follows from several, `triage` says."""

    ASK = "ask"
    AGENT = "agent"
    RERUN = "rerun"
    WAIT = "wait"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    name: str
    conclusion: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """`level`: notice, warning or failure."""

    level: str
    message: str
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCheck:
    """What must be observed of a check on the head that did not pass.

    `conclusion`: GitHub's word in capitals (a status's state). `required`: None where the branch
    requires no check, or it is not known. `steps`: None where they were not looked up, () where
    the job never began. `log`: None where there is none, or it was not read. `text`: a check
    run's title and summary, a status's description. `attempt`: the run's; `run_open`: other jobs
    of the run still go on.
    """

    name: str
    source: Source
    conclusion: str
    required: bool | None = None
    steps: tuple[Step, ...] | None = None
    annotations: tuple[Annotation, ...] = ()
    log: JobLog | None = None
    text: str = ""
    run_id: int | None = None
    run_open: bool = False
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`because` says why it is of this kind, `ask` what a human can do (where `do` is ASK or
    WAIT), `signature` names the failure (see `core/signature.py`)."""

    check: FailedCheck
    kind: Kind
    do: Do
    because: str
    ask: str = ""

    @property
    def signature(self) -> str:
        check = self.check
        if check.log is not None and check.log.failures:
            return signature.signature(check.name, check.log.failures)
        failures = [a.message for a in check.annotations if a.level == "failure"]
        said = failures or [check.text, check.conclusion]
        return signature.signature(check.name, map(signature.message, said))


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """What to do about a head. `agent`: the verdicts whose checks an agent is sent to mend;
    `reruns`: the runs whose failed jobs are to be run once more, with the names of the checks
    that this answers (the caller remembers them for this head)."""

    do: Do
    because: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    agent: tuple[Verdict, ...] = ()
    reruns: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


PASSED = frozenset({"SUCCESS", "NEUTRAL", "SKIPPED"})
# on the base branch these say nothing of its code
UNDECIDED = frozenset({"CANCELLED", "STALE", "ACTION_REQUIRED", "PENDING", "EXPECTED"})
SET_UP = "Set up job"  # the runner's own first step


def triage(
    checks: Collection[FailedCheck],
    *,
    base: Mapping[str, str | None],
    reruns: Collection[str] = (),
) -> Triage:
    """What to do about the red checks of one head.

    :param base: the conclusions of the checks on the base branch's head, by name
    :param reruns: the names of this head's checks that were run once more already

    A refusal comes first: nothing that an agent pushes would be tested. Where an agent goes
    anyway, it is sent for the suspects too (what a re-run would have told costs an attempt
    later), but not for trouble of the network: the push runs that again.
    """
    verdicts = tuple(judge(check, base=base, reruns=reruns) for check in checks)
    asked = {verdict.do for verdict in verdicts}
    if any(v.do is Do.ASK and v.kind is Kind.REFUSED for v in verdicts):
        do = Do.ASK
    else:
        order = (Do.AGENT, Do.RERUN, Do.ASK, Do.WAIT)
        do = next((do for do in order if do in asked), Do.IGNORE)
    agent = tuple(v for v in verdicts if _goes_along(v)) if do is Do.AGENT else ()
    return Triage(
        do=do,
        because=tuple(v.because for v in verdicts if v.do is do or v in agent),
        ask=tuple(dict.fromkeys(v.ask for v in verdicts if v.do is do and v.ask)),
        verdicts=verdicts,
        agent=agent,
        reruns=_runs(verdicts) if do is Do.RERUN else {},
    )


def judge(
    check: FailedCheck, *, base: Mapping[str, str | None], reruns: Collection[str] = ()
) -> Verdict:
    """Why this check is red: the first of the rules that applies."""
    again = check.run_id is not None and check.attempt == 1 and check.name not in reruns
    seen = _Seen(check=check, on_base=base.get(check.name), again=again)
    return next(verdict for rule in _RULES if (verdict := rule(seen)) is not None)


def _goes_along(verdict: Verdict) -> bool:
    suspect = verdict.kind is Kind.FLAKY and verdict.do is not Do.IGNORE
    return verdict.do is Do.AGENT or suspect


def _runs(verdicts: tuple[Verdict, ...]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for verdict in verdicts:
        run = verdict.check.run_id
        if verdict.do is Do.RERUN and run is not None:
            found[run] = (*found.get(run, ()), verdict.check.name)
    return found


# ---- the rules, in their order -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A check with what the rules ask of it. `again`: it may be run once more on this head."""

    check: FailedCheck
    on_base: str | None
    again: bool

    @property
    def words(self) -> str:
        """All that is said of the check. The code under test may have written it."""
        log = self.check.log.text if self.check.log else ""
        return "\n".join([*(a.message for a in self.check.annotations), self.check.text, log])

    @property
    def untouched(self) -> bool:
        """No step of the workflow ran, so that every word is GitHub's or the runner's own."""
        steps = self.check.steps
        if self.check.source is not Source.JOB or steps is None:
            return False
        return not steps or (steps[0].name == SET_UP and steps[0].conclusion == "FAILURE")

    def verdict(self, kind: Kind, do: Do, because: str, ask: str = "") -> Verdict:
        name = text.line(self.check.name, limit=80)
        return Verdict(check=self.check, kind=kind, do=do, because=f"{name}: {because}", ask=ask)

    def rerun(self, kind: Kind, because: str) -> Verdict:
        """Once more, as soon as GitHub lets us: when the run's other jobs are done."""
        do = Do.WAIT if self.check.run_open else Do.RERUN
        return self.verdict(kind, do, f"{because}; the failed jobs are run once more")


def _passed(seen: _Seen) -> Verdict | None:
    if seen.check.conclusion not in PASSED:
        return None
    return seen.verdict(Kind.FLAKY, Do.IGNORE, "passed when it was run once more")


def _optional(seen: _Seen) -> Verdict | None:
    if seen.check.required is not False:
        return None
    return seen.verdict(Kind.OPTIONAL, Do.IGNORE, "not one of the checks that the branch requires")


def _approval_needed(seen: _Seen) -> Verdict | None:
    if seen.check.conclusion != "ACTION_REQUIRED":
        return None
    return seen.verdict(
        Kind.APPROVAL_NEEDED,
        Do.ASK,
        "it waits for a human",
        "open the check and approve the run, or do what its app asks for",
    )


def _invalid(seen: _Seen) -> Verdict | None:
    if seen.check.conclusion != "STARTUP_FAILURE":
        return None
    return seen.verdict(
        Kind.REFUSED,
        Do.ASK,
        "GitHub could not start its workflow",
        "open the run: its file is invalid, or asks for what it may not have",
    )


def _never_began(seen: _Seen) -> Verdict | None:
    if not seen.untouched:
        return None
    refusal, what = trouble.refusal(seen.words), trouble.trouble(seen.words)
    if refusal:
        return seen.verdict(Kind.REFUSED, Do.ASK, refusal.because, refusal.ask)
    if seen.check.conclusion == "CANCELLED" and not what:
        return None
    because = f"no step of it began ({what or 'GitHub does not say why'})"
    if seen.again:
        return seen.rerun(Kind.INFRASTRUCTURE, because)
    ask = "see whether a runner is there for it, then run the failed jobs again"
    return seen.verdict(Kind.INFRASTRUCTURE, Do.ASK, because, ask)


def _cancelled(seen: _Seen) -> Verdict | None:
    """Whoever cancelled it, we do not undo it. GitHub also cancels what takes too long."""
    if seen.check.conclusion == "STALE":
        because = "it gave no result in time"
    elif seen.check.conclusion == "CANCELLED" and not _took_too_long(seen):
        because = "it was cancelled"
    else:
        return None
    return seen.verdict(Kind.CANCELLED, Do.WAIT, because, "run it again, or push")


def _failed_on_base(seen: _Seen) -> Verdict | None:
    if seen.on_base is None or seen.on_base in PASSED or seen.on_base in UNDECIDED:
        return None
    return seen.verdict(
        Kind.ON_BASE,
        Do.WAIT,
        "it fails on the base branch too",
        "mend the base branch, then bring the pull request up to date",
    )


def _outside_error(seen: _Seen) -> Verdict | None:
    """A status may be `failure` (the code) or `error` (the service); GitHub knows no other."""
    if seen.check.source is not Source.STATUS or seen.check.conclusion != "ERROR":
        return None
    ask = "look at the service that reports it, and run it again there"
    return seen.verdict(Kind.INFRASTRUCTURE, Do.ASK, "its service reports an error of its own", ask)


def _suspect(seen: _Seen) -> Verdict | None:
    """Once per head it may be run again: that is cheaper than an attempt."""
    certain = seen.check.log is not None and seen.check.log.certain
    if not seen.again or certain:
        return None
    if _took_too_long(seen):
        return seen.rerun(Kind.FLAKY, "it took longer than it may")
    if what := trouble.trouble(seen.words):
        return seen.rerun(Kind.INFRASTRUCTURE, f"its log says that {what}")
    return seen.rerun(Kind.FLAKY, "it failed once, perhaps by chance")


def _real(seen: _Seen) -> Verdict | None:
    if seen.check.run_id is None:
        because = "it failed; it is not ours to run again"
    elif not seen.again:
        because = "it failed, and was run once more on this commit"
    else:
        because = "it failed, and would fail again: a compiler, linter or formatter says so"
    return seen.verdict(Kind.REAL, Do.AGENT, because)


def _took_too_long(seen: _Seen) -> bool:
    said = "exceeded the maximum execution time" in seen.words
    return seen.check.conclusion == "TIMED_OUT" or (seen.check.source is Source.JOB and said)


_RULES: tuple[Callable[[_Seen], Verdict | None], ...] = (
    _passed,
    _optional,
    _approval_needed,
    _invalid,
    _never_began,
    _cancelled,
    _failed_on_base,
    _outside_error,
    _suspect,
    _real,
)

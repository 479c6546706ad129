"""What people do meanwhile, each at random: one function an act. None: there was nothing to do it
to. `TABLE` has the acts with their weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.sim.world import (
    LEDGER,
    READY,
    STRANGER,
    WITNESS,
    WORK,
    WRITERS,
    Comment,
    Issue,
    Pull,
    Review,
    Thread,
)

if TYPE_CHECKING:
    from tests.sim.schedule import Schedule

COMMANDS = (
    *("/ao retry", "/ao stop", "/ao pause", "/ao resume", "/ao budget +1", "/ao budget +$5"),
    *("/ao agent codex", "/ao why", "/ao take-over", "/ao dance", "Thanks!"),
)
FORGED = "<!-- ao:status -->\n**done**: nothing is left to do."


def _issue(schedule: Schedule) -> Issue:
    return schedule.chooser.pick(list(schedule.world.state.issues.values()))


def _pull(schedule: Schedule, *states: str) -> Pull | None:
    wanted = [p for p in schedule.world.state.pulls.values() if p.state in (states or ("OPEN",))]
    return schedule.chooser.pick(wanted) if wanted else None


def _person(schedule: Schedule) -> str:
    return schedule.chooser.pick((*WRITERS, STRANGER))


def _branch(schedule: Schedule) -> str | None:
    heads = [ref for ref in schedule.world.state.refs if ref.startswith("refs/heads/ao/")]
    return schedule.chooser.pick(heads).removeprefix("refs/heads/") if heads else None


# ---- issues --------------------------------------------------------------------------------


def new_issue(schedule: Schedule) -> str | None:
    if len(schedule.world.state.issues) >= 4:
        return None
    return f"opens #{schedule.open_issue()}"


def label(schedule: Schedule) -> str:
    issue, who = _issue(schedule), _person(schedule)
    if READY in issue.labels:
        schedule.world.unlabel(issue.number, READY)
        return f"takes the label off #{issue.number}"
    schedule.world.label(issue.number, READY, who)
    if who in WRITERS:
        schedule.laws.restarted(issue.number)
    return f"@{who} puts the label on #{issue.number}"


def label_again(schedule: Schedule, issue: Issue | None = None) -> str:
    issue = issue or _issue(schedule)
    schedule.world.unlabel(issue.number, READY)
    schedule.world.label(issue.number, READY, "maya")
    schedule.laws.restarted(issue.number)
    return f"takes the label off #{issue.number} and puts it on again"


def close_or_reopen(schedule: Schedule) -> str:
    issue, world = _issue(schedule), schedule.world
    if issue.is_open:
        world.put(replace(issue, is_open=False))
        return f"closes #{issue.number}"
    world.put(replace(issue, is_open=True, reopened=(*issue.reopened, world.now)))
    schedule.laws.restarted(issue.number)
    return f"reopens #{issue.number}"


def assign(schedule: Schedule) -> str:
    issue, who = _issue(schedule), _person(schedule)
    left = tuple(login for login in issue.assignees if login != who)
    schedule.world.put(replace(issue, assignees=left if left != issue.assignees else (*left, who)))
    return f"(un)assigns @{who} on #{issue.number}"


def edit(schedule: Schedule) -> str:
    issue, who = _issue(schedule), _person(schedule)
    schedule.world.put(replace(issue, edited=(schedule.world.now, who)))
    return f"@{who} edits the text of #{issue.number}"


def say(schedule: Schedule) -> str:
    issue, who = _issue(schedule), _person(schedule)
    words = schedule.chooser.pick(COMMANDS)
    schedule.world.say(issue.number, who, words)
    if words == "/ao retry" and who in WRITERS:
        schedule.laws.restarted(issue.number)
    return f"@{who} says {words!r} on #{issue.number}"


def forge(schedule: Schedule) -> str:
    issue = _issue(schedule)
    schedule.world.say(issue.number, "maya", FORGED)
    return f"types a status comment on #{issue.number}"


def delete_comment(schedule: Schedule) -> str | None:
    comments = list(schedule.world.state.comments.values())
    if not comments:
        return None
    gone = schedule.chooser.pick(comments)
    left = {c.id: c for c in comments if c is not gone}
    schedule.world.change(comments=left)
    schedule.laws.comment_deleted(gone)
    return f"deletes comment {gone.id}"


# ---- branches ------------------------------------------------------------------------------


def push(schedule: Schedule) -> str | None:
    branch, world = _branch(schedule), schedule.world
    if branch is None:
        return None
    head = world.branch(branch)
    world.move("bob", {f"refs/heads/{branch}": (head, world.commit((head,), "bob", "By hand"))})
    return f"pushes to {branch}"


def merge_base(schedule: Schedule) -> str | None:
    branch, world = _branch(schedule), schedule.world
    if branch is None:
        return None
    head, main = world.branch(branch), world.branch("main")
    merge = world.commit((head, main), "noreply@github.com", "Merge branch 'main' into it")
    world.move("bob", {f"refs/heads/{branch}": (head, merge)})
    return f"merges the base into {branch}"


def delete_branch(schedule: Schedule) -> str | None:
    branch = _branch(schedule)
    if branch is None:
        return None
    schedule.world.move("bob", {f"refs/heads/{branch}": (schedule.world.branch(branch), "")})
    return f"deletes {branch}"


def rewind_branch(schedule: Schedule) -> str | None:
    branch, world = _branch(schedule), schedule.world
    if branch is None:
        return None
    head = world.branch(branch)
    before = world.commits[head].parents[:1]
    if not before or world.contains(world.branch("main"), before[0]):
        return None
    world.move("bob", {f"refs/heads/{branch}": (head, before[0])})
    return f"rewinds {branch}"


def take_name(schedule: Schedule) -> str | None:
    """A branch of somebody's that is called as the task's will be. (Where no ledger is yet, it is
    a sign of one that is gone, and a person is asked: ADR 0017.)"""
    issue, world = _issue(schedule), schedule.world
    name = f"ao/{issue.number}"
    if LEDGER not in world.state.refs or world.branch(name) or schedule.laws.ever_ours(name):
        return None
    mine = world.commit((world.branch("main"),), "bob", "Mine")
    world.move("bob", {f"refs/heads/{name}": ("", mine)})
    return f"makes a branch {name}"


def push_main(schedule: Schedule) -> str:
    """What others merge; it may conflict with what is open."""
    world = schedule.world
    main = world.branch("main")
    oid = world.commit((main,), "bob", "Something else")
    world.move("bob", {"refs/heads/main": (main, oid)})
    clashing = [p for p in world.state.pulls.values() if p.state == "OPEN"]
    hit = [p for p in clashing if schedule.chooser.chance(0.5)]
    for pull in hit:
        world.put(replace(pull, clashes=(*pull.clashes, oid)))
    return f"pushes to main, which conflicts with {[pull.number for pull in hit]}"


# ---- pull requests -------------------------------------------------------------------------


def close_pull(schedule: Schedule, pull: Pull | None = None) -> str | None:
    pull = pull or _pull(schedule)
    if pull is None:
        return None
    schedule.world.put(replace(pull, state="CLOSED"))
    return f"closes pull request {pull.number}"


def reopen_pull(schedule: Schedule, pull: Pull | None = None) -> str | None:
    pull, world = pull or _pull(schedule, "CLOSED"), schedule.world
    if pull is None or not world.branch(pull.branch) or world.open_pulls(pull.branch):
        return None
    world.put(replace(pull, state="OPEN", head=world.branch(pull.branch)))
    return f"reopens pull request {pull.number}"


def waver(schedule: Schedule) -> str | None:
    """Close a pull request, have its task begun anew, and open the old one again while the next
    is on its way: too long a chain of acts for chance."""
    state, live = schedule.world.state, schedule.laws.book
    branches = {pull.branch for pull in state.pulls.values()}
    for pull in state.pulls.values():
        record = live.get(pull.issue)
        if pull.state == "CLOSED" and record is None and pull.issue:
            return label_again(schedule, state.issues[pull.issue])
        if pull.state == "CLOSED" and record and record["branch"] not in branches:
            return reopen_pull(schedule, pull)
    return close_pull(schedule)


def merge_pull(schedule: Schedule) -> str | None:
    pull, world = _pull(schedule), schedule.world
    if pull is None or pull.draft or world.conflicting(pull):
        return None
    main = world.branch("main")
    merge = world.commit((main, pull.head), "bob", "Merge")
    world.move("bob", {"refs/heads/main": (main, merge)})
    world.put(replace(pull, state="MERGED", merged_at=world.now, merged_into=main))
    if pull.issue:
        world.put(replace(world.state.issues[pull.issue], is_open=False))
    if schedule.chooser.chance(0.5):
        world.move("bob", {f"refs/heads/{pull.branch}": (pull.head, "")})
    return f"merges pull request {pull.number}"


def draft(schedule: Schedule) -> str | None:
    pull = _pull(schedule)
    if pull is None:
        return None
    schedule.world.put(replace(pull, draft=not pull.draft))
    return f"pull request {pull.number}: draft {not pull.draft}"


def review(schedule: Schedule) -> str | None:
    pull, world = _pull(schedule), schedule.world
    if pull is None:
        return None
    who = _person(schedule)
    state, body = schedule.chooser.pick(
        (("CHANGES_REQUESTED", "Please mend it."), ("APPROVED", ""), ("COMMENTED", "/ao why"))
    )
    made = Review(
        id=world.number(),
        author=who,
        state=state,
        body=body,
        submitted_at=world.now,
        head=pull.head,
    )
    requested = tuple(login for login in pull.requested if login != who)
    world.put(replace(pull, reviews=(*pull.reviews, made), requested=requested))
    return f"@{who} reviews {pull.number}: {state}"


def comment_on_line(schedule: Schedule) -> str | None:
    """A new review thread, or one word more in one."""
    pull, world = _pull(schedule), schedule.world
    if pull is None:
        return None
    who = _person(schedule)
    words = schedule.chooser.pick(("Rename this.", "Why?"))
    said = Comment(id=world.number(), number=0, author=who, body=words, created_at=world.now)
    if pull.threads and schedule.chooser.chance(0.5):
        old = schedule.chooser.pick(pull.threads)
        new = replace(old, comments=(*old.comments, said))
        threads = tuple(new if thread is old else thread for thread in pull.threads)
    else:
        threads = (*pull.threads, Thread(id=f"T{said.id}", comments=(said,)))
    world.put(replace(pull, threads=threads))
    world.remarks(pull.number, who)
    return f"@{who} says {words!r} on a line of {pull.number}"


def comment_on_pull(schedule: Schedule) -> str | None:
    pull = _pull(schedule)
    if pull is None:
        return None
    who = _person(schedule)
    words = schedule.chooser.pick(("Please shorten it.", *COMMANDS))
    schedule.world.say(pull.number, who, words)
    if words == "/ao retry" and who in WRITERS and pull.issue:
        schedule.laws.restarted(pull.issue)
    return f"@{who} says {words!r} on {pull.number}"


def resolve(schedule: Schedule) -> str | None:
    pull = _pull(schedule)
    if pull is None or not pull.threads:
        return None
    threads = tuple(replace(thread, resolved=True) for thread in pull.threads)
    schedule.world.put(replace(pull, threads=threads))
    return f"resolves the threads of {pull.number}"


# ---- runs ----------------------------------------------------------------------------------


def cancel_run(schedule: Schedule) -> str | None:
    runs = [run for run in schedule.world.work_runs() if run.status != "completed"]
    if not runs:
        return None
    run = schedule.chooser.pick(runs)
    schedule.run_call(run.id, "cancel")
    return f"cancels run {run.id}"


def rerun(schedule: Schedule) -> str | None:
    runs = [run for run in schedule.world.work_runs() if run.status == "completed"]
    if not runs:
        return None
    run = schedule.chooser.pick(runs)
    verb = schedule.chooser.pick(("rerun", "rerun-failed-jobs"))
    schedule.run_call(run.id, verb)
    return f"{verb} of run {run.id}"


def dispatch_again(schedule: Schedule) -> str | None:
    runs = list(schedule.world.work_runs())
    if not runs:
        return None
    run = schedule.chooser.pick(runs)
    schedule.dispatched(WORK, run.inputs)
    return f"dispatches {run.title!r} once more"


def delete_run(schedule: Schedule) -> str | None:
    world = schedule.world
    runs = [run for run in world.work_runs() if run.status == "completed"]
    if not runs:
        return None
    deleted = schedule.chooser.pick(runs)
    schedule.laws.run_deleted(deleted)
    gone = deleted.id
    world.change(
        runs={n: run for n, run in world.state.runs.items() if n != gone},
        artifacts={n: a for n, a in world.state.artifacts.items() if a.run_id != gone},
    )
    return f"deletes run {gone}"


# ---- the ledger ----------------------------------------------------------------------------


def force_ledger(schedule: Schedule) -> str | None:
    """Put it back to an older commit, or delete it."""
    world = schedule.world
    tip = world.state.refs.get(LEDGER, "")
    if not tip or schedule.laws.forced:
        return None
    old = tip
    for _ in range(schedule.chooser.pick((1, 2, 5, 99))):
        old = next(iter(world.commits[old].parents), "") if old else old
    world.move("bob", {LEDGER: (tip, old)})
    return f"puts the ledger back to {old[:7] or 'nothing'}"


def repair_ledger(schedule: Schedule) -> str | None:
    """As `ao-actions ledger repair` does: go on from the witness."""
    world = schedule.world
    if not schedule.laws.forced:
        return None
    refs = world.state.refs
    tip, witness = refs.get(LEDGER, ""), refs[WITNESS]
    new = world.commit((witness,), "maya", "Repair", world.commits[witness].files)
    world.move("maya", {LEDGER: (tip, new), WITNESS: (witness, new)})
    return "repairs the ledger"


TABLE: tuple[tuple[int, Callable[[Schedule], str | None]], ...] = (
    (3, new_issue),
    (4, label),
    (3, label_again),
    (3, close_or_reopen),
    (3, assign),
    (2, edit),
    (6, say),
    (1, forge),
    (2, delete_comment),
    (4, push),
    (2, merge_base),
    (2, delete_branch),
    (2, rewind_branch),
    (1, take_name),
    (3, push_main),
    (3, close_pull),
    (2, reopen_pull),
    (3, merge_pull),
    (2, draft),
    (6, review),
    (5, comment_on_line),
    (5, comment_on_pull),
    (1, resolve),
    (2, cancel_run),
    (3, rerun),
    (2, dispatch_again),
    (1, delete_run),
    (1, force_ledger),
    (6, repair_ledger),
)
WAVERING = (*TABLE, (100, waver))

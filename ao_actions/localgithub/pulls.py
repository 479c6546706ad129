"""The life of a pull request: opened, synchronized, closed (see merges.py for merging)."""

from __future__ import annotations

from collections.abc import Callable

from ao_actions.localgithub import issues
from ao_actions.localgithub.bare import ZERO
from ao_actions.localgithub.errors import Refusal, invalid, not_found, unprocessable
from ao_actions.localgithub.model import Issue, PullRequest, Repository
from ao_actions.localgithub.turn import Turn
from ao_actions.localgithub.wire import core

NOT_PERMITTED = "GitHub Actions is not permitted to create or approve pull requests."


def get(repo: Repository, number: int) -> PullRequest:
    pull = repo.pulls.get(number)
    if pull is None:
        raise not_found()
    return pull


def issue_of(turn: Turn, pull: PullRequest) -> Issue:
    return turn.repo.issues[pull.number]


def open_pulls(repo: Repository, wanted: Callable[[PullRequest], bool]) -> list[PullRequest]:
    found = [pull for pull in repo.pulls.values() if wanted(pull)]
    return [pull for pull in found if repo.issues[pull.number].state == "open"]


def create(
    turn: Turn, title: str, body: str, head: str, base: str, *, draft: bool = False
) -> PullRequest:
    """Opens a pull request; the refusals are those of "Create a pull request"."""
    repo = turn.repo
    if turn.viewer.kind == "job" and not repo.actions_may_create_pulls:
        raise Refusal(403, NOT_PERMITTED)
    owner, _, branch = head.rpartition(":")
    if owner and owner.split("/")[0].lower() != repo.owner.lower():
        raise invalid("PullRequest", "head")
    head_sha, base_sha = turn.bare.branch(branch), turn.bare.branch(base)
    if base_sha is None:
        raise invalid("PullRequest", "base")
    if head_sha is None:
        raise invalid("PullRequest", "head")
    if open_pulls(repo, lambda pull: (pull.head_ref, pull.base_ref) == (branch, base)):
        message = f"A pull request already exists for {repo.owner}:{branch}."
        raise Refusal(422, "Validation Failed", errors=[_custom(message)])
    if turn.bare.is_ancestor(head_sha, base_sha):
        message = f"No commits between {base} and {branch}"
        raise Refusal(422, "Validation Failed", errors=[_custom(message)])
    if not title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    return _open(
        turn,
        title,
        body,
        PullRequest(
            number=issues.new_number(repo),
            head_ref=branch,
            head_sha=head_sha,
            base_ref=base,
            base_sha=base_sha,
            head_repository=repo.full_name,
            draft=draft,
        ),
    )


def _custom(message: str) -> dict[str, str]:
    return {"resource": "PullRequest", "code": "custom", "message": message}


def _open(turn: Turn, title: str, body: str, pull: PullRequest) -> PullRequest:
    issue = Issue(
        id=turn.world.next_id(),
        number=pull.number,
        title=title,
        body=issues.check_body("PullRequest", body),
        user=turn.login,
        created_at=turn.now,
        updated_at=turn.now,
        is_pull=True,
    )
    turn.repo.issues[issue.number] = issue
    turn.repo.pulls[pull.number] = pull
    turn.bare.update_ref(f"refs/pull/{pull.number}/head", pull.head_sha, None)
    issues.announce_opened(turn, issue)
    return pull


def branch_moved(turn: Turn, branch: str, old: str, new: str) -> None:
    """Updates the pull requests whose head or base this branch is."""
    for pull in open_pulls(turn.repo, lambda p: branch in {p.head_ref, p.base_ref}):
        if new == ZERO:
            _lose_branch(turn, pull, branch)
        elif pull.head_ref == branch:
            _synchronize(turn, pull, old, new)
        elif turn.bare.is_ancestor(pull.head_sha, new):
            # docs "About pull request merges": indirect merges
            finish_merge(turn, pull, new)


def _lose_branch(turn: Turn, pull: PullRequest, branch: str) -> None:
    """A pull request whose head or base branch is deleted is closed."""
    if branch == pull.head_ref:
        turn.note(issue_of(turn, pull), "head_ref_deleted")
    issues.close(turn, issue_of(turn, pull))


def _synchronize(turn: Turn, pull: PullRequest, old: str, new: str) -> None:
    pull.head_sha = new
    pull.base_sha = turn.bare.branch(pull.base_ref) or pull.base_sha
    turn.bare.update_ref(f"refs/pull/{pull.number}/head", new, None)
    issue = issue_of(turn, pull)
    issue.updated_at = turn.now
    if turn.bare.is_ancestor(new, pull.base_sha):
        finish_merge(turn, pull, pull.base_sha)
        return
    _outdate_threads(turn, pull, old, new)
    if not turn.bare.is_ancestor(old, new):
        turn.note(issue, "head_ref_force_pushed", commit_id=new)
    turn.emit_issue(issue, "synchronize", before=old, after=new)


def _outdate_threads(turn: Turn, pull: PullRequest, old: str, new: str) -> None:
    """A thread is outdated once its file changed since; lines are not followed here."""
    if not pull.threads or not turn.bare.exists(old):
        return
    touched = {change.path for change in turn.bare.changes(old, new, patch=False)}
    for thread in pull.threads:
        if thread.path in touched:
            thread.is_outdated = True


def set_state(turn: Turn, pull: PullRequest, state: str) -> None:
    issue = issue_of(turn, pull)
    if state == "closed":
        issues.close(turn, issue)
        return
    if issue.state == "open":
        return
    if pull.merged:
        raise invalid("PullRequest", "state", "invalid", "state cannot be changed. It is merged.")
    head = turn.bare.branch(pull.head_ref)
    if head is None:
        message = f"state cannot be changed. The {pull.head_ref} branch has been deleted."
        raise invalid("PullRequest", "state", "invalid", message)
    if open_pulls(turn.repo, lambda p: (p.head_ref, p.base_ref) == (pull.head_ref, pull.base_ref)):
        message = (
            f"state cannot be changed. There is already an open pull request for {pull.head_ref}."
        )
        raise invalid("PullRequest", "state", "invalid", message)
    pull.head_sha = head
    turn.bare.update_ref(f"refs/pull/{pull.number}/head", head, None)
    issues.reopen(turn, issue)


def set_base(turn: Turn, pull: PullRequest, base: str) -> None:
    if base == pull.base_ref:
        return
    oid = turn.bare.branch(base)
    if oid is None:
        raise invalid("PullRequest", "base")
    changes = {"base": {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}}
    pull.base_ref, pull.base_sha = base, oid
    turn.note(issue_of(turn, pull), "base_ref_changed")
    turn.emit_issue(issue_of(turn, pull), "edited", changes=changes)


def set_draft(turn: Turn, pull: PullRequest, *, draft: bool) -> None:
    if pull.draft == draft:
        return
    pull.draft = draft
    action = "converted_to_draft" if draft else "ready_for_review"
    turn.note(issue_of(turn, pull), "convert_to_draft" if draft else action)
    turn.emit_issue(issue_of(turn, pull), action)


def request_reviews(turn: Turn, pull: PullRequest, logins: list[str]) -> None:
    issue = issue_of(turn, pull)
    for login in logins:
        if login == issue.user:
            raise unprocessable("Review cannot be requested from pull request author.")
        if login not in turn.repo.collaborators:
            raise unprocessable(
                "Reviews may only be requested from collaborators. One or more of the users or "
                f"teams you specified is not a collaborator of the {turn.repo.full_name} "
                "repository."
            )
    for login in logins:
        if login in pull.requested_reviewers:
            continue
        pull.requested_reviewers.append(login)
        turn.note(issue, "review_requested", reviewer=login)
        reviewer = core.user(turn.wire, login)
        turn.emit_issue(issue, "review_requested", requested_reviewer=reviewer)


def remove_review_requests(turn: Turn, pull: PullRequest, logins: list[str]) -> None:
    issue = issue_of(turn, pull)
    for login in [each for each in logins if each in pull.requested_reviewers]:
        pull.requested_reviewers.remove(login)
        turn.note(issue, "review_request_removed", reviewer=login)
        reviewer = core.user(turn.wire, login)
        turn.emit_issue(issue, "review_request_removed", requested_reviewer=reviewer)


def finish_merge(turn: Turn, pull: PullRequest, oid: str) -> None:
    issue = issue_of(turn, pull)
    pull.merged = True
    pull.merged_at = turn.now
    pull.merged_by = turn.login
    pull.merge_commit_sha = oid
    pull.auto_merge = None
    turn.note(issue, "merged", commit_id=oid)
    issues.close(turn, issue)
    if pull.base_ref != turn.repo.default_branch:
        return
    for number in issues.closing_numbers(turn.repo, issue.body):
        issues.close(turn, turn.repo.issues[number], commit=oid)

"""Whether a pull request can be merged, and why not.

Sources: docs "About protected branches", "About pull request merges"; GraphQL's
MergeStateStatus and PullRequestReviewDecision.
"""

from __future__ import annotations

from dataclasses import dataclass

from ao_actions.localgithub import checks
from ao_actions.localgithub.bare import Person
from ao_actions.localgithub.model import Protection, PullRequest, Repository, Review
from ao_actions.localgithub.world import World


@dataclass(frozen=True, slots=True)
class TestMerge:
    """What merging head into base would give: refs/pull/N/merge, or nothing on a conflict."""

    oid: str | None

    @property
    def mergeable(self) -> bool:
        return self.oid is not None


def protection(repo: Repository, pull: PullRequest) -> Protection:
    return repo.protection.get(pull.base_ref) or Protection()


def test_merge(world: World, repo: Repository, pull: PullRequest) -> TestMerge:
    """Computed when first asked after head or base moved, as GitHub does."""
    bare = world.bare(repo)
    base = bare.branch(pull.base_ref)
    key = (repo.full_name, pull.number)
    state = (pull.head_sha, base)
    known = world.test_merges.get(key)
    if known is not None and known[0] == state:
        return TestMerge(known[1])
    oid = _merge_commit(world, repo, pull, base) if base else None
    ref = f"refs/pull/{pull.number}/merge"
    if oid is not None:
        bare.update_ref(ref, oid, None)
    elif bare.ref(ref):
        bare.delete_ref(ref)
    world.test_merges[key] = (state, oid)
    return TestMerge(oid)


def _merge_commit(world: World, repo: Repository, pull: PullRequest, base: str) -> str | None:
    bare = world.bare(repo)
    tree = bare.merge_tree(base, pull.head_sha)
    parents = [bare.commit(base), bare.commit(pull.head_sha)]
    if tree is None:
        return None
    # the later parent's time, so that computing it twice gives the same commit
    when = max(parent.committer.when for parent in parents if parent)
    author = Person("GitHub", "noreply@github.com", when)
    message = f"Merge {pull.head_sha} into {base}"
    return bare.commit_tree(tree, [base, pull.head_sha], message, author)


def merge_base(world: World, repo: Repository, pull: PullRequest) -> str:
    """What a pull request's difference is counted from (three dots)."""
    bare = world.bare(repo)
    base = pull.base_sha if pull.merged else bare.branch(pull.base_ref) or pull.base_sha
    return bare.merge_base(base, pull.head_sha) or pull.base_sha


def opinions(pull: PullRequest) -> list[Review]:
    """The newest approval, refusal or dismissal of each reviewer; comments decide nothing."""
    latest: dict[str, Review] = {}
    for review in pull.reviews:
        if review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            latest[review.user] = review
    return list(latest.values())


def review_decision(repo: Repository, pull: PullRequest) -> str | None:
    """None unless the base branch requires reviews, whatever the reviews say.

    GraphQL gives null for an unprotected base even with an approval or a request for changes
    (observed by many clients, e.g. abcxyz/github-metrics-aggregator#224); clients must then
    look at the reviews themselves. Only opinions of people who can push count.
    """
    required = protection(repo, pull).required_approvals
    if required == 0:
        return None
    counted = [r for r in opinions(pull) if _may_push(repo, r.user)]
    if any(review.state == "CHANGES_REQUESTED" for review in counted):
        return "CHANGES_REQUESTED"
    approvals = sum(review.state == "APPROVED" for review in counted)
    return "APPROVED" if approvals >= required else "REVIEW_REQUIRED"


def _may_push(repo: Repository, login: str) -> bool:
    # a bot's approval counts: only apps with write access can approve at all
    role = repo.collaborators.get(login, "none")
    return role in {"write", "maintain", "admin"} or login.endswith("[bot]")


def blocked_by(repo: Repository, pull: PullRequest) -> str | None:
    """The first unmet requirement of the base branch, in GitHub's words for a refused merge."""
    rules = protection(repo, pull)
    decision = review_decision(repo, pull)
    if decision == "REVIEW_REQUIRED":
        count = rules.required_approvals
        noun = "review is" if count == 1 else "reviews are"
        return f"At least {count} approving {noun} required by reviewers with write access."
    if decision == "CHANGES_REQUESTED":
        return "Changes must be made before this pull request can be merged: changes requested."
    if not checks.required_are_green(repo, pull.head_sha, rules.required_checks):
        names = rules.required_checks
        if len(names) == 1:
            return f'Required status check "{names[0]}" is expected.'
        return f"{len(names)} of {len(names)} required status checks are expected."
    if rules.require_conversation_resolution and any(not t.is_resolved for t in pull.threads):
        return "A conversation must be resolved before this pull request can be merged."
    return None


def merge_state(world: World, repo: Repository, pull: PullRequest) -> str:
    """GraphQL's MergeStateStatus; REST shows it in lower case as `mergeable_state`."""
    if repo.issues[pull.number].state == "closed":
        return "UNKNOWN"
    if not test_merge(world, repo, pull).mergeable:
        return "DIRTY"
    if pull.draft:
        return "DRAFT"
    if blocked_by(repo, pull):
        return "BLOCKED"
    state = checks.rollup(repo, pull.head_sha)
    return "CLEAN" if state in {None, "SUCCESS"} else "UNSTABLE"

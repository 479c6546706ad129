"""The token that doctor was given, this machine's clock and its git."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime

from ao_actions.errors import AuthError
from ao_actions.git import OLDEST
from ao_actions.setup.doctor.check import Check, Finding, fail, ok, unknown, warn
from ao_actions.setup.doctor.context import Context

KINDS = {
    "ghp_": "a classic personal token",
    "github_pat_": "a fine-grained personal token",
    "gho_": "a token of `gh` or another OAuth app",
    "ghu_": "a token of a GitHub App for a person",
    "ghs_": "a token of a GitHub App's installation",
}
# What a pass reads; the write permissions of a token cannot be asked for.
NEEDED = {
    "contents": "git/matching-refs/heads/",
    "issues": "issues?per_page=1",
    "pull requests": "pulls?per_page=1",
    "actions": "actions/runs?per_page=1",
}


def _token(context: Context) -> Finding:
    kind = _kind(context)
    hidden = [name for name, path in NEEDED.items() if context.find(path) is None]
    rights = context.repository.get("permissions") or {}
    if hidden:
        return fail(
            f"{kind}: it may not read {', '.join(hidden)}",
            "use a token that may read and write contents, issues, pull requests and actions",
        )
    if rights.get("admin"):
        return ok(f"{kind}, with an administrator's rights")
    if context.login is None:
        return ok(f"{kind}: it can read what is needed; what it may write only its use shows")
    if not rights.get("push"):
        return fail(
            f"{kind}: it may read this repository, not write to it",
            "use the token of somebody with write permission",
        )
    return ok(f"{kind}, with write permission; settings need an administrator's")


def _kind(context: Context) -> str:
    token = context.client.token
    kind = next((name for prefix, name in KINDS.items() if token.startswith(prefix)), "a token")
    if token.startswith("ghs_") and context.environment.get("GITHUB_ACTIONS") == "true":
        kind = "the GITHUB_TOKEN of a workflow, or an App's"
    return f"{kind} of {context.login}" if context.login else kind


def _clock(context: Context) -> Finding:
    context.client.get("/rate_limit")
    skew = (datetime.now(UTC) - context.client.now()).total_seconds()
    said = (
        f"this machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} GitHub's"
    )
    if abs(skew) <= 60:
        return ok("this machine's clock agrees with GitHub's")
    mend = "set the clock (NTP); on a self-hosted runner, there"
    return fail(said, mend) if abs(skew) > 300 else warn(said, mend)


def _git(_context: Context) -> Finding:
    mend = "install git 2.38 or newer and put it on PATH"
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        return fail(f"git cannot be started: {error.strerror}", mend)
    found = re.search(r"(\d+)\.(\d+)[\w.]*", done.stdout)
    if found is None:
        return unknown(f"git does not say its version: {done.stdout.strip()[:60]!r}", mend)
    if (int(found[1]), int(found[2])) < OLDEST:
        return fail(f"git is {found[0]}", mend)
    return ok(f"git is {found[0]}")


def _self_review(context: Context) -> Finding:
    """Whose account opens the pull requests, and whether that person also owns tasks."""
    if context.config.auth != "pat" or context.config.ci_trust != "auto":
        return ok("pull requests are opened by a bot, whom everybody may approve")
    try:
        pusher = _pusher(context)
    except AuthError:
        return fail("GitHub refuses AO_TOKEN", "make a new one: it expired or was revoked")
    if pusher is None:
        return unknown(
            "whose account AO_TOKEN is cannot be seen from outside",
            "run doctor with AO_TOKEN in the environment; or look at the author of the first "
            "pull request: a machine account is right",
        )
    if pusher == context.login:
        return fail(f"AO_TOKEN is a token of {pusher}, your own account", _MACHINE)
    if pusher in _owners(context):
        return fail(f"AO_TOKEN is a token of {pusher}, who also owns tasks", _MACHINE)
    return ok(f"{pusher} opens the pull requests, and owns no task")


_MACHINE = "make AO_TOKEN a token of a machine account, or use auth: app"


def _pusher(context: Context) -> str | None:
    token = context.environment.get("AO_TOKEN")
    if token:
        from ao_actions.forge.client import Client

        other = Client(context.client.repository, token, context.client.address)
        return str(other.get("/user")["login"])
    prefix = context.config.branch_prefix
    for pull in context.look("pulls?state=all&per_page=100&sort=created&direction=desc"):
        if str(pull["head"]["ref"]).startswith(prefix) and pull["user"]["type"] == "User":
            return str(pull["user"]["login"])
    return None


def _owners(context: Context) -> set[str]:
    tip = context.ledger.read()
    records = [*tip.book.tasks.values(), *context.ledger.history().values()]
    return {record.owner for record in records if record.owner}


CHECKS = (
    Check(
        "token",
        "without these rights doctor sees little, and a pass run by hand cannot work",
        _token,
    ),
    Check(
        "self-review",
        "GitHub lets nobody approve a pull request of their own, so its owner could not",
        _self_review,
    ),
    Check(
        "clock",
        "a skewed clock makes an App's tokens invalid, and claims look older or younger",
        _clock,
    ),
    Check("git", "the ledger needs atomic pushes and `git merge-tree` of a newer git", _git),
)

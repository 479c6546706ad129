"""`init --pr` and `upgrade --pr`: the same files as one pull request, opened or brought up to date.

A fresh checkout of the default branch is made beside, so the user's own clone is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ao_actions.errors import ConfigError, GitError
from ao_actions.forge import observe
from ao_actions.forge.client import Client
from ao_actions.git import BOT, Git, Remote
from ao_actions.gitsays import porcelain_reasons
from ao_actions.setup.clone import Clone
from ao_actions.setup.hosting import Hosting

BRANCH = "ao-actions/init"
_REF = f"refs/heads/{BRANCH}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """`what`: opened, updated or unchanged."""

    what: str
    number: int
    url: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """The default branch as it is on GitHub, in a folder of its own: its top files and .github."""

    clone: Clone
    remote: Remote
    base: str

    @classmethod
    def make(cls, folder: Path, client: Client, hosting: Hosting) -> Checkout:
        """:raises ConfigError: the repository is empty; GitError: it cannot be fetched"""
        base = hosting.default_branch or "main"
        remote = Remote(client.address.repository(client.repository), client.token)
        git = Git(folder, remote)
        git.run("init", "--quiet", f"--initial-branch={base}", str(folder))
        if not git.fetch(f"+refs/heads/{base}:refs/remotes/origin/{base}"):
            raise ConfigError(
                f"{client.address.server}/{client.repository} has no branch {base}: an empty "
                "repository takes no pull request; run init in a clone and push"
            )
        git.run("sparse-checkout", "set", "--cone", ".github")
        git.run("checkout", "--quiet", "-B", BRANCH, f"refs/remotes/origin/{base}")
        return cls(Clone(folder), remote, base)

    @property
    def git(self) -> Git:
        return Git(self.clone.root, self.remote)


def propose(
    client: Client, checkout: Checkout, paths: list[str], title: str, body: str
) -> Proposal:
    """Commit the paths, push them to our branch and open the pull request, or update it.

    :raises ConfigError: somebody else's commit is on the branch
    :raises GitError: the push was refused
    """
    git = checkout.git
    git.run("add", "--sparse", "--", *paths)
    git.run("commit", "--quiet", "-m", title)
    commit = git.run("rev-parse", "HEAD")
    pushed = _push(git, commit)
    pulls = observe.pulls_of(client, BRANCH, "open")
    texts = {"title": title, "body": body}
    if not pulls:
        new = {**texts, "head": BRANCH, "base": checkout.base}
        _, pull = client.request("POST", "pulls", body=new)
        return Proposal(what="opened", number=pull["number"], url=pull["html_url"])
    pull = pulls[0]
    told = pull["title"] == title and (pull.get("body") or "") == body
    if not told:
        client.request("PATCH", f"pulls/{pull['number']}", body=texts)
    what = "unchanged" if told and not pushed else "updated"
    return Proposal(what=what, number=pull["number"], url=pull["html_url"])


def _push(git: Git, commit: str) -> bool:
    """Whether something had to be pushed."""
    old = git.remote_refs(_REF).get(_REF, "")
    if old:
        git.fetch(f"+{_REF}:refs/ao-old", depth=2)
        if git.run("log", "-1", "--format=%ce", "refs/ao-old") != BOT.email:
            raise ConfigError(
                f"the branch {BRANCH} holds a commit that is not ours: merge its pull request, or "
                "delete the branch, then run this again; nothing was pushed"
            )
        if _content(git, "refs/ao-old") == _content(git, commit):
            return False
    done = git.push({_REF: (old, commit)})
    if done.code != 0:
        reason = "; ".join(porcelain_reasons(done.text)) or done.err.strip()[-300:]
        hint = ": pushing workflows needs the right `workflows: write` (classic: scope workflow)"
        raise GitError(f"git push {BRANCH}: {reason}{hint if 'workflow' in reason else ''}")
    return True


def _content(git: Git, revision: str) -> tuple[str, str]:
    """Tree and parent: the same content on the same base is the same proposal."""
    return (
        git.run("rev-parse", f"{revision}^{{tree}}"),
        git.attempt("rev-parse", "--verify", "--quiet", f"{revision}^").text,
    )

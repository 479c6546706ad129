"""The environment that holds the model's secret, limited to the default branch by name."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from ao_actions.errors import AuthError, ForgeError, NotFoundError
from ao_actions.forge.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """`state`: ready, open (to more branches), missing (to be made), none (not in the plan)."""

    state: str
    note: str


def ensure(client: Client, name: str, branch: str, *, private: bool) -> Environment:
    """Make the environment where there is none; one that is there is only looked at.

    :raises ForgeError: GitHub did not answer
    """
    path = f"environments/{quote(name, safe='')}"
    policy = {"protected_branches": False, "custom_branch_policies": True}
    try:
        status, there = client.request("GET", path, accept=(403, 404))
        if status != 200:
            client.request("PUT", path, body={"deployment_branch_policy": policy})
            body = {"name": branch, "type": "branch"}
            client.request("POST", f"{path}/deployment-branch-policies", body=body)
            return Environment(state="ready", note=f"the environment {name} admits {branch} only")
        if not (there.get("deployment_branch_policy") or {}).get("custom_branch_policies"):
            note = f"{name} is there, and not limited to {branch} by name: do that"
            return Environment(state="open", note=note)
        return _look(client, path, name, branch)
    except (AuthError, NotFoundError, ForgeError) as error:
        if isinstance(error, ForgeError) and error.status != 422:
            raise
        if private:
            return Environment(
                state="none",
                note=(
                    "GitHub made no environment: a private repository has them from the plans "
                    "Pro and Team on, and only an admin's token may make them. "
                    "Repository secrets are used; every workflow of this repository can read those"
                ),
            )
        return Environment(
            state="missing", note=f"this token may not make the environment {name}: do it by hand"
        )


def _look(client: Client, path: str, name: str, branch: str) -> Environment:
    """A limited environment that is there already; it is somebody's, and left as it is."""
    listed = client.get(f"{path}/deployment-branch-policies")["branch_policies"]
    names = [str(policy["name"]) for policy in listed]
    if names == [branch]:
        return Environment(state="ready", note=f"the environment {name} admits {branch} only")
    admits = ", ".join(names) or "no branch"
    return Environment(state="open", note=f"{name} is there and admits {admits}: only {branch}?")


def steps(name: str, branch: str, repository: str | None) -> list[str]:
    """How to make it by hand: for a browser, and as commands."""
    where = repository or "OWNER/NAME"
    path = f"repos/{where}/environments/{name}"
    return [
        f"Settings, Environments, New environment: {name}. Deployment branches and tags: "
        f"Selected branches and tags, add {branch}. Or:",
        f"  gh api -X PUT {path} -F 'deployment_branch_policy[protected_branches]=false' "
        "-F 'deployment_branch_policy[custom_branch_policies]=true'",
        f"  gh api -X POST {path}/deployment-branch-policies -f name={branch}",
    ]

"""What init tells the user: the trust in one line, and what is left to do, exactly."""

from __future__ import annotations

from collections.abc import Sequence

from ao_actions.config import Config
from ao_actions.setup import environment
from ao_actions.setup.exposure import Finding
from ao_actions.setup.hosting import Hosting


def trust(config: Config, findings: Sequence[Finding], *, enterprise: bool) -> str:
    """Why CI waits for a click, or does not."""
    named = " | ".join(map(str, findings))
    if config.ci_trust == "auto" and config.auth != "token":
        line = "ci_trust: auto: CI runs at once on what an agent wrote"
        return f"{line}, although {named}" if findings else line
    if enterprise:
        wait = "GitHub Enterprise Server starts no CI for what GITHUB_TOKEN pushes"
        return f"ci_trust: {config.ci_trust}: {wait}; use auth: app and ci_trust: auto"
    if config.ci_trust == "auto":
        return (
            "ci_trust: auto: no workflow here gives an agent's code a secret or a right to write; "
            "with auth: token CI waits for your click all the same"
        )
    because = f", because {named}" if findings else ""
    return f"ci_trust: approve: CI waits for your click{because}"


def following(
    config: Config,
    hosting: Hosting,
    branch: str,
    key: str | None,
    *,
    environment_made: bool,
    pull: bool,
) -> list[str]:
    """What the user still has to do, in order."""
    todo = []
    if config.environment and key and not environment_made:
        todo += environment.steps(config.environment, branch, hosting.name)
    where = f" --env {config.environment}" if config.environment else ""
    if key:
        todo.append(f"gh secret set {key}{where}")
    if config.auth == "pat":
        todo.append(f"gh secret set AO_TOKEN{where}  (contents and pull requests: write)")
    elif config.auth == "app":
        todo.append("gh variable set AO_APP_ID")
        todo.append(f"gh secret set AO_APP_PRIVATE_KEY{where} < key.pem")
    if config.auth == "token" or config.ci_trust == "approve":
        todo.append(
            "Settings, Actions, General: allow GitHub Actions to create and approve pull requests"
        )
    if pull:
        todo.append("Review and merge the pull request")
    else:
        todo.append(f"Commit these files to the default branch ({branch})")
    todo.append(f"Label an issue with {config.labels.ready}")
    return todo

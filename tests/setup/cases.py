"""The configurations whose generated workflows stand in golden/, one folder each."""

from __future__ import annotations

import re
from pathlib import Path

from ao_actions import __version__
from ao_actions.config import parse
from ao_actions.setup.workflows import workflows

GOLDEN = Path(__file__).with_name("golden")
ACTION = f"ao-actions/ao-actions@{'0123456789' * 4} # v1.2.3"

# name: (the repository's ao.yml, whether it is on GitHub Enterprise Server)
CASES: dict[str, tuple[str, bool]] = {
    "private-pip": (
        """
        agents: claude-code
        verify: python -m pytest -q
        ci_workflows: [CI]
        schedule: "17 */6 * * *"
        small_runner: ubuntu-slim
        environment: ""
        """,
        False,
    ),
    "public-npm": ("agents: claude-code\nverify: npm test\nci_workflows: [test]", False),
    "enterprise": (
        """
        agents: claude-code
        auth: app
        ci_trust: auto
        runner: self-hosted
        small_runner: self-hosted
        """,
        True,
    ),
    "app": ("agents: claude-code\nauth: app\nci_trust: auto\nagent_auth: oauth", False),
    "pat": ("agents: claude-code\nauth: pat\nci_trust: auto", False),
    "token": (
        "agents: claude-code\nauth: token\nbranch_prefix: bots/ao-\nlabel_prefix: 'bot:'",
        False,
    ),
    "self-hosted": (
        """
        agents: {name: command, command: run-agent}
        runner: self-hosted
        minutes: 120
        agent_auth: copilot
        """,
        False,
    ),
}


def generated(name: str) -> dict[str, str]:
    """File name to content; our version is left out, or each release would renew all files."""
    text, enterprise = CASES[name]
    config = parse(re.sub(r"^ {8}", "", text, flags=re.MULTILINE))
    files = workflows(config, ACTION, enterprise=enterprise)
    mark = f"ao-actions {__version__};"
    return {
        Path(path).name: content.replace(mark, "ao-actions VERSION;", 1)
        for path, content in files.items()
    }

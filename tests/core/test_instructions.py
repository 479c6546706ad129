"""Which files command an agent."""

import pytest

from ao_actions.core.instructions import matches

TABLE = {
    "AGENTS.md": True,
    "docs/CLAUDE.md": True,
    "docs/claude.MD": True,
    ".claude/settings.json": True,
    "packages/a/.claude/hooks/x.sh": True,
    ".aider.conf.yml": True,
    "src/.gitattributes": True,
    ".claude": True,  # it may be a link to a folder
    "src/claude.py": False,
    "docs/AGENTS.md.txt": False,
    "README.md": False,
}


@pytest.mark.parametrize("path", TABLE)
def test_a_path_commands_an_agent(path: str) -> None:
    assert matches(path) is TABLE[path]

"""Which paths an agent may not change, however they are spelt."""

import pytest

from ao_actions.core.protection import AGENT_FILES, Protected, folded, matches

DEFAULT = Protected()


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        (".github/workflows/a.yml", ".github/**", True),
        (".GITHUB/x", ".github/**", True),
        ("src/.github/x", ".github/**", False),
        ("CODEOWNERS", "codeowners", True),
        ("docs/CODEOWNERS", "CODEOWNERS", False),
        ("a/b/c.lock", "**/*.lock", True),
        ("c.lock", "**/*.lock", True),
        ("src/a.py", "src/*.py", True),
        ("src/sub/a.py", "src/*.py", False),
        ("keys/x", "keys/", True),
        ("keys", "keys/**", False),
        ("cafe\u0301/x", "café/**", True),
        ("\uff0egithub/x", ".github/**", True),
        (".git\u200chub/x", ".github/**", True),
    ],
)
def test_patterns(path: str, pattern: str, *, expected: bool) -> None:
    assert matches(path, pattern) is expected


@pytest.mark.parametrize(
    ("path", "refused", "labelled"),
    [
        (".github/ao.yml", ".github/**", ".*/**"),
        ("CODEOWNERS", "CODEOWNERS", None),
        ("docs/CODEOWNERS", "docs/CODEOWNERS", None),
        (".github/CODEOWNERS", ".github/**", ".*/**"),
        (".gitmodules", ".gitmodules", AGENT_FILES),
        ("CLAUDE.md", None, AGENT_FILES),
        ("pkg/Agents.md", None, AGENT_FILES),
        ("pkg/.claude/hooks/a.sh", None, AGENT_FILES),
        (".vscode/tasks.json", None, ".*/**"),
        ("src/.hidden/x", None, None),
        (".gitignore", None, None),
        ("src/code.py", None, None),
    ],
)
def test_the_defaults(path: str, refused: str | None, labelled: str | None) -> None:
    assert DEFAULT.refused(path) == refused
    assert DEFAULT.labelled(path) == labelled
    assert DEFAULT.asked(path) is None


def test_what_a_human_is_asked_about() -> None:
    assert Protected(ask=("package.json",)).asked("Package.JSON") == "package.json"


def test_one_spelling() -> None:
    assert folded("Stra\u00dfe/\ufb01le") == folded("STRASSE/FILE")

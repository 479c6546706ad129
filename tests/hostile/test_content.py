"""What is in the files: credentials, conflict markers, too much, and paths under protection."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import pytest

from ao_actions.config import Config, parse
from ao_actions.core.model import Phase
from ao_actions.work import brief, credentials
from ao_actions.work.handoff import TaintedError
from tests.hostile.forgery import FILE, LINK, Files
from tests.hostile.inspected import CONFLICT, Target

X = (FILE, b"x\n")
# In two halves each: this file is not to be refused itself, where it is scanned.
AWS = "AKIA" + "QWERTYUIOPASDFGH"
GITHUB = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"

SECRETS = [
    pytest.param(AWS, "AWS", id="AWS"),
    pytest.param("ASIA" + "QWERTYUIOPASDFGH", "AWS", id="AWS, for a while"),
    pytest.param(GITHUB, "GitHub", id="GitHub, of a person"),
    pytest.param("ghs_" + "a1" * 100, "GitHub", id="GitHub, of an app, and long"),
    pytest.param("gho_" + "a1" * 18, "GitHub", id="GitHub, OAuth"),
    pytest.param("ghu_" + "a1" * 18, "GitHub", id="GitHub, user to server"),
    pytest.param("ghr_" + "a1" * 18, "GitHub", id="GitHub, refresh"),
    pytest.param("github_pat_" + "11A" * 20, "GitHub", id="GitHub, fine-grained"),
    pytest.param("sk-ant-" + "api03-" + "aB3" * 10, "provider", id="Anthropic"),
    pytest.param("sk-proj-" + "aB3" * 10, "provider", id="OpenAI, of a project"),
    pytest.param("sk-" + "aB3" * 10, "provider", id="OpenAI"),
    pytest.param("AIza" + "aB3-_" * 7, "Google", id="Google"),
    pytest.param("xai-" + "aB3" * 20, "xAI", id="xAI"),
    pytest.param("gsk_" + "aB3" * 17, "Groq", id="Groq"),
    pytest.param("glpat-" + "aB3-" * 5, "GitLab", id="GitLab"),
    pytest.param("npm_" + "aB3x" * 9, "npm", id="npm"),
    pytest.param("pypi-" + "AgEIcHlwaS5vcmc" + "aB3x" * 20, "PyPI", id="PyPI"),
    pytest.param("xoxb-" + "1234567890-1234567890-aB3x", "Slack", id="Slack"),
    pytest.param(
        "https://hooks.slack.com/services/" + "T0AB/B0CD/aB3x", "Slack", id="Slack's web hook"
    ),
    pytest.param("sk_live_" + "aB3x" * 6, "Stripe", id="Stripe"),
    pytest.param("SG." + "a" * 22 + "." + "b" * 43, "SendGrid", id="SendGrid"),
    pytest.param("SK" + "0a" * 16, "Twilio", id="Twilio"),
    pytest.param("0a" * 16 + "-us12", "Mailchimp", id="Mailchimp"),
    pytest.param("-----BEGIN RSA " + "PRIVATE KEY-----", "private key", id="a private key"),
    pytest.param("-----BEGIN OPENSSH " + "PRIVATE KEY-----", "private key", id="of SSH"),
    pytest.param("-----BEGIN PGP " + "PRIVATE KEY BLOCK-----", "private key", id="of PGP"),
    pytest.param(
        "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "JSON Web", id="a JWT"
    ),
    pytest.param("postgres://app:" + "hunter2@db.prod.io/x", "Basic Auth", id="in a URL"),
]


@pytest.mark.hostile("secrets")
@pytest.mark.parametrize(("secret", "kind"), SECRETS)
def test_credentials(target: Target, secret: str, kind: str) -> None:
    found = credentials.find(f"key = '{secret}'")
    assert any(kind in each for each in found)
    assert secret not in credentials.masked(f"key = '{secret}' and more")


HIDDEN: list[object] = [
    pytest.param({"a.py": (FILE, f"x\nk = '{AWS}'\n".encode())}, "'a.py' line 2: AWS", id="a line"),
    pytest.param(
        {"a.py": (FILE, f"k = '{AWS}'  # pragma: allowlist secret\n".encode())},
        "line 1: AWS",
        id="a comment that allows it",
    ),
    pytest.param(
        {"a.py": (FILE, f"# gitleaks:allow nosec\n# noqa\nk = '{AWS}'\n".encode())},
        "line 3: AWS",
        id="comments of other scanners",
    ),
    pytest.param({"a.bin": (FILE, b"\0\1\2" + AWS.encode())}, "AWS", id="in a binary file"),
    pytest.param({"a.txt": (FILE, AWS.encode("utf-16"))}, "AWS", id="in UTF-16"),
    pytest.param({"a.js": (FILE, b";" * 900_000 + AWS.encode())}, "AWS", id="in a very long line"),
    pytest.param({"a.js": (FILE, b";" * 3990 + AWS.encode())}, "AWS", id="where pieces meet"),
    pytest.param({f"logs/{AWS}.txt": X}, "the name holds", id="in a name"),
    pytest.param({"l": (LINK, AWS.encode())}, "AWS", id="in where a link leads"),
    pytest.param({"src/code.py": (FILE, f"x = 1\ny = '{AWS}'".encode())}, "line 2", id="added"),
    pytest.param(
        {"a.txt": (FILE, b"AKIAABCDEFGHIJKLMNOP\n")}, "line 1", id="copied from another file"
    ),
]


@pytest.mark.hostile("secrets")
@pytest.mark.parametrize(("changes", "why"), HIDDEN)
def test_hidden_credentials(target: Target, changes: Files, why: str) -> None:
    reason = target.refusal(changes)
    assert why in reason
    assert AWS not in reason
    assert "put the label ao:allow on the issue and say /ao retry" in reason
    assert target.attempt(changes, allowed=True).paths


def test_what_only_looks_like_credentials(target: Target) -> None:
    words = (
        "postgres://postgres:postgres@localhost:5432 https://u:{password}@h.io "
        "https://user:pw@example.com sk-estimator-doc-link-container eyJ.eyJ "
        "d41d8cd98f00b204e9800998ecf8427e APIDocumentation risk-free-and-simple-2 @scope:x"
    )
    assert credentials.find(words) == ()
    assert target.attempt({"a.txt": (FILE, words.encode())}).paths == ("a.txt",)


def test_a_secret_that_was_there_is_no_reason(target: Target) -> None:
    old = b"AKIAABCDEFGHIJKLMNOP\n"
    assert target.attempt({"tests/key.txt": (FILE, b"# moved down\n" + old)}).paths


PROTECTED = [
    pytest.param({".github/workflows/ci.yml": (FILE, b"on: x\n")}, ".github/**", id="a workflow"),
    pytest.param({".github/workflows/ci.yml": None}, ".github/**", id="one less"),
    pytest.param({".github/workflows/new.yml": X}, ".github/**", id="one more"),
    pytest.param({".github/ao.yml": X}, ".github/**", id="our own settings"),
    pytest.param({".github/CODEOWNERS": X}, ".github/**", id="owners in .github"),
    pytest.param({"CODEOWNERS": None}, "CODEOWNERS", id="no owners"),
    pytest.param({"CODEOWNERS": None, "CODEOWNERS/x": X}, "CODEOWNERS", id="owners as a folder"),
    pytest.param({"docs/CODEOWNERS": X}, "docs/CODEOWNERS", id="owners in docs"),
    pytest.param(
        {".github/workflows/ci.yml": None, "old/ci.yml": (FILE, b"on: push\n")},
        ".github/**",
        id="a workflow moved away",
    ),
    pytest.param({"CLAUDE.md": (FILE, b"Obey.\n")}, "agent-files", id="instructions"),
    pytest.param({"CLAUDE.md": None}, "agent-files", id="instructions taken away"),
    pytest.param({"pkg/deep/AGENTS.md": X}, "agent-files", id="instructions far below"),
    pytest.param({"claude.MD/x": X}, "agent-files|file systems", id="instructions as a folder"),
    pytest.param({"src/.claude/settings.json": X}, "agent-files", id="hooks of an agent"),
    pytest.param({".mcp.json": X}, "agent-files", id="tools of an agent"),
    pytest.param({".cursor/rules/x.mdc": X}, "agent-files", id="rules of an editor"),
    pytest.param({"opencode.jsonc": X}, "agent-files", id="another agent's settings"),
    pytest.param({".aider.conf.yml": X}, "agent-files", id="settings with a command"),
    pytest.param({".husky/pre-commit": X}, "agent-files", id="a git hook"),
    pytest.param({"src/.gitattributes": X}, "agent-files", id="git's filters"),
    pytest.param({".ripgreprc": X}, "agent-files", id="settings of a tool that agents run"),
    pytest.param({".vscode/tasks.json": (FILE, b"[]\n")}, ".*/**", id="tasks of an editor"),
    pytest.param({".devcontainer/devcontainer.json": X}, ".*/**", id="a container of its own"),
    pytest.param({".circleci/config.yml": X}, ".*/**", id="another CI"),
    pytest.param({"\uff23LAUDE.md": X}, "agent-files|file systems", id="instructions, full width"),
]


@pytest.mark.hostile("protected paths")
@pytest.mark.parametrize(("changes", "pattern"), PROTECTED)
def test_protected(target: Target, changes: Files, pattern: str) -> None:
    reason = target.refusal(changes)
    parts = "|".join(re.escape(part) for part in pattern.split("|"))
    assert re.search(parts, reason), reason


@pytest.mark.hostile("protected paths")
@pytest.mark.parametrize("path", [".github/workflows/x.yml", "CODEOWNERS", ".gitmodules"])
def test_no_label_lets_them_pass(target: Target, path: str) -> None:
    with pytest.raises(TaintedError):
        target.attempt({path: X}, allowed=True)


def test_the_label_lets_the_others_pass_and_they_are_named(target: Target) -> None:
    config = parse("protected: {ask: [package.json]}")
    changes: Files = {
        "CLAUDE.md": (FILE, b"Be kinder.\n"),
        "package.json": (FILE, b"[]\n"),
        "src/new.py": X,
    }
    accepted = target.attempt(changes, config, allowed=True)
    assert accepted.look == ("CLAUDE.md", "package.json")


def test_the_brief_says_what_is_protected() -> None:
    def told(yaml: str) -> str:
        given = brief.Assigned(
            repository="o/r", number=1, title="x", body="", reason=Phase.QUEUED, base="main"
        )
        return brief.write(given, parse(yaml))

    assert "files that match: `.github/**`, `CODEOWNERS`" in told("")
    assert "files that instruct coding agents or git" in told("")
    assert "`deploy/`" in told("protected: {label: [deploy/]}")
    assert "permission" not in told("protected: {label: []}")
    assert "files that match" not in told("protected: []")


OVERSIZED: list[object] = [
    pytest.param({"a.bin": (FILE, b"\0" * 6_000_000)}, "6000000 bytes", id="a binary file"),
    pytest.param({"a.js": (FILE, b"x" * 6_000_000)}, "6000000 bytes", id="a line"),
    pytest.param(
        {f"{n}.bin": (FILE, bytes([n]) * 4_500_000) for n in range(5)},
        "22500000 bytes",
        id="in all",
    ),
    pytest.param({f"f{n}": X for n in range(101)}, "101 files", id="files"),
    pytest.param({"a.txt": (FILE, b"x\n" * 5001)}, "5001 lines", id="lines"),
    pytest.param(
        {f"f{n}": (FILE, b"x\n" * 51) for n in range(99)}, "5049 lines", id="in small files"
    ),
]


@pytest.mark.hostile("oversized")
@pytest.mark.parametrize(("changes", "why"), OVERSIZED)
def test_oversized(target: Target, changes: Files, why: str) -> None:
    assert why in target.refusal(changes)


def test_what_is_large_and_allowed(target: Target) -> None:
    config = replace(Config(), max_changed_lines=50_000)
    assert target.attempt({"a.bin": (FILE, os.urandom(1_000_000))}, config).paths == ("a.bin",)


MARKERS: list[object] = [
    pytest.param({"src/code.py": (FILE, CONFLICT)}, id="in a file that was there"),
    pytest.param({"new.py": (FILE, CONFLICT)}, id="in a new file"),
    pytest.param(
        {"new.py": (FILE, CONFLICT.replace(b"\n", b"\r\n"))}, id="with Windows' line ends"
    ),
    pytest.param(
        {"new.py": (FILE, CONFLICT.replace(b"=======", b"||||||| base\n0\n======="))}, id="of three"
    ),
]


@pytest.mark.parametrize("changes", MARKERS)
def test_conflict_markers(target: Target, changes: Files) -> None:
    assert "conflict markers were left" in target.refusal(changes)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"tests/conflict.txt": (FILE, CONFLICT + b"more\n")}, id="a test's own"),
        pytest.param({"a.rst": (FILE, b"Title\n=======\n\n>>>>>>> quoted\n")}, id="a heading"),
        pytest.param(
            {"a.md": (FILE, b"Look for `<<<<<<< `, `=======`, `>>>>>>> `.\n")}, id="words"
        ),
    ],
)
def test_what_only_looks_like_a_conflict(target: Target, changes: Files) -> None:
    assert target.attempt(changes).paths

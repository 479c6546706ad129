"""Files that tell coding agents, and git, what to do: whoever writes them commands the agent.

They are taken from the base branch only, and an agent may not change them unasked (issue text
and pull requests are outside text, design 2.5). Sources: each agent's documentation, as in
docs/agents.md; git's for `.gitattributes`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

# Names of files, folders and links, at any depth; a folder's stands for all that is in it.
PATTERNS = (
    "AGENTS.md",
    "AGENTS.override.md",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "GEMINI.md",
    "QWEN.md",
    ".claude",
    ".claude.json",
    ".mcp.json",
    ".cursor",
    ".cursorrules",
    ".codex",
    ".gemini",
    ".geminiignore",
    ".kimi",
    ".opencode",
    "opencode.json",
    "opencode.jsonc",
    ".aider*",
    ".agents",
    "copilot-instructions.md",
    ".husky",
    ".gitattributes",
    ".gitmodules",
    ".ripgreprc",
)


def matches(path: str) -> bool:
    """Whether a path in the repository is one of these, or in one. Letter case is ignored, for
    some file systems ignore it too."""
    return any(
        fnmatchcase(part, pattern.casefold())
        for part in path.casefold().split("/")
        for pattern in PATTERNS
    )

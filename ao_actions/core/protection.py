"""Which paths an agent may change, and under whose eyes (`protected` in ao.yml).

Paths are compared as the most forgiving file system would compare them, so that no other
spelling of a protected path is one that is not protected.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ao_actions.core import instructions

AGENT_FILES = "agent-files"  # in a list: what `instructions` has
# Characters that HFS+ ignores in names, and those that show as nothing.
_IGNORED = dict.fromkeys(
    [*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xAD]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """Lists of patterns. `refuse`: never; `label`: with the label `allow` on the issue; `ask`:
    published, and the pull request names them first."""

    refuse: tuple[str, ...] = (".github/**", "CODEOWNERS", "docs/CODEOWNERS", ".gitmodules")
    label: tuple[str, ...] = (AGENT_FILES, ".*/**")
    ask: tuple[str, ...] = ()

    def refused(self, path: str) -> str | None:
        """The pattern that forbids the path."""
        return _first(path, self.refuse)

    def labelled(self, path: str) -> str | None:
        """The pattern for which the path needs the label."""
        return _first(path, self.label)

    def asked(self, path: str) -> str | None:
        """The pattern for which a human is to look at the path first."""
        return _first(path, self.ask)


def _first(path: str, patterns: tuple[str, ...]) -> str | None:
    return next((pattern for pattern in patterns if _is(path, pattern)), None)


def _is(path: str, pattern: str) -> bool:
    if pattern == AGENT_FILES:
        return instructions.matches(folded(path))
    return matches(path, pattern)


def folded(path: str) -> str:
    """The path as a file system knows it that minds neither letter case nor how a character is
    composed nor what cannot be seen (APFS, HFS+, NTFS)."""
    plain = unicodedata.normalize("NFKC", path.translate(_IGNORED)).casefold()
    return unicodedata.normalize("NFKC", plain)


def matches(path: str, pattern: str) -> bool:
    """Whether a path matches a pattern: `*` within one folder, `**` across folders; `dir/` and
    `dir/**` are all below it. Spelling counts as little as in `folded`."""
    pattern = folded(pattern).removeprefix("/")
    if pattern.endswith("/"):
        pattern += "**"
    return _matches(folded(path).split("/"), pattern.split("/"))


def _matches(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern == ["**"]:
        return bool(parts)
    if pattern[0] == "**":
        return any(_matches(parts[start:], pattern[1:]) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])

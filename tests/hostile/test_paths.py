"""Names, links and modes that would reach out of the tree, or be read as something else."""

from __future__ import annotations

import re

import pytest

from tests.hostile.forgery import FILE, LINK, PROGRAM, SUBMODULE, Files
from tests.hostile.inspected import Target

X = (FILE, b"x\n")


def link(to: str) -> tuple[str, bytes]:
    return (LINK, to.encode())


NAMES = [
    pytest.param(".git/hooks/pre-commit", "hasDotgit", id="a hook in .git"),
    pytest.param("src/.git/config", "hasDotgit", id="a repository in a folder"),
    pytest.param(".GIT/config", "hasDotgit", id=".git in capitals"),
    pytest.param("git~1/config", "hasDotgit", id="its NTFS 8.3 name"),
    pytest.param("a/GIT~2/config", "git's own", id="its second NTFS 8.3 name"),
    pytest.param(".git ./config", "hasDotgit|git's own", id="NTFS ignores a dot at the end"),
    pytest.param(".git::$INDEX_ALLOCATION/config", "hasDotgit", id="NTFS stream of a folder"),
    pytest.param(".g\u200cit/config", "hasDotgit", id="HFS+ ignores a non-joiner"),
    pytest.param(".g\u00adit/config", "cannot be shown|git's own", id="a soft hyphen in it"),
    pytest.param("\uff0e\uff47\uff49\uff54/config", "git's own", id="in full width"),
    pytest.param("a\\.git\\config", "hasDotgit|git's own", id="Windows separators"),
    pytest.param("..\\..\\etc\\x", "git's own", id="up, with Windows separators"),
    pytest.param("../x", "hasDotdot", id="a part that is two dots"),
    pytest.param("./x", "hasDot", id="a part that is one dot"),
    pytest.param("src//x", "emptyName|badTree", id="a part that is nothing"),
    pytest.param("sub/.gitmodules", "git's own", id="submodules below"),
    pytest.param("GITMOD~1", "git's own|gitmodules", id="8.3 name of .gitmodules"),
    pytest.param("C:/x", "colon", id="a drive"),
    pytest.param("x.py:stream", "colon", id="an NTFS stream"),
    pytest.param("a\\b.py", "backslash", id="a separator on Windows"),
    pytest.param("README.md.", "dot or space", id="a dot that Windows drops"),
    pytest.param("README.md ", "dot or space", id="a space that Windows drops"),
    pytest.param("src./x.py", "dot or space", id="a folder's dot that Windows drops"),
    pytest.param("src/con.py", "device", id="a console on Windows"),
    pytest.param("LPT1", "device", id="a printer on Windows"),
    pytest.param("com¹.txt", "device", id="a port on Windows, with a superscript"),
    pytest.param("a\nb.py", "cannot be shown", id="a line's end"),
    pytest.param("a\x1b[2K.py", "cannot be shown", id="a terminal's escape"),
    pytest.param("a\u202egpj.sh", "cannot be shown", id="written from right to left"),
    pytest.param("a\udcff.py", "cannot be shown", id="no UTF-8"),
    pytest.param("src/code\u200b.py", "cannot be shown", id="an invisible twin"),
]


@pytest.mark.hostile("path tricks")
@pytest.mark.parametrize(("path", "why"), NAMES)
def test_names(target: Target, path: str, why: str) -> None:
    reason = target.refusal({path: X})
    assert re.search(why, reason), reason
    assert reason.isprintable()


@pytest.mark.hostile("path tricks")
def test_a_very_long_name_is_not_repeated_whole(target: Target) -> None:
    reason = target.refusal({"d/" * 50 + "a" * 200 + ".": X})
    assert "dot or space" in reason
    assert len(reason) < 250


@pytest.mark.hostile("path tricks")
def test_a_name_too_long_for_any_checkout(target: Target) -> None:
    assert "1000 characters" in target.refusal({("d" * 200 + "/") * 5 + "a": X})


COLLISIONS: list[object] = [
    pytest.param({"readme.MD": X}, id="letter case"),
    pytest.param({"SRC/other.py": X}, id="letter case of a folder"),
    pytest.param({"README.MD/x": X}, id="a folder in a file's place"),
    pytest.param({"Src": X}, id="a file in a folder's place"),
    pytest.param({"caf\u00e9": X, "cafe\u0301": X}, id="composed and decomposed"),
    pytest.param({"\ufb01le": X, "file": X}, id="a ligature"),
    pytest.param({"stra\u00dfe": X, "STRASSE": X}, id="sharp s"),
    pytest.param({"\u212aey": X, "key": X}, id="the sign of kelvin"),
    pytest.param({"\uff41.py": X, "a.py": X}, id="full width"),
    pytest.param({"a/B/c": X, "a/b/d": X}, id="folders that are both new"),
    pytest.param({"Docs": link("src")}, id="a link in a folder's place"),
    pytest.param({".GITHUB/x": X}, id="beside what is protected"),
]


@pytest.mark.hostile("path tricks")
@pytest.mark.parametrize("changes", COLLISIONS)
def test_collisions(target: Target, changes: Files) -> None:
    reason = target.refusal(changes)
    assert "one path on some file systems" in reason or "protected" in reason


def test_what_collided_before_is_no_reason(target: Target) -> None:
    """A repository may have two such names; work beside them goes on."""
    assert target.attempt({"src/new.py": X, "README.md": (FILE, b"y\n")}).paths
    moved = target.attempt({"README.md": None, "readme.md": X})
    assert moved.paths == ("README.md", "readme.md")


LINKS = [
    pytest.param({"l": link("/etc/passwd")}, "out of", id="absolute"),
    pytest.param({"l": link("../x")}, "out of", id="up from the top"),
    pytest.param({"src/l": link("../../x")}, "out of", id="up from a folder"),
    pytest.param({"src/l": link("a/../../../x")}, "out of", id="down, and up again"),
    pytest.param({"l": link(".git/config")}, "into .git", id="into .git"),
    pytest.param({"src/l": link("../.GIT/hooks")}, "into .git", id="into .git, in capitals"),
    pytest.param({"l": link("git~1/config")}, "into .git", id="into .git, its short name"),
    pytest.param({"a": link("src"), "l": link("a/../../x")}, "out of", id="up through a link"),
    pytest.param({"a": link("."), "l": link("a/a/.git")}, "into .git", id="through a link to here"),
    pytest.param({"a": link("b"), "b": link("a")}, "in circles", id="in circles"),
    pytest.param({"l": link("l/x")}, "in circles", id="to itself"),
    pytest.param({"l": link("C:\\Windows")}, "out of", id="a drive"),
    pytest.param({"l": link("..\\x")}, "out of", id="Windows separators"),
    pytest.param({"l": link("")}, "out of", id="to nothing"),
    pytest.param({"l": link("a\n../../x")}, "out of", id="of two lines"),
    pytest.param({"l": link("a/" * 600)}, "out of", id="very long"),
    pytest.param({"docs/link": link("../../x")}, "out of", id="one that was there, moved"),
    pytest.param({".claude": link("src")}, "agent-files", id="instructions by a link"),
    pytest.param({".idea": link("src")}, "label: .*/**", id="a dot-folder by a link"),
    pytest.param({".gitattributes": link("README.md")}, "itattributes", id="attributes by a link"),
    pytest.param({".gitmodules": link("README.md")}, "itmodules", id="submodules by a link"),
]


@pytest.mark.hostile("path tricks")
@pytest.mark.parametrize(("changes", "why"), LINKS)
def test_links(target: Target, changes: Files, why: str) -> None:
    assert why in target.refusal(changes)


@pytest.mark.parametrize("to", ["src/code.py", "src", "./docs/link", "docs/../src", "not-yet"])
def test_links_that_stay_inside(target: Target, to: str) -> None:
    assert target.attempt({"here": link(to)}).paths == ("here",)


@pytest.mark.hostile("path tricks")
def test_many_reasons_of_links_end(target: Target) -> None:
    """Each link doubles the way: followed without a bound, it would never end."""
    chain = {f"l{n}": link(f"l{n + 1}/../l{n + 1}/..") for n in range(60)}
    assert "may not" in target.refusal({**chain, "l60": link("src")})


MODES = [
    pytest.param({"src/code.py": (PROGRAM, b"x = 2\n")}, "mode may not", id="made executable"),
    pytest.param({"src/tool.sh": (FILE, b"#!/bin/sh\n")}, "mode may not", id="no more executable"),
    pytest.param({"src/code.py": link("tool.sh")}, "mode may not", id="a file becomes a link"),
    pytest.param({"docs/link": X}, "mode may not", id="a link becomes a file"),
    pytest.param({"run": (PROGRAM, b"\x7fELF\x02")}, "begins with `#!`", id="a binary to run"),
    pytest.param({"run": (PROGRAM, b"")}, "begins with `#!`", id="nothing to run"),
    pytest.param({"run": (PROGRAM, b" #!/bin/sh\n")}, "begins with `#!`", id="a space before #!"),
    pytest.param(
        {"run": (PROGRAM, b"\xef\xbb\xbf#!/bin/sh\n")}, "begins with", id="a mark before #!"
    ),
    pytest.param({"sub": (SUBMODULE, b"")}, "submodule", id="a submodule"),
    pytest.param({"src/code.py": (SUBMODULE, b"")}, "submodule", id="a file becomes a submodule"),
    pytest.param({"f": ("020644", b"x")}, "entry|adFilemode", id="a device"),
    pytest.param({"f": ("000644", b"x")}, "entry|adFilemode|cannot be", id="no kind of file"),
]


@pytest.mark.hostile("mode tricks")
@pytest.mark.parametrize(("changes", "why"), MODES)
def test_modes(target: Target, changes: Files, why: str) -> None:
    reason = target.refusal(changes)
    assert re.search(why, reason), reason


def test_a_new_script_may_be_executable(target: Target) -> None:
    assert target.attempt({"run": (PROGRAM, b"#!/bin/sh\n")}).paths == ("run",)


@pytest.mark.hostile("mode tricks")
@pytest.mark.parametrize(
    ("mode", "becomes"),
    [
        pytest.param("100666", "100644", id="everybody may write"),
        pytest.param("104755", "100755", id="runs as its owner"),
        pytest.param("100001", "100644", id="odd"),
    ],
)
def test_modes_that_git_does_not_have(target: Target, mode: str, becomes: str) -> None:
    """git reads them as one that it has; the tree that is published is written anew."""
    tree = target.attempt({"run": (mode, b"#!/bin/sh\n")}).tree
    raw = target.repository.bounded("cat-file", "tree", tree)
    assert f"{becomes} run\0".encode() in raw

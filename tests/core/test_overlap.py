"""Which files an issue's words mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.core import overlap


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("`src/code.py` returns 41", ("src/code.py",)),
        ("in `code.py:12` and `./a/b.c:3:4`", ("code.py", "a/b.c")),
        ("see src/code.py, please.", ("src/code.py",)),
        ("The Makefile and `docs/guide`", ("docs/guide",)),
        ("`/etc/hosts.conf`", ("etc/hosts.conf",)),
        ("`src/` is untidy", ("src",)),
        ("code.py and code.py", ("code.py",)),
        ("conftest.test.ts breaks", ("conftest.test.ts",)),
        ("`not a path` and `print`", ()),
        ("https://example.com/a/b.py and www.example.com", ()),
        ("since 3.11, e.g. version 1.2.3", ()),
        ("mail to ann@example.com", ()),
        ("`/`", ()),
        ("", ()),
    ],
)
def test_named_paths(text, paths) -> None:
    assert overlap.named_paths(text) == paths


@pytest.mark.parametrize(
    ("named", "files", "both"),
    [
        (("src/code.py",), ("src/code.py", "README.md"), ("src/code.py",)),
        (("code.py",), ("src/code.py", "src/decode.py"), ("src/code.py",)),
        (("src",), ("src/code.py", "srcs/a.py"), ("src/code.py",)),
        (("a/code.py",), ("src/code.py",), ()),
        ((), ("a.py",), ()),
    ],
)
def test_shared(named, files, both) -> None:
    assert overlap.shared(named, files) == both


@given(st.text(alphabet="ab/.`:@ \n", max_size=200))
def test_any_text_can_be_read(text) -> None:
    paths = overlap.named_paths(text)
    assert len(paths) == len(set(paths)) <= overlap.NAMED
    assert all(path and not path.startswith("/") for path in paths)


def test_a_long_text_names_no_more_than_is_looked_at() -> None:
    assert len(overlap.named_paths(" ".join(f"f{n}.py" for n in range(9_999)))) == overlap.NAMED

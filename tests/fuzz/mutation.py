"""Valid samples, spoilt: pieces deleted, doubled, moved, and what parsers stumble over put in."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

PIECES = (
    *("", "\x00", "\x07", "\x1b[31m", "\r", "\n", "\r\n", "\t", "\u0085", "\u2028", "\ufeff"),
    *("\u202e", "\u200b", "\U000e0041", "é", "e\u0301", "\u2019", "🙂", "٣"),
    *("```", "~~~", "``", "<!--", "-->", "<details>", "&#64;", "@maya", "#1", "GH-1", "/ao stop"),
    *("::error::x", "##[group]Run x", "##[error]", "[skip ci]", "Closes", "Signed-off-by: x"),
    *("0", "-1", "1e999", "9" * 30, "9" * 5000, "NaN", "Infinity", "null", "true", "2026-99-99"),
    *(
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        ":",
        ",",
        "\\",
        "\\ud800",
        "{" * 60,
        "[" * 3000,
        '{"a":' * 3000,
    ),
    *("&a [*a]", "*a", "!!python/name:os.system", "? ", "- ", "%", "${{ secrets.X }}", "..", "../"),
    *(
        ".git/config",
        "%2E%2E/",
        "a" * 5000,
        "  " * 2000,
        " failing",
        "try again in 5 ",
        "resets at ",
    ),
)
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 10**30, -(10**400), 0.5, 1e308, float("nan"), float("inf")),
    *(
        "",
        " ",
        "x" * 3000,
        "\x00",
        "\ud800",
        "\u202e",
        "2026-11-22T12:00:00Z",
        "0001-01-01T00:00+23:00",
    ),
    *("9999-12-31T23:59:59-23:00", [], {}, [[]], [None], {"": None}, {"a": {"a": {}}}, ["x"] * 300),
)
_EDITS = st.lists(
    st.tuples(
        st.sampled_from(("insert", "delete", "double", "swap", "cut")),
        st.integers(0, 2**16),
        st.integers(0, 200),
        st.sampled_from(PIECES) | st.text(max_size=4),
    ),
    min_size=1,
    max_size=5,
)


def texts(*samples: str) -> st.SearchStrategy[str]:
    """Spoilt samples, and now and then noise."""
    spoilt = st.builds(_edited, st.sampled_from(samples), _EDITS)
    return st.one_of(spoilt, spoilt, spoilt, st.text(max_size=60))


def raw(*samples: bytes) -> st.SearchStrategy[bytes]:
    """Spoilt samples with bytes of any kind among them, and now and then noise."""
    spoilt = st.builds(
        _edited,
        st.sampled_from(samples),
        _EDITS.map(
            lambda edits: [(*rest, piece.encode("utf-8", "replace")) for *rest, piece in edits]
        ),
    )
    broken = st.builds(
        lambda sample, at, byte: (
            sample[: at % (len(sample) + 1)] + byte + sample[at % (len(sample) + 1) + 1 :]
        ),
        st.sampled_from(samples),
        st.integers(0, 2**16),
        st.binary(min_size=1, max_size=3),
    )
    return st.one_of(spoilt, spoilt, broken, st.binary(max_size=60))


def values(*samples: Any) -> st.SearchStrategy[Any]:
    """JSON values with parts removed, doubled, renamed or of another kind."""
    edits = st.lists(
        st.tuples(
            st.sampled_from(("put", "put", "delete", "double", "rename", "wrap")),
            st.integers(0, 2**16),
            st.sampled_from(STRANGE) | st.text(max_size=4) | st.integers(),
        ),
        min_size=1,
        max_size=3,
    )
    return st.builds(_changed, st.sampled_from(samples), edits)


def _edited(sample: Any, edits: Sequence[tuple[str, int, int, Any]]) -> Any:
    for kind, place, length, piece in edits:
        at = place % (len(sample) + 1)
        end = min(len(sample), at + length)
        if kind == "insert":
            sample = sample[:at] + piece + sample[at:]
        elif kind == "delete":
            sample = sample[:at] + sample[end:]
        elif kind == "double":
            sample = sample[:end] + sample[at:]
        elif kind == "swap":
            sample = sample[at:end] + sample[:at] + sample[end:]
        else:
            sample = sample[:at]
    return sample


def _changed(sample: Any, edits: Sequence[tuple[str, int, Any]]) -> Any:
    whole = [copy.deepcopy(sample)]
    for kind, place, strange in edits:
        new = copy.deepcopy(strange)  # or it would hold itself one day
        places = list(_places(whole))
        holder, key = places[place % len(places)]
        if kind == "wrap":
            holder[key] = [holder[key]]
        elif kind == "put" or holder is whole:
            holder[key] = new
        elif kind == "delete":
            del holder[key]
        elif isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        else:
            holder[str(new)[:50]] = holder.pop(key) if kind == "rename" else holder[key]
    return whole[0]


def _places(value: Any) -> Any:
    """Each part, as what holds it and where."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])

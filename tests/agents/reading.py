"""What the table tests of `read` have in common: a run's end, and records of any kind."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from ao_actions.agents import Exit, Result

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

Read = Callable[..., Result]

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=10), children, max_size=3)
    ),
    max_leaves=8,
)


def jsonl(*records: Mapping[str, Any] | bytes) -> bytes:
    """Records as lines; bytes as they are."""
    lines = (r if isinstance(r, bytes) else json.dumps(r).encode() for r in records)
    return b"".join(line + b"\n" for line in lines)


def ended(*records: Mapping[str, Any] | bytes, code: int = 0, **changes: Any) -> Exit:
    """The end of a program that printed these."""
    values: dict[str, Any] = {"timed_out": False, "stderr": b"", "files": {}}
    values |= {"started": NOW, "ended": NOW}
    return Exit(code=code, stdout=jsonl(*records), **{**values, **changes})


def mixed(*records: Mapping[str, Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of these records with fields of any kind in place of their own."""
    strange = [
        st.dictionaries(st.sampled_from(sorted(record)), ANY_JSON).map(
            lambda changes, record=record: {**record, **changes}
        )
        for record in records
    ]
    return st.lists(st.one_of(*strange), max_size=6)

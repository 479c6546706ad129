"""What the table tests of adapters share: a run's output as records, and records of any kind."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ao_actions.agents import Agent, Assignment, Endpoint, Exit, Result

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SESSION = "01a20305-992d-7231-86b7-6a9af5785293"

ASSIGNED = Assignment(
    checkout=Path("/c"),
    brief=Path("/b"),
    scratch=Path("/s"),
    model=None,
    command=None,
    seconds=600,
    turns=None,
    max_usd=None,
)

TEXT = st.text("aZ09 :{}\u2019\n\x00", max_size=9)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)


def endpoint(credential: str, provider: str, **changes: Any) -> Endpoint:
    values: dict[str, Any] = {"url": "http://127.0.0.1:1/v1", "key": "key-of-a-test"}
    return Endpoint(credential=credential, provider=provider, **{**values, **changes})


def lines(records: Iterable[dict[str, Any] | bytes]) -> bytes:
    """Records as they stand in a stream; bytes are a line as it is."""
    raw = (r if isinstance(r, bytes) else json.dumps(r).encode() for r in records)
    return b"".join(line + b"\n" for line in raw)


def judge(
    agent: Agent,
    *records: dict[str, Any] | bytes,
    code: int = 0,
    assigned: Assignment = ASSIGNED,
    **changes: Any,
) -> Result:
    """The result of a run that printed these records."""
    values: dict[str, Any] = {"timed_out": False, "stderr": b"", "files": {}}
    values |= {"started": NOW, "ended": NOW, **changes}
    return agent.read(assigned, Exit(code=code, stdout=lines(records), **values))


def mixed(*records: dict[str, Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of these records with fields of any kind in place of their own."""
    strange = [
        st.dictionaries(st.sampled_from(sorted(record)), ANY_JSON).map(record.__or__)
        for record in records
    ]
    return st.lists(st.one_of(*strange), max_size=6)

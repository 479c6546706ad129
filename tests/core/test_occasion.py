"""What woke a pass: any payload gives a hint, and none an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ao_actions.core.occasion import Occasion, occasion

HEAD = "0123456789012345678901234567890123456789"


@pytest.mark.parametrize(
    ("event", "payload", "expected"),
    [
        (
            "issues",
            {"action": "labeled", "issue": {"number": 5}},
            Occasion(because="issues labeled (#5)", number=5),
        ),
        ("schedule", {"schedule": "17 * * * *"}, Occasion(because="schedule")),
        ("workflow_dispatch", None, Occasion(because="workflow_dispatch")),
        ("", {}, Occasion(because="nobody")),
        (
            "status",
            {"sha": HEAD, "branches": []},
            Occasion(because="status (0123456)", head=HEAD),
        ),
        (
            "status",
            {"sha": HEAD, "branches": [{"name": "ao/5"}]},
            Occasion(because="status (ao/5)", head=HEAD, branch="ao/5"),
        ),
        (
            "check_suite",
            {
                "action": "completed",
                "check_suite": {
                    "head_sha": HEAD,
                    "head_branch": "ao/5",
                    "pull_requests": [{"number": 7}],
                },
            },
            Occasion(because="check_suite completed (#7)", number=7, head=HEAD, branch="ao/5"),
        ),
        (
            "check_suite",
            {"check_suite": {"head_branch": "main", "pull_requests": []}},
            Occasion(because="check_suite (main)", branch="main"),
        ),
        (
            "issues",
            {"action": "la\u202ebeled\n::error::x", "issue": {"number": True}},
            Occasion(because="issues"),
        ),
    ],
)
def test_an_occasion(event: str, payload: object, expected: Occasion) -> None:
    assert occasion(event, payload) == expected


KEYS = st.sampled_from(
    [
        "action",
        "issue",
        "pull_request",
        "check_suite",
        "check_run",
        "workflow_run",
        "head",
        "sha",
        "ref",
        "number",
        "pull_requests",
        "branches",
        "name",
        "head_sha",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.text(max_size=50), JSON)
def test_any_payload_is_one_line(event: str, payload: object) -> None:
    assert "\n" not in occasion(event, payload).because

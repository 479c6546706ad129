"""GitHub's own example payloads, every one of the events that may wake us.

From @octokit/webhooks-examples 7.6.1 (MIT), api.github.com and ghes-35, without doubles.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ao_actions.core.occasion import occasion

EXAMPLES: list[dict[str, Any]] = json.loads(
    gzip.decompress(Path(__file__).with_name("webhook-examples.json.gz").read_bytes())
)
NUMBERED = ("issue", "pull_request")


def test_every_subscribed_event_is_among_them() -> None:
    assert {example["event"] for example in EXAMPLES} == {
        "check_run",
        "check_suite",
        "issue_comment",
        "issues",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "status",
        "workflow_dispatch",
        "workflow_run",
    }
    assert len(EXAMPLES) > 100


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["event"])
def test_it_says_where_to_look(example: dict[str, Any]) -> None:
    event, payload = example["event"], example["payload"]
    seen = occasion(event, payload)
    assert seen.because.startswith(event)
    assert payload.get("action", "") in seen.because
    match event:
        case "issues" | "issue_comment":
            assert seen.number == payload["issue"]["number"]
        case "pull_request" | "pull_request_review" | "pull_request_review_comment":
            assert seen.number == payload["pull_request"]["number"]
            assert seen.branch == payload["pull_request"]["head"]["ref"]
            assert seen.head == payload["pull_request"]["head"]["sha"]
        case "status":
            assert seen.head == payload["sha"]
            assert seen.branch == next((b["name"] for b in payload["branches"]), None)
        case "check_suite" | "workflow_run":
            assert seen.head == payload[event]["head_sha"]
            assert seen.branch == payload[event]["head_branch"]
            pulls = payload[event]["pull_requests"]
            assert seen.number == (pulls[0]["number"] if pulls else None)
        case "check_run":
            assert seen.head == payload["check_run"]["check_suite"]["head_sha"]
        case _:
            assert seen.number is None

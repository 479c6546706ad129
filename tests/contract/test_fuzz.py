"""What schemathesis makes up from GitHub's description: the local GitHub never falls over."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case

from tests.contract import description
from tests.contract import tour as touring
from tests.contract.conftest import Count
from tests.contract.tour import Tour

# parameters that must name something, for the request to come further than a 404
_REAL: dict[str, Any] = {
    "owner": "octocat",
    "repo": "hello",
    "issue_number": 1,
    "pull_number": 4,
    "username": "hubot",
    "assignee": "hubot",
    "branch": "main",
    "ref": "heads/main",
    "commit_sha": "main",
    "sha": "main",
    "tree_sha": "main",
    "basehead": "main...topic",
    "path": "a.txt",
    "environment_name": "models",
    "workflow_id": "ci.yml",
    "name": "bug",
    "app_slug": "robot",
}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    with touring.opened(tmp_path_factory.mktemp("fuzz") / "world") as made:
        touring.whole(made)
        made.server.app.limits.per_hour["user"] = 1_000_000
        yield made


def wrong(tour: Tour, *, examples: int) -> tuple[list[str], int]:
    """Requests that were answered with 5xx, and how many were sent in all."""
    schema = schemathesis.openapi.from_dict(copy.deepcopy(description.document()))
    found: list[str] = []
    sent = 0
    bounded = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for result in schema.get_all_operations():
        operation = result.ok()

        @bounded
        @given(case=operation.as_strategy())
        def send(case: Case) -> None:
            nonlocal sent
            given_names = case.path_parameters or {}
            case.path_parameters = {n: _REAL.get(n, v) for n, v in given_names.items()}
            arguments = case.as_transport_kwargs(base_url=tour.server.api_url)
            arguments.pop("cookies", None)
            if isinstance(arguments.get("data"), bytes):
                arguments["content"] = arguments.pop("data")
            headers = {k: v for k, v in arguments.pop("headers", {}).items() if v.isascii()}
            answer = tour.clients["octocat"].request(**arguments, headers=headers)
            sent += 1
            # 501 is how it says loudly that it has no such route: a negative id, say
            if answer.status_code >= 500 and "does not implement" not in answer.text:
                found.append(f"{case.method} {case.formatted_path}: {answer.text[-300:]}")

        send()
    return found, sent


def test_no_request_breaks_it(fuzzed: Tour, count: Count) -> None:
    found, sent = wrong(fuzzed, examples=3)
    assert found == []
    count("requests that schemathesis made up", sent)


@pytest.mark.extra
@pytest.mark.timeout(1200)
def test_no_request_of_many_breaks_it(fuzzed: Tour, count: Count) -> None:
    found, sent = wrong(fuzzed, examples=40)
    assert found == []
    count("more of them", sent)

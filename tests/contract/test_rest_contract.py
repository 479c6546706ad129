"""Replies and payloads of the local GitHub against GitHub's own description.

Every route is in the tour, every reply of the tour is held against the description (MIT,
pruned by prune_openapi.py), and what differs is in deviations.py or a failure.
"""

from __future__ import annotations

from ao_actions.localgithub.rest.routing import ROUTES
from tests.contract import description
from tests.contract.conftest import Count, Judge
from tests.contract.tour import Tour

# asked for by the stand-ins of the artifact actions, inside the tour's runs
_BY_JOBS = {("POST", "/actions-results/artifacts"), ("POST", "/actions-results/list")}


def test_every_route_is_in_the_tour(tour: Tour, count: Count) -> None:
    routes = {(row.method, row.template) for rows in ROUTES.values() for row in rows}
    answered = {(e.method, e.template) for e in tour.exchanges if e.status < 400}
    assert routes - answered == _BY_JOBS
    count("routes, each of them answered", len(routes))
    count("operations of GitHub's description", len(description.operations()))


def test_every_route_is_in_the_description(judge: Judge) -> None:
    for method, rows in ROUTES.items():
        for row in rows:
            name = description.nameless(description.SAME.get(row.template, row.template))
            if (method, name) not in description.operations():
                said = ["GitHub describes no such operation"]
                assert judge(f"{method} {row.template}", said) == []


def test_every_reply_is_as_described(tour: Tour, judge: Judge, count: Count) -> None:
    wrong = [
        what
        for exchange in tour.exchanges
        for what in judge(
            f"{exchange.method} {exchange.template}", description.reply_breaks(exchange)
        )
    ]
    assert sorted(set(wrong)) == []
    count("replies", len(tour.exchanges))
    count("of them refusals", sum(exchange.status >= 400 for exchange in tour.exchanges))


def test_every_payload_is_as_described(tour: Tour, judge: Judge, count: Count) -> None:
    wrong = [
        what
        for event in tour.events
        for what in judge(event.name, description.payload_breaks(event))
    ]
    assert sorted(set(wrong)) == []
    kinds = {description.payload_name(event) for event in tour.events}
    assert len(kinds) >= 35
    count(f"webhook payloads, of {len(kinds)} kinds", len(tour.events))


def test_a_broken_reply_is_found(tour: Tour) -> None:
    """The check is one: a reply without one of its properties does not pass."""
    from dataclasses import replace

    issue = next(e for e in tour.exchanges if e.path.endswith("/issues/1") and e.method == "GET")
    assert description.reply_breaks(issue) == []
    broken = replace(issue, body=issue.body.replace(b'"number"', b'"nummer"'))
    assert description.reply_breaks(broken) == [": 'number' is a required property"]
    assert description.reply_breaks(replace(issue, status=299)) == [
        "GitHub never answers it with 299"
    ]

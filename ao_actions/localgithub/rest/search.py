"""Search (docs "Search issues and pull requests")."""

from __future__ import annotations

from ao_actions.localgithub import searching
from ao_actions.localgithub.errors import Refusal, invalid
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import issues as wire


@route("GET /search/issues")
def search_issues(call: Call) -> Reply:
    query = call.query.get("q")
    if call.viewer.is_anonymous:
        raise Refusal(401, "Requires authentication")
    if not query:
        raise invalid("Search", "q", "missing")
    found = searching.search(call.world, call.viewer, query)
    reply = call.page(found, lambda item: wire.issue(call.wire, *item) | {"score": 1.0}, "items")
    reply.body |= {"incomplete_results": False, "search_type": "lexical"}
    return reply

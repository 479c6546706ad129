"""A repository's webhooks."""

from __future__ import annotations

from typing import Any

from ao_actions.localgithub.errors import invalid, not_found
from ao_actions.localgithub.model import Hook
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire.core import Json, stamp

_BASE = "/repos/{owner}/{repo}/hooks"


def _hook(call: Call) -> Hook:
    wanted = call.number("hook_id")
    found = next((each for each in call.repo.hooks if each.id == wanted), None)
    if found is None:
        raise not_found()
    return found


def _shown(call: Call, hook: Hook) -> Json:
    url = f"{call.wire.repo(call.repo)}/hooks/{hook.id}"
    config: Json = {"url": hook.url, "content_type": hook.content_type, "insecure_ssl": "0"}
    if hook.secret:
        config["secret"] = "********"  # noqa: S105 - GitHub's own mask
    created = stamp(call.repo.created_at)
    return {
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": hook.events,
        "config": config,
        "updated_at": created,
        "created_at": created,
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }


@route(f"GET {_BASE}", "repository_hooks:read", role="admin")
def hooks(call: Call) -> Reply:
    return call.page(call.repo.hooks, lambda hook: _shown(call, hook))


@route(f"POST {_BASE}", "repository_hooks:write", role="admin", status=201)
def create(call: Call) -> Json:
    config: Any = call.required("config", "Hook")
    if not isinstance(config, dict) or not config.get("url"):
        raise invalid("Hook", "url", "missing_field")
    hook = Hook(
        id=call.world.next_id(),
        url=str(config["url"]),
        events=[str(each) for each in call.body.get("events") or ["push"]],
        secret=config.get("secret"),
        active=bool(call.body.get("active", True)),
        content_type=str(config.get("content_type", "form")),
    )
    call.repo.hooks.append(hook)
    return _shown(call, hook)


@route(f"GET {_BASE}/{{hook_id}}", "repository_hooks:read", role="admin")
def hook(call: Call) -> Json:
    return _shown(call, _hook(call))


@route(f"PATCH {_BASE}/{{hook_id}}", "repository_hooks:write", role="admin")
def update(call: Call) -> Json:
    record = _hook(call)
    config = call.body.get("config") or {}
    record.url = str(config.get("url", record.url))
    record.secret = config.get("secret", record.secret)
    record.content_type = str(config.get("content_type", record.content_type))
    record.active = bool(call.body.get("active", record.active))
    record.events = [str(each) for each in call.body.get("events") or record.events]
    return _shown(call, record)


@route(f"DELETE {_BASE}/{{hook_id}}", "repository_hooks:write", role="admin", status=204)
def delete(call: Call) -> Reply:
    call.repo.hooks.remove(_hook(call))
    return Reply(status=204)

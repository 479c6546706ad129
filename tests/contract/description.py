"""GitHub's own description (OpenAPI, pruned by prune_openapi.py), and what breaks it."""

from __future__ import annotations

import gzip
import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from ao_actions.localgithub.model import Event
from tests.contract.prune_openapi import SAME, TARGET, nameless
from tests.contract.tour import Exchange

_ERROR = {"$ref": "#/components/schemas/basic-error"}


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(TARGET.read_bytes()))
    return found


@cache
def operations() -> dict[tuple[str, str], Any]:
    """By method and path without names."""
    return {
        (method.upper(), nameless(path)): operation
        for path, each in document()["paths"].items()
        for method, operation in each.items()
    }


@cache
def _registry() -> Registry[Any]:
    resource = Resource.from_contents(document(), default_specification=DRAFT202012)
    return Registry().with_resource("urn:github", resource)


def breaks(schema: Any, value: Any) -> list[str]:
    """Where and how a value breaks a schema of the description."""
    rooted = json.loads(json.dumps(schema).replace('"#/components', '"urn:github#/components'))
    validator = Draft202012Validator(rooted, registry=_registry())
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:160]}"
        for error in validator.iter_errors(value)
    ]


def reply_breaks(exchange: Exchange) -> list[str]:
    """How a reply breaks what GitHub says about its operation."""
    template = SAME.get(exchange.template, exchange.template)
    operation = operations().get((exchange.method, nameless(template)))
    if operation is None:
        return ["GitHub describes no such operation"]
    response = operation["responses"].get(str(exchange.status))
    if response is None and exchange.status < 400:
        return [f"GitHub never answers it with {exchange.status}"]
    if response is None:
        response = {"content": {"application/json": {"schema": _ERROR}}}
    response = _resolved(response)
    content = next(
        (each for media, each in response.get("content", {}).items() if "json" in media), None
    )
    if content is None:
        sent = bool(exchange.body) and "json" in exchange.media
        return ["a body where GitHub sends none"] if sent else []
    if "json" not in exchange.media or not exchange.body:
        return [f"{len(exchange.body)} bytes of {exchange.media!r} where GitHub sends JSON"]
    return breaks(content.get("schema", {}), json.loads(exchange.body))


def _resolved(node: Any) -> Any:
    if "$ref" not in node:
        return node
    _, _, kind, name = node["$ref"].split("/")
    return document()["components"][kind][name]


def payload_name(event: Event) -> str:
    """What the description calls an event's payload."""
    name = event.name.replace("_", "-")
    return f"{name}-{event.action.replace('_', '-')}" if event.action else name


def payload_breaks(event: Event) -> list[str]:
    payloads = document()["x-payloads"]
    name = payload_name(event)
    # the action of a repository_dispatch is the caller's own word
    found = (
        payloads.get(name)
        or payloads.get(name.rpartition("-")[0])
        or payloads.get(
            "repository-dispatch-sample.collected" if event.name == "repository_dispatch" else ""
        )
    )
    return ["GitHub describes no such payload"] if found is None else breaks(found, event.payload)

"""Makes github-openapi.json.gz from GitHub's OpenAPI description.

python -m tests.contract.prune_openapi PATH/api.github.com.json   (npm @octokit/openapi 23.0.2)

Keeps the operations that the local GitHub has a route for, the payloads of the events that it
sends, and the schemas that they refer to, without descriptions and examples. It becomes OpenAPI
3.1: `nullable` is a type there.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

from ao_actions.localgithub import rest
from ao_actions.localgithub.rest.routing import ROUTES

TARGET = Path(__file__).with_name("github-openapi.json.gz")
EVENTS = """
check-run check-suite create delete issue-comment issue-dependencies issues label
pull-request pull-request-review pull-request-review-comment pull-request-review-thread push
repository-dispatch status sub-issues workflow-dispatch workflow-job workflow-run
"""
# Where one route of ours answers for several of GitHub's paths, or for one that is optional.
_REPO = "/repos/{owner}/{repo}"
SAME = {
    f"{_REPO}/contents": f"{_REPO}/contents/{{path}}",
    f"{_REPO}/contents/": f"{_REPO}/contents/{{path}}",
    f"{_REPO}/actions/workflows/{{workflow}}/{{switch}}": (
        f"{_REPO}/actions/workflows/{{workflow_id}}/enable"
    ),
    f"{_REPO}/actions/artifacts/{{artifact_id}}/zip": (
        f"{_REPO}/actions/artifacts/{{artifact_id}}/{{archive_format}}"
    ),
}
_DROPPED = {"example", "examples", "description", "title", "externalDocs", "summary", "tags"}
_DROPPED |= {"x-github", "deprecated", "headers"}
_NAMED = {"properties", "schemas", "paths", "parameters", "responses", "webhooks"}


def convert(node: Any) -> Any:
    if isinstance(node, list):
        return [convert(each) for each in node]
    if not isinstance(node, dict):
        return node
    # a property may be called `description`: only words of the description itself go
    plain = {
        key: {name: convert(each) for name, each in value.items()}
        if key in _NAMED and isinstance(value, dict)
        else convert(value)
        for key, value in node.items()
        if key not in _DROPPED
    }
    if not plain.pop("nullable", None):
        return plain
    if isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
        if "enum" in plain and None not in plain["enum"]:
            plain["enum"] = [*plain["enum"], None]
        return plain
    return {"anyOf": [plain, {"type": "null"}]}


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*(references(each) for each in node)) if node else set()
    if not isinstance(node, dict):
        return set()
    found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return found.union(*(references(each) for each in node.values()))


def nameless(template: str) -> str:
    """A path's template without the names of its parameters: ours differ from GitHub's."""
    return re.sub(r"\{[^}]*\}", "{}", template)


def kept_paths(source: dict[str, Any]) -> dict[str, Any]:
    rest.load()
    rows = [row for each in ROUTES.values() for row in each]
    ours = {(row.method, nameless(SAME.get(row.template, row.template))) for row in rows}
    paths: dict[str, Any] = {}
    for path, operations in source["paths"].items():
        for method, operation in operations.items():
            if (method.upper(), nameless(path)) in ours:
                paths.setdefault(path, {})[method] = convert(operation)
    return paths


def kept_webhooks(source: dict[str, Any]) -> dict[str, Any]:
    """Event and action to the schema of its payload."""
    found: dict[str, Any] = {}
    for name, operations in source["x-webhooks"].items():
        event = operations["post"]["x-github"].get("subcategory", "")
        kept = [each for each in EVENTS.split() if name == each or name.startswith(f"{each}-")]
        if kept and event:
            schema = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
            found[name] = convert(schema)
    return found


def components(source: dict[str, Any], waiting: set[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    seen: set[str] = set()
    while waiting:
        reference = waiting.pop()
        if reference in seen:
            continue
        seen.add(reference)
        _, _, kind, name = reference.split("/")
        made = convert(source["components"][kind][name])
        kept.setdefault(kind, {})[name] = made
        waiting |= references(made)
    return kept


def main() -> None:
    source = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "GitHub v3 REST API", "version": source["info"]["version"]},
        "paths": kept_paths(source),
        "x-payloads": kept_webhooks(source),
    }
    document["components"] = components(source, references(document))
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    operations = sum(len(each) for each in document["paths"].values())
    print(
        f"{operations} operations, {len(document['x-payloads'])} payloads, "
        f"{len(document['components']['schemas'])} schemas, {TARGET.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()

"""Makes github-schemas.json.gz from GitHub's OpenAPI description.

python tests/contract/prune_openapi.py PATH/api.github.com.json   (npm @octokit/openapi 23.0.2)

Keeps the schemas named here and what they refer to, without descriptions and examples, as JSON
Schema 2020-12: OpenAPI 3.0's `nullable` becomes a type.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

KEPT = """
issue label issue-comment pull-request pull-request-simple pull-request-review
pull-request-review-comment check-run check-suite full-repository status
repository-collaborator-permission git-ref git-commit git-tree blob commit commit-comparison
combined-commit-status branch-with-protection short-branch content-file hook reaction
check-annotation public-user file-commit installation-token collaborator environment
rate-limit-overview basic-error diff-entry workflow workflow-run job artifact
""".split()  # noqa: SIM905 - a list is longer


def convert(node: Any) -> Any:
    if isinstance(node, list):
        return [convert(each) for each in node]
    if not isinstance(node, dict):
        return node
    dropped = {"example", "examples", "description", "title", "externalDocs"}
    # a property may be called `description`: only words of the schema itself go
    plain = {
        key: {name: convert(each) for name, each in value.items()}
        if key in {"properties", "schemas"} and isinstance(value, dict)
        else convert(value)
        for key, value in node.items()
        if key not in dropped
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
    found = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
    return found.union(*(references(each) for each in node.values()))


def main() -> None:
    source = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["components"]["schemas"]
    schemas: dict[str, Any] = {}
    waiting = [name for name in KEPT if name in source]
    while waiting:
        name = waiting.pop()
        if name not in schemas:
            schemas[name] = convert(source[name])
            waiting += references(schemas[name])
    text = json.dumps({"components": {"schemas": schemas}}, separators=(",", ":"), sort_keys=True)
    target = Path(__file__).with_name("github-schemas.json.gz")
    target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    missing = sorted(set(KEPT) - set(source))
    print(f"{len(schemas)} schemas, {target.stat().st_size} bytes; not found: {missing}")


if __name__ == "__main__":
    main()

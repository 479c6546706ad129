"""Fetches artifacts of this run by the runtime token, of another run by the REST API."""

from __future__ import annotations

import fnmatch
import http.client
import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any


class Failure(Exception):  # noqa: N818 - it ends the step, not a call
    """Ends the step with its message."""


def call(method: str, url: str, body: object = None, token: str = "") -> tuple[Any, Any]:
    """(the response, its bytes)."""
    host, _, path = url.removeprefix("http://").partition("/")
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request(method, f"/{path}", None if body is None else json.dumps(body), headers)
    reply = connection.getresponse()
    return reply, reply.read()


def own_artifacts() -> list[dict[str, Any]]:
    url = os.environ["ACTIONS_RESULTS_URL"] + "/list"
    reply, content = call("POST", url, {"token": os.environ["ACTIONS_RUNTIME_TOKEN"]})
    if reply.status != 200:
        raise Failure(f"Unable to list artifacts: {reply.status}")
    found: list[dict[str, Any]] = json.loads(content)
    return found


def foreign_artifacts(token: str) -> list[dict[str, Any]]:
    base = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['IN_REPOSITORY']}/actions"
    url = f"{base}/runs/{os.environ['IN_RUN']}/artifacts?per_page=100"
    reply, content = call("GET", url, token=token)
    if reply.status != 200:
        raise Failure(f"Unable to list artifacts: {reply.status} {content.decode()}")
    found: list[dict[str, Any]] = json.loads(content)["artifacts"]
    return found


def chosen(artifacts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    name, ids, pattern = (os.environ[key] for key in ("IN_NAME", "IN_IDS", "IN_PATTERN"))
    if ids:
        wanted = {int(part) for part in ids.split(",")}
        found = [item for item in artifacts if item["id"] in wanted]
        if len(found) != len(wanted):
            raise Failure(f"Unable to find the artifacts with the ids {ids}")
        return found
    if name:
        found = [item for item in artifacts if item["name"] == name]
        if not found:
            raise Failure(f"Unable to download artifact(s): Artifact not found for name: {name}")
        return found
    return [item for item in artifacts if fnmatch.fnmatchcase(item["name"], pattern or "*")]


def content_of(artifact: dict[str, Any], token: str) -> bytes:
    if "file" in artifact:
        return Path(artifact["file"]).read_bytes()
    reply, content = call("GET", artifact["archive_download_url"], token=token)
    if reply.status == 302:
        reply, content = call("GET", reply.headers["Location"])
    if reply.status != 200:
        raise Failure(f"Unable to download artifact: {reply.status}")
    return bytes(content)


def main() -> int:
    if os.environ["IN_UNSUPPORTED"] == "true":
        raise Failure("download-artifact stand-in: skip-decompress is not supported")
    token = os.environ["IN_TOKEN"]
    foreign = bool(token) and (
        os.environ["IN_RUN"] != os.environ["GITHUB_RUN_ID"]
        or os.environ["IN_REPOSITORY"] != os.environ["GITHUB_REPOSITORY"]
    )
    if not token and os.environ["IN_RUN"] != os.environ["GITHUB_RUN_ID"]:
        # the real action ignores run-id without a token and looks in its own run
        print("run-id needs github-token; looking in this run")
    artifacts = chosen(foreign_artifacts(token) if foreign else own_artifacts())
    target = Path(os.environ["GITHUB_WORKSPACE"], os.environ["IN_PATH"]).resolve()
    single = bool(os.environ["IN_NAME"]) or os.environ["IN_MERGE"] == "true"
    single = single or (bool(os.environ["IN_IDS"]) and len(artifacts) == 1)
    for artifact in artifacts:
        folder = target if single else target / artifact["name"]
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(content_of(artifact, token))) as archive:
            archive.extractall(folder)
        print(f"Artifact {artifact['name']} (id {artifact['id']}) downloaded to {folder}")
    target.mkdir(parents=True, exist_ok=True)
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
        output.write(f"download-path={target}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"::error::{failure}")
        sys.exit(1)

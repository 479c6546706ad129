"""Asks the local GitHub for an installation token. The JWT is unsigned: no key is kept there."""

from __future__ import annotations

import base64
import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def call(method: str, path: str, jwt: str, body: object = None) -> dict[str, Any]:
    host, _, base = os.environ["IN_API"].removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=60)
    headers = {"Authorization": f"Bearer {jwt}", "Content-Type": "application/json"}
    connection.request(
        method, f"/{base}{path}", None if body is None else json.dumps(body), headers
    )
    reply = connection.getresponse()
    answer: dict[str, Any] = json.loads(reply.read())
    if reply.status >= 300:
        print(f"::error::{method} {path}: {reply.status} {answer.get('message')}")
        sys.exit(1)
    return answer


def main() -> int:
    app, key = os.environ["IN_APP"], os.environ["IN_KEY"]
    if not app or not key:
        print("::error::app-id (or client-id) and private-key are needed")
        return 1
    now = int(time.time())
    claims = {"iat": now - 30, "exp": now + 540, "iss": app}
    jwt = f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.unsigned"
    owner, _, name = os.environ["GITHUB_REPOSITORY"].partition("/")
    owner = os.environ["IN_OWNER"] or owner
    listed = os.environ["IN_REPOSITORIES"].replace(",", " ").split()
    names = listed or ([] if os.environ["IN_OWNER"] else [name])
    installation = call("GET", f"/repos/{owner}/{(names or [name])[0]}/installation", jwt)
    pairs = (pair.split("=", 1) for pair in os.environ["IN_PERMISSIONS"].split())
    wanted = {scope: level for scope, level in pairs if level}
    body: dict[str, object] = {"repositories": names} if names else {}
    if wanted:
        body["permissions"] = wanted
    answer = call("POST", f"/app/installations/{installation['id']}/access_tokens", jwt, body)
    print(f"::add-mask::{answer['token']}")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
        output.write(f"token={answer['token']}\ninstallation-id={installation['id']}\n")
        output.write(f"app-slug={installation['app_slug']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

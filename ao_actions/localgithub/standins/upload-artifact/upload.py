"""Zips what the patterns name and hands it to the local GitHub."""

from __future__ import annotations

import glob
import http.client
import json
import os
import sys
import zipfile
from pathlib import Path

_FORBIDDEN = '":<>|*?\r\n\\/'


def is_hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)


def search(pattern: str) -> tuple[Path, set[Path]]:
    """(where the search begins, the files found): up to the first wildcard, as upload-artifact."""
    path = Path(os.path.abspath(os.path.expanduser(pattern)))  # noqa: PTH100, PTH111 - no symlinks
    if not glob.has_magic(pattern):
        if path.is_dir():
            return path, {file for file in path.rglob("*") if file.is_file()}
        return path, {path} if path.is_file() else set()
    base = path
    while glob.has_magic(str(base)):
        base = base.parent
    found: set[Path] = set()
    for name in glob.glob(str(path), recursive=True, include_hidden=True):  # noqa: PTH207
        match = Path(name)
        inside = match.rglob("*") if match.is_dir() else [match]
        found.update(file for file in inside if file.is_file())
    return base, found


def collect(lines: str) -> tuple[Path, list[Path]]:
    """(the directory that names in the artifact are relative to, the files)."""
    bases: list[Path] = []
    files: set[Path] = set()
    for line in filter(None, (line.strip() for line in lines.splitlines())):
        if line.startswith("!"):
            files -= search(line[1:])[1]
            continue
        base, found = search(line)
        bases.append(base)
        files |= found
    if not files:
        return Path.cwd(), []
    root = Path(os.path.commonpath(bases))
    if len(files) == 1 and root in files:
        root = root.parent
    if os.environ["IN_HIDDEN"] != "true":
        files = {file for file in files if not is_hidden(file, root)}
    return root, sorted(files)


def write_zip(target: Path, root: Path, files: list[Path]) -> None:
    level = int(os.environ["IN_LEVEL"])
    with zipfile.ZipFile(
        target, "w", zipfile.ZIP_DEFLATED, compresslevel=level, strict_timestamps=False
    ) as archive:
        for file in files:
            archive.write(file, file.relative_to(root))


def post(path: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    host, _, base = os.environ["ACTIONS_RESULTS_URL"].removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request(
        "POST", f"/{base}{path}", json.dumps(body), {"Content-Type": "application/json"}
    )
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def main() -> int:
    name = os.environ["IN_NAME"]
    if not name or any(character in _FORBIDDEN for character in name):
        print(f"::error::The artifact name is not valid: {name}")
        return 1
    root, files = collect(os.environ["IN_PATH"])
    if not files:
        wanted = os.environ["IN_IF_NONE"]
        message = (
            f"No files were found with the provided path: {os.environ['IN_PATH']}. "
            "No artifacts will be uploaded."
        ).replace("\n", "%0A")
        if wanted == "error":
            print(f"::error::{message}")
            return 1
        print(f"::warning::{message}" if wanted == "warn" else message)
        return 0
    target = Path(os.environ["RUNNER_TEMP"]) / f"upload-{os.getpid()}.zip"
    write_zip(target, root, files)
    status, reply = post(
        "/artifacts",
        {
            "token": os.environ["ACTIONS_RUNTIME_TOKEN"],
            "name": name,
            "file": str(target),
            "retention_days": int(os.environ["IN_RETENTION"] or 0),
            "overwrite": os.environ["IN_OVERWRITE"] == "true",
        },
    )
    if status != 201:
        print(f"::error::{reply.get('message')}")
        return 1
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
        output.write(f"artifact-id={reply['id']}\nartifact-url={reply['url']}\n")
        output.write(f"artifact-digest={reply['digest']}\n")
    print(f"Artifact {name} has been successfully uploaded: {len(files)} files, id {reply['id']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

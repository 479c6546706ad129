"""git over HTTP: the smart protocol, spoken by `git http-backend` over the bare repositories.

One process per request. A push is serialised per repository so that what it moved is told in
order; races between pushes are decided by git's own compare-and-swap on refs. Sources:
git-http-backend(1), gitprotocol-pack(5); the refusals are those of GitHub's servers.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Literal

from ao_actions.localgithub import access, pushes
from ao_actions.localgithub.access import Viewer
from ao_actions.localgithub.bare import git_env
from ao_actions.localgithub.errors import Refusal
from ao_actions.localgithub.model import Protection, Repository
from ao_actions.localgithub.turn import Turn
from ao_actions.localgithub.world import World

PATH = re.compile(
    r"/(?P<owner>[^/]+)/(?P<name>[^/]+?)(?:\.git)?/(?P<verb>info/refs|git-upload-pack|git-receive-pack)"
)
_COMMAND = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) ([^\0\n]+)")
_CHUNK = 65_536

# Runs inside receive-pack, before any ref moves: only there are the pushed objects readable.
_PRE_RECEIVE = """\
#!/bin/sh
# Refuses what this credential may not change; the server says what through the environment.
zero=0000000000000000000000000000000000000000
failed=0
while read -r old new ref; do
    case " $LOCALGITHUB_PROTECTED " in
    *" $ref "*)
        echo "error: GH006: Protected branch update failed for $ref." >&2
        echo "error: $LOCALGITHUB_PROTECTED_REASON" >&2
        failed=1
        ;;
    esac
    [ -n "$LOCALGITHUB_NO_WORKFLOWS" ] || continue
    [ "$new" != "$zero" ] || continue
    git rev-parse --quiet --verify "$new^{commit}" >/dev/null || continue
    files=$(git log --format= --name-only --cc "$new" --not --all -- \\
        .github/workflows)
    path=$(printf '%s\\n' "$files" | sed -n 1p)
    [ -n "$path" ] || continue
    echo "refusing to allow a GitHub App to create or update workflow" \\
        "\\`$path\\` without \\`workflows\\` permission" >&2
    failed=1
done
exit $failed
"""


@dataclass(frozen=True)
class GitRequest:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: IO[bytes]
    viewer: Viewer


@dataclass
class GitReply:
    """`close` is for a body that is not read to its end."""

    status: int
    headers: list[tuple[str, str]]
    body: Iterator[bytes]
    close: Callable[[], None]


class GitServer:
    def __init__(self, world: World) -> None:
        self._world = world
        self._locks: dict[str, threading.Lock] = {}
        self._hooks = world.root / "hooks"
        self._hooks.mkdir(exist_ok=True)
        hook = self._hooks / "pre-receive"
        hook.write_text(_PRE_RECEIVE, encoding="utf-8")
        hook.chmod(0o755)

    def serve(self, request: GitRequest) -> GitReply:
        """Answers one request; raises Refusal with the status that git shows."""
        match = PATH.fullmatch(request.path)
        if match is None:
            raise Refusal(404, "Not Found")
        full_name, verb = f"{match['owner']}/{match['name']}", match["verb"]
        pushing = "git-receive-pack" in {verb, request.query.removeprefix("service=")}
        with self._world.lock:
            repo = self._admit(request.viewer, full_name, pushing=pushing)
            if verb == "info/refs":
                self._world.requests["git"] += 1
        if verb != "git-receive-pack":
            return self._run(request, repo, verb)
        with self._locks.setdefault(repo.full_name, threading.Lock()):
            return self._push(request, repo)

    def _admit(self, viewer: Viewer, full_name: str, *, pushing: bool) -> Repository:
        try:
            repo = access.find_repository(self._world, viewer, full_name)
        except Refusal:
            if viewer.is_anonymous:
                raise Refusal(401, "Repository not found.") from None
            raise Refusal(404, "Repository not found.") from None
        if viewer.is_anonymous and pushing:
            raise Refusal(401, "No anonymous write access.")
        level: Literal["read", "write"] = "write" if pushing else "read"
        if not access.allows(viewer, repo, "contents", level, level):
            message = f"Permission to {repo.full_name}.git denied to {viewer.login}."
            raise Refusal(403, message)
        return repo

    def _push(self, request: GitRequest, repo: Repository) -> GitReply:
        wanted = _commands(request.body, request.headers.get("content-encoding", ""))
        reply = self._run(request, repo, "git-receive-pack")
        answer = b"".join(reply.body)
        reply.body = iter([answer])
        bare = self._world.bare(repo)
        accepted = _accepted(answer)
        moves = [
            move
            for move in wanted
            if (move.ref in accepted if accepted is not None else bare.ref(move.ref) == move.new)
            and move.old != move.new
        ]
        if moves:
            with self._world.lock:
                pushes.moved(Turn(self._world, repo, request.viewer), moves)
        return reply

    def _run(self, request: GitRequest, repo: Repository, verb: str) -> GitReply:
        environment = self._environment(request, repo, verb)
        request.body.seek(0)
        process = subprocess.Popen(
            ["git", "http-backend"],
            stdin=request.body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        if process.stdout is None:
            raise RuntimeError("git http-backend has no output")
        status, headers = _read_head(process.stdout)
        output = process.stdout

        def close() -> None:
            output.close()  # a client that went away leaves a process that nobody reads
            process.wait()

        return GitReply(status, headers, _chunks(output, close), close)

    def _environment(self, request: GitRequest, repo: Repository, verb: str) -> dict[str, str]:
        headers = request.headers
        request.body.seek(0, os.SEEK_END)
        size = request.body.tell()
        env = git_env() | {
            "GIT_PROJECT_ROOT": str(self._world.root / "git"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{repo.full_name}.git/{verb}",
            "QUERY_STRING": request.query,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(size),
            "REMOTE_USER": request.viewer.login,
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_PROTOCOL": headers.get("git-protocol", ""),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        }
        if verb == "git-receive-pack":
            env |= self._restrictions(repo, request.viewer)
        return env

    def _restrictions(self, repo: Repository, viewer: Viewer) -> dict[str, str]:
        """Turns the hook on for credentials that may not push everything."""
        turn = Turn(self._world, repo, viewer)
        protected, reason = _protected_refs(repo, viewer)
        workflows = "" if pushes.may_change_workflows(turn) else "1"
        if not protected and not workflows:
            return {}
        return {
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_1": "core.hooksPath",
            "GIT_CONFIG_VALUE_1": str(self._hooks),
            "LOCALGITHUB_PROTECTED": protected,
            "LOCALGITHUB_PROTECTED_REASON": reason,
            "LOCALGITHUB_NO_WORKFLOWS": workflows,
        }


def _protected_refs(repo: Repository, viewer: Viewer) -> tuple[str, str]:
    """Branches that only a merge may move, except for administrators."""
    if not viewer.is_integration and access.has_role(repo, viewer.login, "admin"):
        return "", ""
    strict = [name for name, rules in repo.protection.items() if _is_strict(rules)]
    return " ".join(f"refs/heads/{name}" for name in strict), (
        "Changes must be made through a pull request."
    )


def _is_strict(rules: Protection) -> bool:
    return bool(rules.required_approvals or rules.required_checks or rules.restrict_pushes)


def _read_head(stream: IO[bytes]) -> tuple[int, list[tuple[str, str]]]:
    """The CGI header of the backend's answer."""
    status, headers = 200, []
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers.append((name.strip(), value.strip()))
    return status, headers


def _chunks(stream: IO[bytes], close: Callable[[], None]) -> Iterator[bytes]:
    while chunk := stream.read1(_CHUNK):  # type: ignore[attr-defined] # a BufferedReader
        yield chunk
    close()


def _packets(data: bytes) -> Iterator[bytes]:
    """pkt-lines up to the first flush."""
    position = 0
    while position + 4 <= len(data):
        try:
            size = int(data[position : position + 4], 16)
        except ValueError:
            return
        if size < 4:
            return
        yield data[position + 4 : position + size]
        position += size


def _commands(body: IO[bytes], encoding: str) -> list[pushes.Move]:
    """The ref updates that a push asks for, from the start of its body."""
    body.seek(0)
    start = body.read(1 << 20)
    if encoding == "gzip":
        start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, 1 << 20)
    moves = []
    for line in _packets(start):
        match = _COMMAND.match(line)
        if match:
            old, new, ref = (part.decode("utf-8", "surrogateescape") for part in match.groups())
            moves.append(pushes.Move(ref, old, new))
    return moves


def _accepted(answer: bytes) -> set[str] | None:
    """The refs that receive-pack reports as `ok`; None when it reported nothing."""
    # with side-band-64k the report comes in band 1, which may be cut anywhere
    packets = list(_packets(answer))
    inner = b"".join(packet[1:] for packet in packets if packet[:1] == b"\x01")
    lines = list(_packets(inner)) if inner else packets
    if not any(line.startswith(b"unpack ") for line in lines):
        return None
    report = [line.decode("utf-8", "surrogateescape").strip() for line in lines]
    return {line.removeprefix("ok ") for line in report if line.startswith("ok ")}

"""`ao-actions localgithub serve`: a local GitHub in the foreground, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ao_actions.localgithub import seed as seeding
from ao_actions.localgithub.faults import Faults
from ao_actions.localgithub.server import LocalGitHub
from ao_actions.localgithub.world import World

_FIRST_USER = "octocat"
_FIRST_REPOSITORY = "octocat/hello"


def serve(
    root: Path,
    port: int = 0,
    seed: Path | None = None,
    socket: Path | None = None,
    faults: Path | None = None,
) -> None:
    """Serves the world under `root`; a new one is filled from `seed`, or with octocat's.

    Raises PortTakenError (an OSError) when the port is in use, ValueError for a bad seed or a
    bad file of `faults`.
    """
    rules = Faults.load(faults) if faults else Faults()
    with until_signal() as wait, _github(root, port, socket) as server:
        _fill(server.world, seed)
        server.app.faults = rules
        print(describe(server, socket), flush=True)
        wait()
    for line in rules.report():
        print(f"fault: {line}", file=sys.stderr)
    print("stopped; the world is kept", file=sys.stderr)


def _github(root: Path, port: int, socket: Path | None) -> LocalGitHub:
    """Runs find what is installed beside this Python, as those of the world's maker did."""
    beside = Path(sys.executable).parent
    return LocalGitHub(root, port=port, socket=socket, path_entries=[beside])


def _fill(world: World, seed: Path | None) -> None:
    """A world that has repositories is served as it is."""
    if world.repositories:
        return
    if seed is not None:
        seeding.load(world, seed)
        return
    world.add_user(_FIRST_USER, name="The Octocat", email="octocat@example.com")
    world.add_token(_FIRST_USER)
    repo = world.create_repository(_FIRST_REPOSITORY)
    seeding.commit_files(world, repo, {"README.md": "# hello\n"}, "Initial commit")


def describe(server: LocalGitHub, socket: Path | None) -> str:
    """What runs where, and how to point git, curl, gh and others at it."""
    world = server.world
    people = {token.login: token.value for token in world.tokens.values() if token.kind == "user"}
    lines = [
        f"local GitHub at {server.url}",
        f"  REST     {server.api_url}",
        f"  GraphQL  {server.graphql_url}",
        f"  world    {world.root}",
        "",
        "tokens",
        *(f"  {login:<16} {value}" for login, value in people.items()),
        "",
        "repositories",
        *(f"  {name}" for name in world.repositories),
        "",
    ]
    token = next(iter(people.values()), "TOKEN")
    name = next(iter(world.repositories), "OWNER/REPO")
    address = server.url.replace("://", f"://x-access-token:{token}@")
    lines += [
        f"git clone {address}/{name}.git",
        f"curl -H 'Authorization: Bearer {token}' {server.api_url}/repos/{name}",
    ]
    lines.append(
        f"export GITHUB_SERVER_URL={server.url} GITHUB_API_URL={server.api_url} "
        f"GITHUB_GRAPHQL_URL={server.graphql_url} GITHUB_REPOSITORY={name} GITHUB_TOKEN={token}"
    )
    if socket is None:
        lines.append("gh needs a Unix socket: start again with --socket FILE")
    else:
        lines += [
            f"mkdir -p {socket}.gh && echo 'http_unix_socket: {socket}' > {socket}.gh/config.yml",
            f"GH_CONFIG_DIR={socket}.gh GH_TOKEN={token} GH_REPO={name} gh issue list",
        ]
    return "\n".join(lines)


@contextmanager
def until_signal() -> Iterator[Callable[[], None]]:
    """A function that waits for Ctrl-C or SIGTERM, from now on; the handlers before are put back.

    No lock may be in play: a handler runs in the middle of whatever the main thread does, and
    an event that it sets while that thread begins to wait for it can be lost for ever.
    """
    ended: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        ended.append(number)

    def wait() -> None:
        while not ended:
            time.sleep(0.1)

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wait
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

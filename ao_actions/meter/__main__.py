"""The meter's process: `python -I -m ao_actions.meter`, started by `meter.start` only.

It reads its settings from standard input, tells its port on standard output, and goes on alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import uvicorn

from ao_actions import runtime
from ao_actions.core import codec
from ao_actions.meter.book import Book
from ao_actions.meter.prices import Prices, listed
from ao_actions.meter.proxy import Proxy
from ao_actions.meter.settings import Settings


def main() -> None:
    runtime.hide()
    settings = codec.decode(Settings, json.load(sys.stdin.buffer))
    # What can fail, fails before the fork, where somebody still listens.
    prices = listed()
    listener = listen()
    log = Path(settings.log or os.devnull).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115
    if os.fork():
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        os._exit(0)
    _let_go()
    with log:
        asyncio.run(serve(settings, prices, listener, log))


def listen() -> socket.socket:
    """A free port on loopback. Who connects before `serve` runs, waits."""
    # with the protocol named, asyncio turns Nagle's delay off
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener


def _let_go() -> None:
    """Closes what ties us to the one that started us: a step of a workflow ends with its pipes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


async def serve(settings: Settings, prices: Prices, listener: socket.socket, log: TextIO) -> None:
    def end() -> None:
        server.should_exit = True

    def note(line: str) -> None:
        with suppress(OSError):  # a full disk is no reason to stop
            print(line, file=log)

    book = Book(prices, settings.usd)
    proxy = Proxy(settings.upstreams, dummy=settings.dummy, book=book, log=note, close=end)
    config = uvicorn.Config(
        proxy,
        interface="asgi3",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=3600,  # an agent's tool may run long between two requests
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    asyncio.get_running_loop().call_later(settings.seconds, end)
    await server.serve(sockets=[listener])
    await proxy.aclose()


if __name__ == "__main__":
    main()

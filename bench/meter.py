"""What the meter costs: time per request, streamed bytes a second, 200 streams at once.

The provider is a second process on loopback, so a real one's network time is in none of it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ao_actions import meter

USAGE = {"input_tokens": 1000, "output_tokens": 50}
WHOLE = json.dumps({"model": "claude-opus-5-5", "content": [], "usage": USAGE}).encode()
WORDS = b'data: {"type":"content_block_delta","delta":{"text":"' + b"x" * 900 + b'"}}\n\n'
END = b"data: " + json.dumps({"type": "message_delta", "usage": USAGE}).encode() + b"\n\n"
STREAMS = 200


async def provider(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with as many events as the body says; 0 is one JSON object."""
    count = int(await Request(scope, receive).body())

    async def events():
        for _ in range(count):
            yield WORDS
        yield END

    answer = StreamingResponse(events(), media_type="text/event-stream")
    await (answer if count else Response(WHOLE, media_type="application/json"))(
        scope, receive, send
    )


def serve() -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            provider, interface="asgi3", lifespan="off", log_config=None, access_log=False
        )
    )
    # with the protocol named, asyncio turns Nagle's delay off
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    server.run(sockets=[listener])


async def overhead(url: str, key: str) -> list[float]:
    times = []
    async with httpx.AsyncClient(headers={"x-api-key": key}) as client:
        for _ in range(300):
            began = time.perf_counter()
            (await client.post(f"{url}/v1/messages", content=b"0")).raise_for_status()
            times.append((time.perf_counter() - began) * 1000)
    return times[20:]


async def throughput(url: str, key: str) -> float:
    """Megabytes a second of one stream."""
    async with httpx.AsyncClient(headers={"x-api-key": key}, timeout=120) as client:
        began = time.perf_counter()
        answer = await client.post(f"{url}/v1/messages", content=b"20000")
        return len(answer.content) / 1e6 / (time.perf_counter() - began)


async def together(url: str, key: str) -> float:
    """Seconds for 200 streams of 100 events each, one client for each as agents have."""
    trust = ssl.create_default_context()  # dear to make, so only once

    async def one() -> int:
        async with httpx.AsyncClient(headers={"x-api-key": key}, timeout=120, verify=trust) as it:
            return len((await it.post(f"{url}/v1/messages", content=b"100")).content)

    began = time.perf_counter()
    sizes = await asyncio.gather(*(one() for _ in range(STREAMS)))
    assert len(set(sizes)) == 1
    return time.perf_counter() - began


def report(
    name: str, measure: Callable[[str, str], Awaitable[float]], *places: tuple[str, str]
) -> None:
    direct, through = (asyncio.run(measure(*place)) for place in places)  # type: ignore[arg-type]
    print(f"{name:<40} {direct:10.2f} {through:14.2f}")


def main() -> None:
    with subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        upstream = meter.Upstream(
            name="anthropic", url=url, header="x-api-key", key="key-of-a-bench"
        )
        it = meter.start([upstream], usd=None, seconds=600, log=None)
        places = ((url, "k"), (it.base("anthropic"), it.key))
        direct, through = (asyncio.run(overhead(*place)) for place in places)
        print(f"{'':<40} {'direct':>10} {'with the meter':>14}")
        for name, at in (("p50", 49), ("p95", 94)):
            one, other = (statistics.quantiles(each, n=100)[at] for each in (direct, through))
            print(f"{'time of a request, ' + name + ', ms':<40} {one:10.2f} {other:14.2f}")
        report("one stream, MB/s", throughput, *places)
        report(f"{STREAMS} streams of 100 events at once, s", together, *places)
        print(f"account: {it.close().requests} requests")
        server.terminate()


if __name__ == "__main__":
    serve() if sys.argv[1:] else main()

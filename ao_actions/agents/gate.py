"""The way out of an agent's network: sockets that listen in it, served by a thread of ours.

One leads to the meter, one is the proxy of `egress`. What is inside a tunnel it does not see.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from ao_actions.agents.base import sentence
from ao_actions.agents.egress import LOOPBACK, Egress, Refused, Request, parsed

HEAD_LIMIT = 16_384  # bytes of a request's first lines
SECONDS = 30.0  # for a request's first lines, for a connection, for the last bytes
IDLE_SECONDS = 900.0  # a model may think for minutes
CONNECTIONS = 128
NAMED = 100  # refused hosts that are told apart

Serve = Callable[[StreamReader, StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Gate:
    """`refused`: each host that was refused, and why."""

    egress: Egress
    refused: dict[str, str] = field(default_factory=dict)
    _connections: int = 0

    @contextmanager
    def serving(self, proxy: socket.socket, meter: socket.socket | None = None) -> Iterator[None]:
        """Until the end of the block; then nothing of it is left."""
        loop, over = asyncio.new_event_loop(), asyncio.Event()

        def run() -> None:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._serve(over, proxy, meter))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join()

    async def _serve(
        self, over: asyncio.Event, proxy: socket.socket, meter: socket.socket | None
    ) -> None:
        servers = [await self._start(proxy, self._proxied)]
        if meter is not None:
            servers.append(await self._start(meter, self._metered))
        await over.wait()
        for server in servers:
            server.close()

    async def _start(self, listener: socket.socket, serve: Serve) -> asyncio.Server:
        async def bounded(reader: StreamReader, writer: StreamWriter) -> None:
            async with _closing(writer):
                if self._connections < CONNECTIONS:
                    self._connections += 1
                    try:
                        # OSError: a time limit, too; EOFError: the request broke off
                        with contextlib.suppress(OSError, EOFError):
                            await serve(reader, writer)
                    finally:
                        self._connections -= 1

        return await asyncio.start_server(bounded, sock=listener, limit=HEAD_LIMIT)

    async def _metered(self, reader: StreamReader, writer: StreamWriter) -> None:
        there = await asyncio.open_connection(LOOPBACK, self.egress.meter)
        async with _closing(there[1]):
            await _join((reader, writer), there)

    async def _proxied(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            request = parsed(await _head(reader))
            there = await self._connected(request)
        except Refused as refusal:
            if len(self.refused) < NAMED:
                self.refused.setdefault(refusal.target, str(refusal))
            writer.write(_answer(refusal))
            return
        async with _closing(there[1]):
            if request.head:
                await _once(request, (reader, writer), there)
            else:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _join((reader, writer), there)

    async def _connected(self, request: Request) -> tuple[StreamReader, StreamWriter]:
        """
        :raises Refused: it may not be reached, or cannot
        """
        target = sentence(f"{request.host}:{request.port}", limit=120)
        why = "it takes too long"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                for address in await asyncio.to_thread(self.egress.addresses, request):
                    try:
                        return await asyncio.open_connection(*address)
                    except OSError as error:
                        why = str(error)
        raise Refused(502, f"{target} cannot be reached: {why}", target)


async def _head(reader: StreamReader) -> bytes:
    """
    :raises Refused: it is too long
    """
    try:
        async with asyncio.timeout(SECONDS):
            return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Refused(400, f"the header lines are longer than {HEAD_LIMIT} bytes") from None


def _answer(refusal: Refused) -> bytes:
    body = f"ao-actions: {refusal}\n".encode()
    head = (
        f"HTTP/1.1 {refusal.status} Refused\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


async def _once(
    request: Request,
    near: tuple[StreamReader, StreamWriter],
    there: tuple[StreamReader, StreamWriter],
) -> None:
    """One request and its answer: what else comes on this connection is not read."""
    there[1].write(request.head)
    left = request.body
    async with asyncio.timeout(IDLE_SECONDS) as limit:
        while left and (chunk := await near[0].read(min(left, 1 << 16))):
            left -= len(chunk)
            await _pass(chunk, there[1], limit)
        await _copy(there[0], near[1], limit)


async def _join(
    one: tuple[StreamReader, StreamWriter], other: tuple[StreamReader, StreamWriter]
) -> None:
    """Both directions, until both have ended or nothing flows any more."""
    try:
        async with asyncio.timeout(IDLE_SECONDS) as limit, asyncio.TaskGroup() as group:
            group.create_task(_copy(one[0], other[1], limit))
            group.create_task(_copy(other[0], one[1], limit))
    except* OSError:
        pass  # one end is gone


async def _copy(reader: StreamReader, writer: StreamWriter, limit: asyncio.Timeout) -> None:
    while chunk := await reader.read(1 << 16):
        await _pass(chunk, writer, limit)
    writer.write_eof()


async def _pass(chunk: bytes, writer: StreamWriter, limit: asyncio.Timeout) -> None:
    if not limit.expired():
        limit.reschedule(asyncio.get_running_loop().time() + IDLE_SECONDS)
    writer.write(chunk)
    await writer.drain()


@asynccontextmanager
async def _closing(writer: StreamWriter) -> AsyncIterator[None]:
    """What was written still goes out, unless we are being ended."""
    try:
        yield
        writer.close()
        with contextlib.suppress(OSError):
            async with asyncio.timeout(SECONDS):
                await writer.wait_closed()
    finally:
        writer.transport.abort()

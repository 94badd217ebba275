"""What would a slow line do to it? A proxy with the delay and the rate of one, which counts every byte that passes.

Unlike the throttling inside a browser it also slows what workers ask for, sockets, and the opening of connections. It
leaves out TLS, and that a connection starts slowly.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.local import ports

_PIECE = 1460


@dataclass(slots=True)
class Link:
    """A line under way: its address, and how many bytes came down, went up, over how many connections."""

    address: str
    down: int = 0
    up: int = 0
    connections: int = 0
    free_at: float = field(default=0.0, repr=False)

    def reset(self) -> None:
        """Count from zero."""
        self.down = self.up = self.connections = 0


@contextmanager
def slow(target: str, *, bits_per_second: float, round_trip: float) -> Iterator[Link]:
    """A line to `target` (host:port) in a thread of its own; all that comes down shares the rate."""
    link = Link(f"{ports.HOST}:{ports.free_port()}")
    loop = asyncio.new_event_loop()
    up = threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(
            lambda reader, writer: _pass(link, target, bits_per_second / 8, round_trip, reader, writer),
            ports.HOST,
            int(link.address.rpartition(":")[2]),
        )
        up.set()
        async with server:
            with contextlib.suppress(asyncio.CancelledError):
                await server.serve_forever()

    task = loop.create_task(serve())
    thread = threading.Thread(target=_run, args=(loop, task), daemon=True)
    thread.start()
    up.wait(10)
    try:
        yield link
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    try:
        loop.run_until_complete(task)
    finally:
        left = asyncio.all_tasks(loop)
        for one in left:
            one.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()


async def _pass(
    link: Link,
    target: str,
    rate: float,
    round_trip: float,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    link.connections += 1
    host, _, port = target.partition(":")
    loop = asyncio.get_running_loop()
    # The browser's connection is accepted at once; on a real line it would be open one round trip later.
    opened = loop.time() + round_trip
    server_reader, server_writer = await asyncio.open_connection(host, int(port))
    # Cancelled at the end of the measurement, while the browser still holds the connection.
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(
            _upwards(link, reader, server_writer, opened, round_trip / 2),
            _downwards(link, server_reader, writer, rate, round_trip / 2),
            return_exceptions=True,
        )


async def _upwards(
    link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, opened: float, delay: float
) -> None:
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def receive() -> None:
        piece = b"-"
        while piece:
            piece = await reader.read(65536)
            link.up += len(piece)
            await queue.put((max(loop.time(), opened) + delay, piece))

    await _both(receive(), _deliver(queue, writer))


async def _downwards(
    link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: float, delay: float
) -> None:
    loop = asyncio.get_running_loop()
    # A queue as long as a line of this rate holds in flight: what is beyond stays with the server.
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)

    async def receive() -> None:
        piece = b"-"
        while piece:
            piece = await reader.read(_PIECE)
            link.down += len(piece)
            link.free_at = max(loop.time(), link.free_at) + len(piece) / rate
            # The line is shared: each piece leaves when those before it, of any connection, have left.
            await queue.put((link.free_at + delay, piece))

    await _both(receive(), _deliver(queue, writer))


async def _deliver(queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due, piece = await queue.get()
        await asyncio.sleep(max(0.0, due - loop.time()))
        if not piece:
            with contextlib.suppress(OSError):
                writer.close()
            return
        writer.write(piece)
        await writer.drain()


async def _both(first: object, second: object) -> None:
    with contextlib.suppress(OSError, ConnectionError):
        await asyncio.gather(first, second)  # type: ignore[call-overload]  # two coroutines

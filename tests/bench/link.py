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

#: Pieces and when each arrives; an empty one ends the connection.
Queue = asyncio.Queue[tuple[float, bytes]]


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
    loop.run_until_complete(task)
    while left := asyncio.all_tasks(loop):
        for one in left:
            one.cancel()
        loop.run_until_complete(asyncio.wait(left))
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
    # The browser's connection is accepted at once; on a real line it would be open one round trip later.
    opened = asyncio.get_running_loop().time() + round_trip
    server_reader, server_writer = await asyncio.open_connection(host, int(port))
    up: Queue = asyncio.Queue()
    # As long as what a line of this rate holds in flight: what is beyond stays with the server.
    down: Queue = asyncio.Queue(64)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_upwards(link, reader, up, opened, round_trip / 2))
            group.create_task(_deliver(up, server_writer))
            group.create_task(_downwards(link, server_reader, down, rate, round_trip / 2))
            group.create_task(_deliver(down, writer))
    except* (OSError, asyncio.CancelledError):
        # One side has gone, or the measurement is over while the browser still holds the connection.
        pass
    finally:
        server_writer.close()
        writer.close()


async def _upwards(link: Link, reader: asyncio.StreamReader, queue: Queue, opened: float, delay: float) -> None:
    loop = asyncio.get_running_loop()
    piece = b"-"
    while piece:
        piece = await reader.read(65536)
        link.up += len(piece)
        await queue.put((max(loop.time(), opened) + delay, piece))


async def _downwards(link: Link, reader: asyncio.StreamReader, queue: Queue, rate: float, delay: float) -> None:
    loop = asyncio.get_running_loop()
    piece = b"-"
    while piece:
        piece = await reader.read(_PIECE)
        link.down += len(piece)
        # The line is shared: each piece leaves when those before it, of any connection, have left.
        link.free_at = max(loop.time(), link.free_at) + len(piece) / rate
        await queue.put((link.free_at + delay, piece))


async def _deliver(queue: Queue, writer: asyncio.StreamWriter) -> None:
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

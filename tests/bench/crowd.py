"""Who else is watching? Many sockets in a process of their own: `python -m tests.bench.crowd ADDRESS PROGRAMME SEQ N`.

The cookie comes on the standard input, a line "ready" goes out when all have subscribed, and at the end of the input a
line of JSON: how many pushes each got, and how many were missing or out of order. A lean client on purpose: it shares
the processors with what it measures.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
from dataclasses import dataclass

_SEQ = re.compile(rb'"seq":(\d+)')
_TEXT, _CLOSE = 0x1, 0x8


@dataclass(slots=True)
class Watcher(asyncio.Protocol):
    """One socket: WebSocket by hand, Engine.IO and Socket.IO as far as it takes to listen."""

    host: str
    cookie: str
    programme: str
    seq: int
    subscribed: asyncio.Future[None]
    received: int = 0
    wrong: int = 0
    _buffer: bytes = b""
    _open: bool = False
    _transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self.host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Cookie: {self.cookie}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take what came apart into frames."""
        self._buffer += data
        if not self._open:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self._fail(f"no socket: {head[:60]!r}")
                return
            self._open, self._buffer = True, rest
        while (frame := self._frame()) is not None:
            self._take(*frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Being dropped before the end is something wrong."""
        self.wrong += 1
        self._fail("the server closed the socket")

    def _frame(self) -> tuple[int, bytes] | None:
        b = self._buffer
        if len(b) < 2:
            return None
        length, at = b[1] & 0x7F, 2
        if length >= 126:
            at = 4 if length == 126 else 10
            length = int.from_bytes(b[2:at], "big")
        if len(b) < at + length:
            return None
        self._buffer = b[at + length :]
        return b[0] & 0x0F, b[at : at + length]

    def _take(self, kind: int, said: bytes) -> None:
        if kind != _TEXT:
            return
        if said.startswith(b"0"):
            self._send(b"40")
        elif said == b"2":
            self._send(b"3")
        elif said.startswith(b"40"):
            asked = json.dumps(["subscribe", {"programme": self.programme, "since": self.seq}])
            self._send(f"420{asked}".encode())
        elif said.startswith(b"430"):
            self.seq = json.loads(said[3:])[0]["seq"]
            if not self.subscribed.done():
                self.subscribed.set_result(None)
        elif said.startswith(b"42") and (found := _SEQ.search(said)):
            number = int(found[1])
            # Before the answer to `subscribe`, and what that answer held already: repeats, as for a browser.
            if self.subscribed.done() and number > self.seq:
                self.wrong += number != self.seq + 1
                self.seq = number
                self.received += 1

    def _send(self, payload: bytes) -> None:
        """A short masked text frame; the mask is nought, which masks nothing."""
        assert self._transport is not None
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        self._transport.write(bytes([0x80 | _TEXT]) + length + bytes(4) + payload)

    def _fail(self, reason: str) -> None:
        if not self.subscribed.done():
            self.subscribed.set_exception(RuntimeError(reason))


async def watch(address: str, programme: str, seq: int, count: int, cookie: str) -> None:
    """Subscribe all of them, twenty at a time, and listen until the input ends."""
    loop = asyncio.get_running_loop()
    host, _, port = address.partition(":")
    watchers: list[Watcher] = []
    while len(watchers) < count:
        batch = [
            Watcher(address, cookie, programme, seq, loop.create_future())
            for _ in range(min(20, count - len(watchers)))
        ]
        for watcher in batch:
            await loop.create_connection(lambda watcher=watcher: watcher, host, int(port))  # type: ignore[misc]
        await asyncio.wait_for(asyncio.gather(*(watcher.subscribed for watcher in batch)), 30)
        watchers += batch
    _say("ready")
    await loop.run_in_executor(None, sys.stdin.read)
    got = sorted(watcher.received for watcher in watchers)
    _say(json.dumps({"least": got[0], "most": got[-1], "wrong": sum(watcher.wrong for watcher in watchers)}))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.stdin.readline().strip()))

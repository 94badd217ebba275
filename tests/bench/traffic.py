"""What else happens meanwhile? So many stock events a second, each a request of its own, in a process of their own.

`python -m tests.bench.traffic ADDRESS RATE` takes on its standard input the token, then positions as lines of JSON, and
sends until the input ends. Most are sessions that use a dose; one in sixteen empties a shelf, as many fill one again.
At the end a line of JSON: how many were recorded and refused, at which rate, and how long their answers took.
"""

from __future__ import annotations

import json
import random
import select
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.bench.asking import Asker
from tests.bench.figures import percentile

CONNECTIONS = 4
#: Of so many events one empties a shelf.
EMPTIES = 16


@dataclass(slots=True)
class Position:
    """A shelf, and what is on it as far as these events know."""

    programme: str
    facility: str
    product: str
    usable: int


def event(position: Position, doses: int, name: str) -> dict[str, object]:
    """The body of a POST that uses doses, or where `doses` is negative brings so many."""
    return {
        "programme": position.programme,
        "facility": position.facility,
        "product": position.product,
        "kind": "administered" if doses > 0 else "receipt",
        "doses": abs(doses),
        # What a shelf held may have been the rest of an opened vial.
        "opened_vial": True,
        "occurred_at": datetime.now(UTC).isoformat(),
        "source": "bench",
        "source_id": f"{name}-{time.time_ns()}",
    }


def _doses(positions: list[Position]) -> Iterator[tuple[Position, int]]:
    chance = random.Random(3)
    emptied: list[tuple[Position, int]] = []
    while True:
        if emptied and chance.random() * EMPTIES < 1:
            position, was = emptied.pop(0)
            position.usable = was
            yield position, -was
            continue
        position = chance.choice(positions)
        if position.usable < 2:
            continue
        doses = 1
        if chance.random() * EMPTIES < 1:
            doses = position.usable
            emptied.append((position, doses))
        position.usable -= doses
        yield position, doses


def main() -> None:
    """Send until the input ends."""
    address, rate = sys.argv[1], float(sys.argv[2])
    token = sys.stdin.readline().strip()
    positions = [Position(**json.loads(line)) for line in iter(sys.stdin.readline, "\n")]
    source, lock = _doses(positions), threading.Lock()
    taken: list[float] = []
    refused = [0]
    ended = threading.Event()
    began = time.monotonic()
    sent = [0]

    def send() -> None:
        asker = Asker(address, {"Authorization": f"Bearer {token}"})
        while not ended.is_set():
            with lock:
                position, doses = next(source)
                due = began + sent[0] / rate
                sent[0] += 1
            time.sleep(max(0.0, due - time.monotonic()))
            answer = asker.ask("/api/v1/stock-events", event(position, doses, "traffic"))
            taken.append(answer.seconds * 1000)
            refused[0] += answer.status != 201
        asker.close()

    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    while not select.select([sys.stdin], [], [], 1.0)[0]:
        pass
    seconds = time.monotonic() - began
    ended.set()
    for thread in threads:
        thread.join()
    said: dict[str, Any] = {"recorded": len(taken) - refused[0], "refused": refused[0], "rate": len(taken) / seconds}
    said |= {"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99)}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()

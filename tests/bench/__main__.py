"""What can be measured? `python -m tests.bench`: everything, or with --only what is named."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable

from tests.bench import bincard, calls, cold, national, pixel, rebuild, recording, rights, stack, switch, visit, warm
from tests.bench.figures import Line, heading, show
from tests.bench.stack import Stack

Measure = Callable[[Stack], list[Line]]

#: In this order: cold tiles need servers that nobody has asked yet, and recording leaves work behind.
PARTS: dict[str, tuple[str, Measure]] = {
    "cold": ("Cold tiles", cold.measure),
    "warm": ("Warm tiles and vectors", warm.measure),
    "visit": ("First and next visit, 1.6 Mbit/s and 150 ms", visit.measure),
    "calls": ("Pages and API", calls.measure),
    "rights": ("Rights and walls", rights.measure),
    "pixel": ("From event to pixel", pixel.measure),
    "national": ("National recompute", national.measure),
    "rebuild": ("The record replayed, and any past moment", rebuild.measure),
    "bincard": ("Bin card", bincard.measure),
    "switch": ("Kill switches", switch.measure),
    "recording": ("Recording", recording.measure),
}


def main() -> int:
    """Measure; exits 1 where a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be repeated")
    parser.add_argument("--facilities", type=int, default=8000, metavar="N", help="the demo country's size (8000)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    lines: list[Line] = []
    with stack.running(args.facilities) as running:
        for name, (title, measure) in PARTS.items():
            if not args.only or name in args.only:
                heading(title)
                found = measure(running)
                show(found)
                lines += found
    missed = [line.what.strip() for line in lines if line.met is False]
    stack.say(
        f"\n{time.monotonic() - began:.0f} s. " + (f"Missed: {'; '.join(missed)}" if missed else "All budgets met.")
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Which events lead from one reported balance to the next? Pure: months in, dated lines out, never below zero.

A report is amounts of a month, some of them perhaps unknown. A balance that is reported (opening or closing) is an
anchor: whatever the flows between two anchors leave unexplained is one `adjustment` that says so. It comes first when
stock must have arrived, and last when it must have gone, so that no moment is below zero. Flows after the last anchor
explain nothing that is known, and make no event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from enum import IntEnum
from typing import NamedTuple

from data.types import Kind, Loss

NO_RECEIPTS = "receipts not reported (implied by the balance)"
NO_ISSUES = "issues not reported (implied by the balance)"
NO_MONTHS = "months not reported (implied by the balance)"
BEFORE_FIRST = "stock before the first balance (implied by what was taken)"
OTHER_OPENING = "opening differs from the last closing"
UNEXPLAINED = "unexplained by the report"


class Step(IntEnum):
    """The order of a month's events; each has its local time in `data.packs.events`.

    What was used comes last among the days of the month: a day out of stock is never claimed that nobody reported.
    """

    OPENED = 0
    OPENING = 1
    IMPLIED = 2
    RECEIVED = 3
    FOUND = 4
    USED = 5
    LOST = 6
    MISSING = 7
    UNEXPLAINED = 8
    CLOSING = 9


class Month(NamedTuple):
    """One month's report of one product at one facility; None is not reported."""

    month: date
    opening: int | None = None
    received: int | None = None
    used: int | None = None
    lost: int | None = None
    adjusted: int | None = None
    closing: int | None = None


class Line(NamedTuple):
    """An event of a month: its signed doses, and why where that needs a word."""

    month: date
    step: Step
    kind: Kind
    doses: int
    reason: str | None = None


def position(months: Sequence[Month], used_as: Kind) -> list[Line]:
    """The events of one facility and product, in order; `months` ascend. The sum at each closing is that closing."""
    lines: list[Line] = []
    balance: int | None = None
    flows: list[Line] = []
    since: list[Month] = []
    last: date | None = None
    for report in months:
        if report.opening is not None:
            lines += _reach(report.opening, Step.OPENING, report.month, balance, flows, since, last)
            balance, flows, since = report.opening, [], []
        flows += _flows(report, used_as)
        since.append(report)
        if report.closing is not None:
            lines += _reach(report.closing, Step.CLOSING, report.month, balance, flows, since, last)
            balance, flows, since = report.closing, [], []
        last = report.month
    return lines


def _flows(report: Month, used_as: Kind) -> Iterator[Line]:
    """What came and went in a month: what came comes first."""
    adjusted = report.adjusted or 0
    if report.received:
        yield Line(report.month, Step.RECEIVED, Kind.RECEIPT, report.received)
    if adjusted > 0:
        yield Line(report.month, Step.FOUND, Kind.ADJUSTMENT, adjusted, "adjusted, as reported")
    if report.used:
        yield Line(report.month, Step.USED, used_as, -report.used)
    if report.lost:
        yield Line(report.month, Step.LOST, Kind.LOSS, -report.lost, Loss.OTHER)
    if adjusted < 0:
        yield Line(report.month, Step.MISSING, Kind.ADJUSTMENT, adjusted, "adjusted, as reported")


def _reach(
    anchor: int,
    step: Step,
    month: date,
    balance: int | None,
    flows: Sequence[Line],
    since: Sequence[Month],
    last: date | None,
) -> Iterator[Line]:
    """The events from the last balance to this one: what is implied before, the flows, what is implied after."""
    total = lowest = 0
    for line in flows:
        total += line.doses
        lowest = min(lowest, total)
    if balance is None:
        if lowest < 0:
            yield Line(flows[0].month, Step.IMPLIED, Kind.ADJUSTMENT, -lowest, BEFORE_FIRST)
        yield from flows
        yield Line(month, step, Kind.COUNT, anchor - (total - lowest))
        return
    missing = anchor - balance - total
    came = max(missing, -(balance + lowest), 0)
    if came:
        first = (since[0].month, Step.IMPLIED) if since else (month, Step.OPENED)
        yield Line(*first, Kind.ADJUSTMENT, came, _why(since, "received", NO_RECEIPTS, month, last))
    yield from flows
    if missing - came:
        then = Step.OPENED if step is Step.OPENING else Step.UNEXPLAINED
        yield Line(month, then, Kind.ADJUSTMENT, missing - came, _why(since, "used", NO_ISSUES, month, last))
    if step is Step.CLOSING:
        yield Line(month, step, Kind.COUNT, 0)


def _why(since: Sequence[Month], amount: str, unreported: str, month: date, last: date | None) -> str:
    """Why doses are implied: the amount was left out, months were, or nobody knows."""
    if not since:
        gap = last is not None and (month.year - last.year) * 12 + month.month - last.month > 1
        return NO_MONTHS if gap else OTHER_OPENING
    return unreported if any(getattr(report, amount) is None for report in since) else UNEXPLAINED

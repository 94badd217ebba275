"""Which reported values are doubtful? Repeated months, blanks turned to zero, jumps, amounts that do not add up.

Nothing is deleted here: a value that is doubted gets a weight below 1, with which its month enters demand, and a
person is told. All is vectorised over positions [n] x months [m], oldest month first, NaN where not reported; the
positions of a facility lie together in one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


@unique
class Kind(StrEnum):
    """What is wrong with a month, as far as its numbers show."""

    REPEATED = "repeated"
    BLANK = "blank"
    JUMP = "jump"
    NEGATIVE = "negative"
    TORN = "torn"


@dataclass(frozen=True, slots=True)
class Rule:
    """How grave a kind is, and how much of the month still counts."""

    severity: str
    weight: float


RULES = {
    # Copied and blank months say nothing of their own.
    Kind.REPEATED: Rule("high", 0.0),
    Kind.BLANK: Rule("high", 0.0),
    # A real peak is possible, so some of it stays.
    Kind.JUMP: Rule("high", 0.1),
    # The balances are wrong; what was used may be right.
    Kind.NEGATIVE: Rule("medium", 0.5),
    Kind.TORN: Rule("low", 0.8),
}
KINDS = tuple(Kind)

#: So many values of a place have to agree with the month before, or be zero, before chance is ruled out ...
FEWEST = 3
#: ... and they have to be this share of all that the place reported,
SHARE = 0.8
#: or this share of all places together, where usually far fewer are.
SHARE_OF_ALL = 0.5
#: All of so many places say it of one product, where at most half do in other months.
MANY = 10
#: A jump is so many times the usual, and so many robust deviations of the square root away from it.
TIMES, DEVIATIONS = 4.0, 8.0
#: A position says what is usual for it with so many months.
MONTHS = 6
#: A place that used something in this share of its months is not expected to use nothing.
USUALLY = 0.6


@dataclass(frozen=True, slots=True)
class Reports:
    """The monthly reports of n positions; amounts in doses. `facility` and `product` [n] number the lines,
    `vial` is doses of a vial.

    `campaign` [n, m] says which months a campaign was held in: a peak of use is then no jump.
    """

    opening: Floats
    received: Floats
    used: Floats
    lost: Floats
    adjusted: Floats
    closing: Floats
    facility: Indices
    product: Indices
    vial: Floats
    campaign: Bools | None = None


@dataclass(frozen=True, slots=True)
class Flags:
    """What is doubted: the row and column of each, its kind (a place in `KINDS`), what was reported and expected."""

    row: Indices
    column: Indices
    kind: NDArray[np.int8]
    reported: Floats
    expected: Floats


def find(at: Reports) -> Flags:
    """Find all that is doubted, in the order of kind, row and month."""
    blank = blanks(at)
    # A month of blanks is like another month of blanks, and its stock seems to vanish: one doubt, not three.
    masks = (repeated(at) & ~blank, blank, jumps(at) & ~blank, negative(at) & ~blank, torn(at) & ~blank)
    places = [np.nonzero(mask) for mask in masks]
    figures = [_figures(kind, at, *place) for kind, place in zip(KINDS, places, strict=True)]
    return Flags(
        row=np.concatenate([row for row, _ in places]),
        column=np.concatenate([column for _, column in places]),
        kind=np.repeat(np.arange(len(KINDS)), [row.size for row, _ in places]).astype(np.int8),
        reported=np.concatenate([reported for reported, _ in figures]),
        expected=np.concatenate([expected for _, expected in figures]),
    )


def _figures(kind: Kind, at: Reports, row: Indices, column: Indices) -> tuple[Floats, Floats]:
    """What was reported in some months and what would have been expected; NaN where that cannot be said."""
    if not row.size:
        return np.empty(0), np.empty(0)
    if kind in (Kind.BLANK, Kind.JUMP):
        return at.used[row, column], usual(at.used[row])[:, 0]
    before = np.where(column > 0, column - 1, 0)
    if kind is Kind.REPEATED:
        return at.used[row, column], at.used[row, before]
    if kind is Kind.TORN:
        return at.opening[row, column], at.closing[row, before]
    return at.closing[row, column], _there(at)[row, column]


def weights(flags: Flags, shape: tuple[int, int]) -> NDArray[np.float32]:
    """How much each month still counts: the least of its flags."""
    weight = np.ones(shape, dtype=np.float32)
    by_kind = np.array([RULES[kind].weight for kind in KINDS], dtype=np.float32)
    np.minimum.at(weight, (flags.row, flags.column), by_kind[flags.kind])
    return weight


def repeated(at: Reports) -> Bools:
    """Months in which a place says again what it said of the month before, for (nearly) all that it handles.

    One product alone may repeat by chance. The same use and closing of every product, or of half of all places
    together, is a sheet that was copied.
    """
    before_used, before_closing = _before(at.used), _before(at.closing)
    # Nothing and nothing again is no copy: only what was used tells.
    comparable = ~(np.isnan(at.closing) | np.isnan(before_closing)) & ((at.used > 0) | (before_used > 0))
    comparable &= ~(np.isnan(at.used) | np.isnan(before_used))
    again = _same(at.used, before_used) & _same(at.closing, before_closing)
    again &= ~(np.isnan(at.used) & np.isnan(at.closing))
    # In a copied sheet also the lines that say nothing are copies.
    return again & _agreed(again & comparable, comparable, at)


def _same(values: Floats, others: Floats) -> Bools:
    return np.asarray((values == others) | (np.isnan(values) & np.isnan(others)))


def blanks(at: Reports) -> Bools:
    """Zeros that stand for what was not filled in.

    Either stock is gone at the month's end without use, loss or adjustment; or a place that uses something in most
    months says that it used nothing of (nearly) anything, or so say all places together.
    """
    nothing = (at.used == 0) & ~(at.received > 0)
    held = np.where(np.isnan(at.opening), _before(at.closing), at.opening)
    vanished = nothing & (at.closing == 0) & (held > 0) & ~(at.lost > 0) & ~(at.adjusted < 0)
    known = ~np.isnan(at.used)
    months = known.sum(axis=1)
    active = (at.used > 0).sum(axis=1) >= USUALLY * np.maximum(months, 1)
    # A place that was out could use nothing; and where the balances add up without any use, there was none.
    possible = known & ~((held == 0) & ~(at.received > 0)) & ~((at.used == 0) & (_there(at) == at.closing))
    could = possible & (active & (months >= MONTHS))[:, None]
    idle = could & (at.used == 0)
    everywhere = (
        possible & (at.used == 0) & _of_product(possible & (at.used == 0), possible, ~np.isnan(at.closing), at.product)
    )
    return np.asarray(vanished | (idle & _agreed(idle, could, at)) | everywhere)


def jumps(at: Reports) -> Bools:
    """Months of a use far beyond what is usual for the position, both as a multiple and in its own deviations."""
    found = np.zeros(at.used.shape, dtype=bool)
    amounts = np.nan_to_num(at.used)
    counts = (~np.isnan(at.used)).sum(axis=1)
    # Medians take long: only where the largest month is far above the mean of the others.
    top = amounts.max(axis=1, initial=0.0)
    others = (amounts.sum(axis=1) - top) / np.maximum(counts - 1, 1)
    which = np.flatnonzero((counts >= MONTHS) & (top > np.maximum(TIMES * others / 2, 2 * at.vial)))
    if which.size:
        values = at.used[which]
        middle = usual(values)[:, :1]
        roots = np.sqrt(np.maximum(values, 0.0))
        spread = 1.4826 * np.nanmedian(np.abs(roots - np.sqrt(middle)), axis=1, keepdims=True)
        # A count as steady as Poisson's deviates by half in the root; doses go by the vial.
        spread = np.maximum(spread, 0.5 * np.sqrt(at.vial[which])[:, None])
        far = roots - np.sqrt(middle) > np.minimum(DEVIATIONS * spread, 0.75 * roots + 1e9 * (middle <= 0))
        found[which] = (values > TIMES * middle) & far & (middle > 0)
    return found if at.campaign is None else found & ~at.campaign


def negative(at: Reports) -> Bools:
    """Months in which more is left than was there and came: the use that the balances imply is below zero."""
    return np.asarray(_there(at) < at.closing)


def _there(at: Reports) -> Floats:
    """What was there and came, adjustments and losses included where they were reported."""
    return np.asarray(at.opening + at.received + np.nan_to_num(at.adjusted) - np.nan_to_num(at.lost))


def torn(at: Reports) -> Bools:
    """Months that open with another balance than the month before closed with."""
    return np.asarray(np.abs(at.opening - _before(at.closing)) > 0)


def usual(used: Floats) -> Floats:
    """The median of each position's months that say something, in every one of them; NaN where none does."""
    some = np.where(used > 0, used, np.nan)
    middle = np.full(len(used), np.nan)
    known = np.flatnonzero((used > 0).any(axis=1))
    if known.size:
        middle[known] = np.nanmedian(some[known], axis=1)
    return np.broadcast_to(middle[:, None], used.shape)


def words(kind: str, reported: float, expected: float, unit: str = "dose") -> str:
    """One flag in a sentence for a person."""

    def doses(value: float) -> str:
        return f"{round(value):,} {unit}{'' if round(value) == 1 else 's'}"

    match Kind(kind):
        case Kind.REPEATED:
            use = "" if np.isnan(reported) else f"use of {doses(reported)} and "
            return f"Repeats the month before: {use}the same closing, as other lines do."
        case Kind.BLANK:
            usually = "" if np.isnan(expected) else f", where {doses(expected)} are usual"
            return f"No use and what looks like blanks turned to zero{usually}."
        case Kind.JUMP:
            return f"{doses(reported)} used, {reported / expected:.0f} times the usual {doses(expected)}."
        case Kind.NEGATIVE:
            return f"{doses(reported)} are left, more than the {doses(expected)} that were there and came."
    return f"Opens with {doses(reported)}, but the month before closed with {doses(expected)}."


def _before(values: Floats) -> Floats:
    """The values of the month before, NaN for the first."""
    shifted = np.full(values.shape, np.nan)
    shifted[:, 1:] = values[:, :-1]
    return shifted


def _agreed(said: Bools, could: Bools, at: Reports) -> Bools:
    """Where so many lines of a place, or of all places, say it in the same month that it is no chance."""
    if not said.any():
        return said
    count, whole = (_by_group(values, at.facility) for values in (said, could))
    of_place = (count >= FEWEST) & (count >= SHARE * whole)
    total, all_lines = said.sum(axis=0), could.sum(axis=0)
    share = total / np.maximum(all_lines, 1)
    rest = (total.sum() - total) / np.maximum(all_lines.sum() - all_lines, 1)
    of_all = (total >= FEWEST) & (share >= SHARE_OF_ALL) & (share >= 3 * rest)
    return np.asarray(of_place[at.facility] | of_all[None, :])


def _of_product(said: Bools, could: Bools, held: Bools, product: Indices) -> Bools:
    """Where every place says it of a product in a month, and few do in other months, or none has a balance then."""
    if not said.any():
        return said
    balance = _by_group(held, product) > 0
    count, whole = (_by_group(values, product) for values in (said, could))
    others = whole.sum(axis=1, keepdims=True) - whole
    rest = (count.sum(axis=1, keepdims=True) - count) / np.maximum(others, 1)
    unlike = (others >= MANY) & (rest <= 0.5)
    return np.asarray(((whole >= MANY) & (count == whole) & (unlike | ~balance))[product])


def _by_group(values: Bools, group: Indices) -> NDArray[np.int64]:
    months, groups = values.shape[1], int(group.max(initial=-1)) + 1
    if not values.size:
        return np.zeros((groups, months), dtype=np.int64)
    cells = group[:, None] * months + np.arange(months)
    return np.bincount(cells[values], minlength=groups * months).reshape(groups, months)

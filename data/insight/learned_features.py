"""What is known of a position at the end of a month that bears on the next? The columns that the learned model reads.

Pure. Every column is made from the history given and nothing else: cut it off (`History.until`) and no later month
is seen. Amounts enter as log(1 + x); what is not known is NaN. The order and the meaning of the columns belong to a
stored model: raise `VERSION` when either changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from data.insight.learned_history import Bools, Floats, History, Places, empty, filled

VERSION = 2

#: No more than so many months are looked back: older ones say little, and a nation's months have to fit in memory.
MOST_MONTHS = 36

Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Past:
    """The history with the words that the columns use; all [n, m], and the groups by name."""

    history: History
    reported: Bools
    out: Bools
    came: Bools
    felt: Floats
    groups: dict[str, Places]

    @property
    def stock(self) -> Floats:
        return self.history.closing[:, -1]


def table(history: History) -> tuple[Floats, list[str]]:
    """All columns at the end of the last month, [n, f], and their names."""
    names, values = [], []
    for name, column in columns(history):
        names.append(name)
        values.append(column.astype(np.float32))
    return np.column_stack(values), names


def columns(history: History) -> Iterator[tuple[str, Column]]:
    """Every column by name, one at a time: a nation's need not be held together."""
    past = _past(history)
    yield from _stock(past)
    yield from _use(past)
    yield from _supply(past)
    yield from _stockouts(past)
    yield from _turns(past)
    for name, group in past.groups.items():
        yield from _around(past, name, group)
    yield from _calendar(past)


def _past(history: History) -> _Past:
    history = filled(history.until(history.last, MOST_MONTHS))
    reported = ~np.isnan(history.closing)
    # Use is only felt where there was something to use.
    stocked = (np.nan_to_num(history.opening) > 0) | (np.nan_to_num(history.received) > 0)
    both = history.area * (int(history.product.max(initial=0)) + 1) + history.product
    groups = {
        "facility": history.facility,
        "product": history.product,
        "area": history.area,
        "product_in_area": np.unique(both, return_inverse=True)[1].astype(np.intp),
    }
    return _Past(
        history,
        reported,
        empty(history),
        np.nan_to_num(history.received) > 0,
        np.where(reported & stocked, np.maximum(history.used, 0), np.nan).astype(np.float32),
        groups,
    )


def _log(values: Column) -> Column:
    return np.log1p(np.maximum(values, 0))


def _lag(values: Floats, months: int) -> Floats:
    """The column of so many months ago."""
    if months < values.shape[1]:
        return values[:, -1 - months]
    return np.full(len(values), np.nan, dtype=np.float32)


def _mean(values: Floats, months: int) -> Floats:
    """The mean of the months reported of the last ones; NaN where there is none."""
    window = values[:, -months:]
    count = (~np.isnan(window)).sum(axis=1)
    return np.asarray(np.where(count > 0, np.nansum(window, axis=1) / np.maximum(count, 1), np.nan), dtype=np.float32)


def _share(happened: Bools, reported: Bools, months: int) -> Floats:
    """The share of the reported months in which something happened."""
    window, said = happened[:, -months:] & reported[:, -months:], reported[:, -months:].sum(axis=1)
    return np.where(said > 0, window.sum(axis=1) / np.maximum(said, 1), np.nan).astype(np.float32)


def _since(happened: Bools) -> Floats:
    """Months since it happened last: 0 is the last month; longer than the history where it never did."""
    back = happened[:, ::-1]
    return np.where(back.any(axis=1), back.argmax(axis=1), MOST_MONTHS).astype(np.float32)


def _stock(past: _Past) -> Iterator[tuple[str, Column]]:
    history = past.history
    for months in (0, 1, 2, 3, 5, 11):
        yield f"closing_{months}", _log(_lag(history.closing, months))
    adjusted = _lag(history.adjusted, 0)
    yield "adjusted_0", np.sign(adjusted) * _log(np.abs(adjusted))
    yield "lowered_12", (history.adjusted[:, -12:] < 0).sum(axis=1)
    yield "raised_12", (history.adjusted[:, -12:] > 0).sum(axis=1)
    yield "ordered_0", _log(_lag(history.ordered, 0))
    yield "ordered_1", _log(_lag(history.ordered, 1))


def _use(past: _Past) -> Iterator[tuple[str, Column]]:
    felt, stock = past.felt, past.stock
    for months in (0, 1, 2, 3, 4, 11):
        yield f"used_{months}", _log(_lag(past.history.used, months))
    means = {months: _mean(felt, months) for months in (3, 6, 12)}
    for months, mean in means.items():
        yield f"use_{months}", _log(mean)
    yield "use_of_all_months", _log(_mean(past.history.used, 12))
    lately = _lately(felt)
    yield "use_lately", _log(lately)
    variance = np.maximum(_mean(felt**2, 12) - means[12] ** 2, 0)
    most = np.where(np.isnan(felt[:, -12:]), 0, felt[:, -12:]).max(axis=1)
    yield "use_varies", np.sqrt(variance) / np.maximum(means[12], 0.1)
    yield "use_most", _log(most)
    yield "use_trend", _log(means[3]) - _log(means[12])
    yield "use_none", _share(felt == 0, ~np.isnan(felt), 12)
    yield "use_months", (~np.isnan(felt[:, -12:])).sum(axis=1)
    for name, amount in (("6", means[6]), ("12", means[12]), ("lately", lately), ("most", most)):
        yield f"months_of_stock_{name}", _log(stock) - _log(amount)
    yield "months_of_stock_last", _log(stock) - _log(_lag(past.history.used, 0))
    for months in (12, MOST_MONTHS):
        yield f"as_much_was_used_{months}", _as_much(felt[:, -months:], stock)
    history = past.history
    went = np.where(np.isnan(felt), np.nan, history.opening + history.received - history.closing)
    yield "as_much_went", _as_much(went, stock)
    spread = 2.5 + 0.5 * np.maximum(variance / np.maximum(means[12], 0.1), 1)
    for name, mean in (("12", means[12]), ("lately", lately)):
        yield f"used_up_{name}", used_up(stock, mean, spread)


def _lately(felt: Floats) -> Floats:
    """The mean use, each month weighing three quarters of the one after it."""
    weight = (0.75 ** np.arange(felt.shape[1])[::-1]).astype(np.float32)
    known = ~np.isnan(felt)
    total = known @ weight
    return np.where(total > 0, np.nan_to_num(felt) @ weight / np.maximum(total, 1e-6), np.nan).astype(np.float32)


def _as_much(amounts: Floats, stock: Floats) -> Column:
    """The share of months in which as much was taken as there is now; half where nothing is known."""
    known = ~np.isnan(amounts)
    reached = (np.nan_to_num(amounts) >= np.maximum(stock, 1)[:, None]) & known
    return np.asarray((reached.sum(axis=1) + 0.5) / (known.sum(axis=1) + 2))


def used_up(stock: Floats, mean: Floats, spread: Floats, drift: float = 0.4) -> Column:
    """P(a month's demand >= stock), negative binomial as in `data.insight.risk`; the mean is only roughly known."""
    most = np.maximum(np.nan_to_num(mean), 1e-9).astype(np.float64)
    excess = np.maximum(np.nan_to_num(spread) - 1 + drift * most, 1e-6)
    return np.asarray(special.betainc(np.maximum(np.nan_to_num(stock), 1e-9), most / excess, excess / (1 + excess)))


def _supply(past: _Past) -> Iterator[tuple[str, Column]]:
    history, came = past.history, past.came
    for months in (0, 1, 2, 3, 4, 11):
        yield f"received_{months}", _log(_lag(history.received, months))
    since, often = _since(came), _share(came, past.reported, 12)
    yield "since_received", since
    yield "received_share_12", often
    for months in (3, 6, MOST_MONTHS):
        yield f"received_share_{months}", _share(came, past.reported, months)
    yield "overdue", since * often
    size = _mean(np.where(came, history.received, np.nan), 12)
    yield "delivery_size", _log(size)
    yield "stock_in_deliveries", _log(past.stock) - _log(size)
    anything = _any(past.history.facility, came)
    spoke = _any(past.history.facility, past.reported)
    yield "since_anything_came", _since(anything)[past.history.facility]
    yield "anything_came_share", _share(anything, spoke, 12)[past.history.facility]
    yield "products_here", np.bincount(past.history.facility, past.reported[:, -1])[past.history.facility]


def _any(group: Places, happened: Bools) -> Bools:
    """Whether it happened at any position of each group, [groups, m]."""
    size = int(group.max(initial=-1)) + 1
    counts = [np.bincount(group, happened[:, month], size) for month in range(happened.shape[1])]
    return np.column_stack(counts) > 0


def _stockouts(past: _Past) -> Iterator[tuple[str, Column]]:
    out, reported = past.out, past.reported
    for months in (3, 6, 12, MOST_MONTHS):
        yield f"out_share_{months}", _share(out, reported, months)
    alike = (out == out[:, -1:]) & reported
    length = np.logical_and.accumulate(alike[:, ::-1], axis=1).sum(axis=1)
    yield "spell", np.where(out[:, -1], length, -length)
    yield "since_out", _since(out)
    yield "since_in", _since(reported & ~out)
    yield "reports_12", reported[:, -12:].sum(axis=1)
    yield "age", np.where(reported.any(axis=1), reported.shape[1] - reported.argmax(axis=1), 0)
    yield "ever_had_any", (past.history.closing > 0).sum(axis=1) > 0


def _turns(past: _Past) -> Iterator[tuple[str, Column]]:
    """How often an empty shelf stayed empty, and one with stock was emptied, within a month: here and around.

    Few cases lean on all of the nation: as if so many more (4 or 8) had gone as everywhere.
    """
    told = past.reported[:, :-1] & past.reported[:, 1:]
    for name, before in (("emptied", told & ~past.out[:, :-1]), ("stayed_out", told & past.out[:, :-1])):
        turned = before & past.out[:, 1:]
        for months in (12, MOST_MONTHS):
            cases, hits = before[:, -months:].sum(axis=1), turned[:, -months:].sum(axis=1)
            yield f"{name}_here_{months}", _leaning(hits, cases, 4)
        for group_name, group in past.groups.items():
            for months in (3,) if group_name == "product_in_area" else (1, 3, 12):
                cases = np.bincount(group, before[:, -months:].sum(axis=1))
                hits = np.bincount(group, turned[:, -months:].sum(axis=1))
                yield f"{name}_in_{group_name}_{months}", _leaning(hits, cases, 8)[group]


def _leaning(hits: NDArray[np.number], cases: NDArray[np.number], prior: float) -> Column:
    rate = float(hits.sum()) / max(float(cases.sum()), 1.0)
    return np.asarray((hits + prior * rate) / (cases + prior))


def _around(past: _Past, name: str, group: Places) -> Iterator[tuple[str, Column]]:
    """How the others of the group are doing: out of stock, supplied, and how long their stock lasts."""
    for word, happened, prior in (("out", past.out, 3), ("supplied", past.came, 1)):
        for months in (0, 1, 2) if name in ("facility", "product") else (0, 1):
            yield f"{name}_{word}_{months}", _rate(group, happened, past.reported, months, prior)
        cases, hits = past.reported[:, -12:].sum(axis=1), (happened & past.reported)[:, -12:].sum(axis=1)
        yield f"{name}_{word}_12", _leaning(np.bincount(group, hits), np.bincount(group, cases), 12 * prior)[group]
    if name != "product_in_area":
        yield f"{name}_supplied_a_year_ago", _rate(group, past.came, past.reported, 11, 1)
    stock, use = np.nan_to_num(past.stock), np.nan_to_num(_mean(past.felt, 6)) * past.reported[:, -1]
    yield f"{name}_months_of_stock", (_log(np.bincount(group, stock)) - _log(np.bincount(group, use)))[group]


def _rate(group: Places, happened: Bools, reported: Bools, months: int, prior: float) -> Column:
    """The share of a group's positions to which it happened so many months ago."""
    if months >= happened.shape[1]:
        return np.full(len(group), np.nan)
    then, said = happened[:, -1 - months], reported[:, -1 - months]
    return _leaning(np.bincount(group, then & said), np.bincount(group, said), prior)[group]


def _calendar(past: _Past) -> Iterator[tuple[str, Column]]:
    yield "month_foretold", np.full(len(past.out), (past.history.last + 1) % 12)
    yield "product", past.history.product

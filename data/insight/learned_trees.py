"""How likely is something, given what it went with before? Boosted trees in plain numpy: grown, and read fast.

All trees are symmetric: every node of one level asks the same question, so that a tree is a list of questions and
a table of 2^depth answers, and reading one is a few comparisons over whole columns of bytes. The same data give the
same trees, bit by bit, on the same numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

#: So many bins a column is cut into; bin 0 is "not known".
BINS = 32
_WITH_UNKNOWN = BINS + 1

#: Rows read at a time: their columns stay in the processor's cache.
_CHUNK = 16_384


@dataclass(frozen=True, slots=True)
class Growth:
    """How trees are grown; chosen on forecasts made from 2017-03 to 2018-02 (docs/risk.md)."""

    trees: int = 250
    rate: float = 0.05
    depth: int = 5
    columns: float = 0.2
    rows: float = 0.6
    penalty: float = 5.0
    least_weight: float = 3.0


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees over binned columns: `column` and `above` are [trees, depth], `leaf` [trees, 2^depth] in log odds."""

    start: float
    column: NDArray[np.uint16]
    above: Bytes
    leaf: NDArray[np.float32]


def cut(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Where to cut each column of [n, f] so that the bins hold about as many rows each."""
    shares = np.linspace(0, 1, BINS)[1:-1]
    known = [column[~np.isnan(column)] for column in values.T]
    return [np.unique(np.quantile(c, shares).astype(np.float32)) if c.size else c for c in known]


def place(column: NDArray[np.float32], edges: NDArray[np.float32]) -> Bytes:
    """The bin of every value: 0 where it is not known, 1 below the first edge, and so on."""
    found = np.searchsorted(edges, column, side="right") + 1
    found[np.isnan(column)] = 0
    return found.astype(np.uint8)


def place_all(values: NDArray[np.float32], edges: Sequence[NDArray[np.float32]]) -> Bytes:
    """`place` of every column of [n, f]; the answer is laid out column by column, as reading wants it."""
    answer = np.empty(values.shape, dtype=np.uint8, order="F")
    for number, cuts in enumerate(edges):
        answer[:, number] = place(values[:, number], cuts)
    return answer


def grow(bins: Bytes, happened: Floats, weight: Floats, seed: int, how: Growth | None = None) -> Trees:
    """Gradient boosting of log loss (Friedman 2001), one Newton step a leaf; each tree draws its rows and columns."""
    how = how or Growth()
    rng = np.random.default_rng(seed)
    n, f = bins.shape
    weight = weight / weight.mean()
    taken = max(1, int(f * how.columns))
    rate = float(np.clip((weight * happened).sum() / weight.sum(), 1e-4, 1 - 1e-4))
    start = float(np.log(rate / (1 - rate)))
    total = np.full(n, start)
    column = np.zeros((how.trees, how.depth), dtype=np.uint16)
    above = np.zeros((how.trees, how.depth), dtype=np.uint8)
    leaf = np.zeros((how.trees, 2**how.depth), dtype=np.float32)
    for number in range(how.trees):
        rows = np.flatnonzero(rng.random(n) < how.rows)
        columns = np.sort(rng.choice(f, taken, replace=False))
        p = special.expit(total[rows])
        slope, bend = weight[rows] * (p - happened[rows]), weight[rows] * p * (1 - p)
        picked, above[number], node = _questions(bins[np.ix_(rows, columns)], slope, bend, how)
        column[number] = columns[picked]
        size = 2**how.depth
        step = np.bincount(node, slope, size) / (np.bincount(node, bend, size) + how.penalty)
        leaf[number] = -how.rate * step
        total += leaf[number][_nodes(bins, column[number], above[number])]
    return Trees(start, column, above, leaf)


def _questions(
    bins: Bytes, slope: Floats, bend: Floats, how: Growth
) -> tuple[NDArray[np.intp], Bytes, NDArray[np.intp]]:
    """The questions of one tree, each the best for all nodes of its level together; and the leaf of every row."""
    n, f = bins.shape
    cells = bins.astype(np.intp) + np.arange(f) * _WITH_UNKNOWN
    node = np.zeros(n, dtype=np.intp)
    picked, above = np.zeros(how.depth, dtype=np.intp), np.zeros(how.depth, dtype=np.uint8)
    sums = _sums(cells, node, slope, bend, 1)
    for level in range(how.depth):
        left = sums.cumsum(axis=3)
        whole = left[:, :, :, -1:]
        right = whole - left
        gain = _worth(left, how) + _worth(right, how) - _worth(whole, how)
        gain[(left[1] < how.least_weight) | (right[1] < how.least_weight)] = 0
        picked[level], above[level] = divmod(int(gain.sum(axis=0).argmax()), _WITH_UNKNOWN)
        yes = bins[:, picked[level]] > above[level]
        if level + 1 < how.depth:
            # Only the smaller side is added up; the other is what is left of both.
            smaller = yes.sum() * 2 <= n
            rows = np.flatnonzero(yes == smaller)
            some = _sums(cells[rows], node[rows], slope[rows], bend[rows], 2**level)
            sides = (sums - some, some) if smaller else (some, sums - some)
            sums = np.stack(sides, axis=2).reshape(2, 2 ** (level + 1), f, _WITH_UNKNOWN)
        node = node * 2 + yes
    return picked, above, node


def _sums(cells: NDArray[np.intp], node: NDArray[np.intp], slope: Floats, bend: Floats, nodes: int) -> Floats:
    """Slopes and bends added up by node, column and bin: [2, nodes, f, bins]."""
    f = cells.shape[1]
    size = nodes * f * _WITH_UNKNOWN
    cell = (cells + (node * (f * _WITH_UNKNOWN))[:, None]).ravel()
    sums = [np.bincount(cell, np.repeat(values, f), size) for values in (slope, bend)]
    return np.asarray(sums, dtype=np.float64).reshape(2, nodes, f, _WITH_UNKNOWN)


def _worth(sums: Floats, how: Growth) -> Floats:
    return np.asarray(sums[0] ** 2 / (sums[1] + how.penalty))


def _nodes(bins: Bytes, column: NDArray[np.uint16], above: Bytes) -> Bytes:
    node = np.zeros(len(bins), dtype=np.uint8)
    for c, limit in zip(column.tolist(), above.tolist(), strict=True):
        node <<= 1
        node |= bins[:, c] > limit
    return node


def log_odds(trees: Trees, bins: Bytes) -> Floats:
    """The log odds of every row of binned columns, which are best laid out column by column."""
    answer = np.empty(len(bins))
    for first in range(0, len(bins), _CHUNK):
        rows = np.asfortranarray(bins[first : first + _CHUNK])
        total = np.full(len(rows), trees.start, dtype=np.float32)
        for column, above, leaf in zip(trees.column, trees.above, trees.leaf, strict=True):
            total += leaf[_nodes(rows, column, above)]
        answer[first : first + _CHUNK] = total
    return answer


def together(several: Sequence[Trees]) -> Trees:
    """One set of trees whose log odds are the mean of those of several."""
    return Trees(
        start=float(np.mean([trees.start for trees in several])),
        column=np.concatenate([trees.column for trees in several]),
        above=np.concatenate([trees.above for trees in several]),
        leaf=(np.concatenate([trees.leaf for trees in several]) / len(several)).astype(np.float32),
    )

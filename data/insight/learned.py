"""How likely is a stockout next month, as a programme's own past teaches it? A model that is trained, kept and asked.

Pure: histories and bytes in, probabilities and bytes out. The model is the programme's own (docs/model-card.md); where
there is none, or too little history for one, `fit` says so and the count model of `data.insight.risk` answers alone.

    model = learned.fit(history)             # minutes; by `python -m app train`
    kept = learned.dump(model)               # the same bytes for the same data
    p = learned.predict(learned.load(kept), history)     # [n]: P(out of stock in the month after the last)
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from data import errors
from data.insight import learned_features, learned_trees
from data.insight.learned_history import AMOUNTS, History, empty
from data.insight.learned_trees import Growth, Trees

#: Raise it when a stored model would be read differently than before.
FORMAT = 1

#: Forecasts from the fourth month on teach: before that there is hardly a past to tell them by.
FIRST = 3

#: Fewer months, and fewer forecasts of either outcome, than these teach nothing that holds.
LEAST_MONTHS = 12
LEAST_CASES = 200

#: A forecast counts half as much as one made so many months later: supply changes.
HALF_LIFE = 18.0

#: Models that differ only in what chance drew, whose log odds are averaged.
SEEDS = (1, 2)

#: Amounts that the record keeps of a month. What was ordered is not one of them.
KEPT = tuple(name for name in AMOUNTS if name != "ordered")


@dataclass(frozen=True, slots=True)
class Told:
    """What a model says of itself: where and when it learnt, from how much, and how many months ahead it looks."""

    programme: str
    first_month: int
    last_month: int
    positions: int
    forecasts: int
    stockouts: int
    inputs: tuple[str, ...]
    growth: Growth
    horizon: int = 1
    format: int = FORMAT
    features: int = learned_features.VERSION


@dataclass(frozen=True, slots=True)
class Model:
    """Trees, how the columns they ask are cut, and what the model says of itself."""

    told: Told
    names: tuple[str, ...]
    edges: tuple[NDArray[np.float32], ...]
    trees: Trees


@dataclass(frozen=True, slots=True)
class Lessons:
    """Forecasts whose outcome is known: their columns [n, f], whether there was a stockout, and of which month."""

    names: tuple[str, ...]
    values: NDArray[np.float32]
    happened: NDArray[np.bool_]
    month: NDArray[np.int64]
    position: NDArray[np.intp]
    horizon: int


class TooLittleHistory(errors.DataError):
    """The history is too short to learn from: {reason}."""


class UnreadableModel(errors.DataError):
    """This model cannot be used: {reason}."""


def asked(history: History) -> NDArray[np.bool_]:
    """Of which positions something can be foretold at the end of the last month: those that reported it."""
    return np.asarray(~np.isnan(history.closing[:, -1]))


def lessons(history: History, horizon: int = 1) -> Lessons:
    """Every forecast that could have been made in this history, with its outcome, oldest first.

    One is made of each position that reported month t, at its end and from `history.until(t)` alone, of month
    t + horizon. A position that did not report that month has no outcome and teaches nothing.
    """
    out = empty(history)
    values, happened, month, position = [], [], [], []
    names: list[str] = []
    for t in range(FIRST, history.months - horizon):
        cut = history.until(history.first + t)
        rows = np.flatnonzero(asked(cut) & ~np.isnan(history.closing[:, t + horizon]))
        table, names = learned_features.table(cut)
        values.append(table[rows])
        happened.append(out[rows, t + horizon])
        month.append(np.full(rows.size, history.first + t + horizon))
        position.append(rows)
    if not values:
        raise TooLittleHistory(
            "history", f"Give {LEAST_MONTHS} months or more.", reason=f"it has {history.months} months"
        )
    return Lessons(
        tuple(names),
        np.concatenate(values),
        np.concatenate(happened),
        np.concatenate(month),
        np.concatenate(position),
        horizon,
    )


def fit(
    history: History,
    *,
    programme: str = "",
    known: Lessons | None = None,
    inputs: tuple[str, ...] = KEPT,
    seeds: tuple[int, ...] = SEEDS,
    growth: Growth | None = None,
) -> Model:
    """Learn from all that is settled in a history; raises `TooLittleHistory`.

    `known` are its `lessons`, where they were made before, also of later months: only those settled in the history
    are used. `inputs` names the amounts that are read; the others are left out as if nobody had reported them.
    """
    growth = growth or Growth()
    history = history.without(*(name for name in AMOUNTS if name not in inputs))
    all_of_them = known if known is not None else lessons(history)
    rows = all_of_them.month <= history.last
    values, happened, month = all_of_them.values[rows], all_of_them.happened[rows], all_of_them.month[rows]
    _enough(happened, month)
    edges = learned_trees.cut(values)
    bins = learned_trees.place_all(values, edges)
    weight = 0.5 ** ((history.last - month) / HALF_LIFE)
    trees = learned_trees.together(
        [learned_trees.grow(bins, happened.astype(np.float64), weight, seed, growth) for seed in seeds]
    )
    told = Told(
        programme=programme,
        first_month=history.first,
        last_month=history.last,
        positions=len(history.closing),
        forecasts=int(rows.sum()),
        stockouts=int(happened.sum()),
        inputs=inputs,
        growth=growth,
        horizon=all_of_them.horizon,
    )
    return Model(told, all_of_them.names, tuple(edges), trees)


def _enough(happened: NDArray[np.bool_], month: NDArray[np.int64]) -> None:
    months, yes = len(np.unique(month)), int(happened.sum())
    least = min(yes, len(happened) - yes)
    if months < LEAST_MONTHS - FIRST - 1 or least < LEAST_CASES:
        raise TooLittleHistory(
            "history",
            f"Learning takes {LEAST_MONTHS} months and {LEAST_CASES} forecasts of either outcome; until then the count"
            " model answers alone.",
            reason=f"{months} months can be foretold in it, with {yes:,} stockouts in {len(happened):,} forecasts",
        )


def predict(model: Model, history: History) -> NDArray[np.float32]:
    """P(out of stock in the month after the last), [n]; NaN for positions that did not report the last month.

    Out of stock is: the month closes below one vial, or a full day of it was reported out. Columns are made and cut one
    by one, so that a nation's 750,000 positions take some hundred bytes each.
    """
    left_out = [name for name in AMOUNTS if name not in model.told.inputs]
    told = asked(history)
    bins = np.empty((len(told), len(model.names)), dtype=np.uint8, order="F")
    found = []
    for number, (name, column) in enumerate(learned_features.columns(history.without(*left_out))):
        found.append(name)
        bins[:, number] = learned_trees.place(column.astype(np.float32), model.edges[number])
    if tuple(found) != model.names:
        raise _unreadable("it asks for other columns than this version makes")
    return np.where(told, special.expit(learned_trees.log_odds(model.trees, bins)), np.nan).astype(np.float32)


def foretell(model: Model, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """P(out of stock) of columns that were made before, such as those of `Lessons`."""
    bins = learned_trees.place_all(values, model.edges)
    return np.asarray(special.expit(learned_trees.log_odds(model.trees, bins)))


def dump(model: Model) -> bytes:
    """The model as a file: an uncompressed .npz without pickles; the same model gives the same bytes."""
    kept = io.BytesIO()
    told = {**asdict(model.told), "names": model.names, "start": model.trees.start}
    np.savez(
        kept,
        told=np.frombuffer(json.dumps(told, sort_keys=True).encode(), dtype=np.uint8),
        edges=np.concatenate(model.edges),
        cuts=np.array([len(edges) for edges in model.edges], dtype=np.uint8),
        column=model.trees.column,
        above=model.trees.above,
        leaf=model.trees.leaf,
    )
    return kept.getvalue()


def load(kept: bytes) -> Model:
    """The model in a file that `dump` made; raises `UnreadableModel`."""
    try:
        with np.load(io.BytesIO(kept), allow_pickle=False) as file:
            parts = {name: file[name] for name in ("told", "edges", "cuts", "column", "above", "leaf")}
        told = json.loads(parts["told"].tobytes())
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise _unreadable("the file is not one that train wrote") from error
    if (told["format"], told["features"]) != (FORMAT, learned_features.VERSION):
        raise _unreadable("it was trained by another version")
    names, start = told.pop("names"), told.pop("start")
    growth, inputs = Growth(**told.pop("growth")), tuple(told.pop("inputs"))
    edges = np.split(parts["edges"], np.cumsum(parts["cuts"].astype(np.intp))[:-1])
    trees = Trees(start, parts["column"], parts["above"], parts["leaf"])
    return Model(Told(**told, growth=growth, inputs=inputs), tuple(names), tuple(edges), trees)


def _unreadable(reason: str) -> UnreadableModel:
    return UnreadableModel("model", "Train it again: python -m app train PACK.", reason=reason)

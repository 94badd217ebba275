"""What did a backtest find? The same figures as text for a terminal, and as two small pictures (SVG) for a page.

Pure: a Backtest in, text out.
"""

from __future__ import annotations

from html import escape

import numpy as np

from data.insight import backtest, scores
from data.insight.backtest import Backtest, Score

_SAID = {
    backtest.LEARNED: "learned",
    backtest.WITHOUT_ORDERS: "learned, without what was ordered (as the record has it)",
    backtest.COUNTS: "count model, as the product shows it (before a delivery)",
    backtest.COUNTS_TRANSLATED: "count model, translated to the month's end",
    backtest.MONTHS_OF_STOCK: "months of stock with an isotonic fit",
    backtest.POISSON: "Poisson rule",
    backtest.BOOSTED: "gradient boosting (scikit-learn), the same columns",
    backtest.CLIMATOLOGY: "climatology",
}


def text(found: Backtest, country: str) -> str:
    """All figures, as lines for a terminal; columns are aligned and separated by bars as in Markdown."""
    first, last = backtest.name(int(found.month.min())), backtest.name(int(found.month.max()))
    parts = [
        f"{country}: out of stock {found.horizon} month{'s' if found.horizon > 1 else ''} after the forecast,"
        f" {first} to {last}. {len(found.month):,} forecasts, {int(found.held.sum()):,} of them with stock.",
        *(_methods(found, held) for held in (False, True)),
        *(_bins(backtest.score(found, backtest.LEARNED, held), held) for held in (False, True)),
        *(_warnings(found, held) for held in (False, True)),
        _months(found),
        _demand(found),
    ]
    return "\n\n".join(parts)


def _where(held: bool) -> str:
    return "where there was stock" if held else "all forecasts"


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    wide = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "| " + " | ".join(c.ljust(w) if not i else c.rjust(w) for i, (c, w) in enumerate(zip(row, wide, strict=True)))
        for row in [head, ["-" * w for w in wide], *rows]
    ]
    return "\n".join([title, *(line + " |" for line in lines)])


def _methods(found: Backtest, held: bool) -> str:
    rows = []
    for method, words in _SAID.items():
        if method in found.chances:
            one = backtest.score(found, method, held)
            rows.append(
                [words, _number(one.auc), _number(one.brier), _number(one.skill, 3), _number(one.calibration_error)]
            )
    head = [_where(held), "AUC", "Brier", "skill over climatology", "calibration error"]
    return _table(f"Methods, {_where(held)}", head, rows)


def _bins(one: Score, held: bool) -> str:
    rows = [
        [f"{b.low:.0%} to {b.high:.0%}", f"{b.count:,}", f"{b.predicted:.1%}", f"{b.happened:.1%}"] for b in one.bins
    ]
    return _table(
        f"Reliability of {_SAID[backtest.LEARNED]}, {_where(held)}",
        ["shown", "forecasts", "mean shown", "happened"],
        rows,
    )


def _warnings(found: Backtest, held: bool) -> str:
    rows = []
    for method, words in _SAID.items():
        if method in found.chances and method != backtest.CLIMATOLOGY:
            cells = [words]
            for _, precision, recall in backtest.score(found, method, held).warnings:
                cells.append(f"{_percent(precision)} / {_percent(recall)}")
            rows.append(cells)
    head = ["precision / recall", *(f"at {limit:.0%}" for limit in backtest.THRESHOLDS)]
    return _table(f"Warnings, {_where(held)}", head, rows)


def _months(found: Backtest) -> str:
    rows = []
    for month in np.unique(found.month).tolist():
        at = found.month == month
        p, y = found.chances[backtest.LEARNED][at], found.happened[at]
        rows.append(
            [
                backtest.name(month), f"{len(p):,}", f"{p.mean():.1%}", f"{y.mean():.1%}", _number(scores.auc(p, y)),
                _number(scores.brier(p, y)),
            ]
        )  # fmt: skip
    return _table(
        f"Month by month, {_SAID[backtest.LEARNED]}", ["month", "forecasts", "foretold", "out", "AUC", "Brier"], rows
    )


def _demand(found: Backtest) -> str:
    one = found.demand
    if not one.forecasts or np.isnan(one.mase):
        return "Demand: no month with stock had a use to compare with."
    return (
        f"Demand: MASE {one.mase:.3f} over {one.forecasts:,} months in which there was stock throughout (mean error /"
        f' mean error of "as last month" in the months before, {one.naive:.1f}); bias {one.bias:+.1f} a month.'
    )


def _number(value: float, digits: int = 4) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.0%}"


_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#444}.axis{stroke:#888}.ideal{stroke:#888;stroke-dasharray:4 4}"
    ".a{stroke:#0b6e99;fill:#0b6e99}.b{stroke:#b5540a;fill:#b5540a}.line{fill:none;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#ccc}.a{stroke:#5bc0eb;fill:#5bc0eb}.b{stroke:#f4a259;fill:#f4a259}}"
)
_SIZE, _LEFT, _TOP = 240, 46, 34


def reliability_svg(found: Backtest) -> str:
    """Shown against happened, of the learned model and of months of stock: all forecasts, and those with stock."""
    panels = []
    for number, held in enumerate((False, True)):
        drawn = [_axes("shown", "happened"), f'<text x="0" y="-12">{_where(held).capitalize()}</text>']
        drawn.append(f'<line class="ideal" x1="0" y1="{_SIZE}" x2="{_SIZE}" y2="0"/>')
        for kind, method in (("b", backtest.MONTHS_OF_STOCK), ("a", backtest.LEARNED)):
            bins = backtest.score(found, method, held).bins
            drawn.append(_line(kind, [(b.predicted, b.happened) for b in bins]))
            drawn += [
                f'<circle class="{kind}" cx="{b.predicted * _SIZE:.1f}" cy="{(1 - b.happened) * _SIZE:.1f}"'
                f' r="{1.5 + 5 * (b.count / len(found.month)) ** 0.5:.1f}"><title>{b.count:,} forecasts shown'
                f" {b.predicted:.0%}, {b.happened:.0%} happened</title></circle>"
                for b in bins
            ]
        panels.append(_panel(number, drawn))
    keys = [("a", _SAID[backtest.LEARNED]), ("b", _SAID[backtest.MONTHS_OF_STOCK])]
    return _svg("Reliability: what was shown, and how often it happened", panels, keys)


def months_svg(found: Backtest) -> str:
    """The share out of stock month by month, foretold and happened: all forecasts, and those with stock."""
    months = np.unique(found.month).tolist()
    panels = []
    for number, held in enumerate((False, True)):
        rows = found.held if held else np.ones(len(found.month), dtype=bool)
        told, was = [], []
        for month in months:
            at = rows & (found.month == month)
            told.append(float(found.chances[backtest.LEARNED][at].mean()) if at.any() else 0.0)
            was.append(float(found.happened[at].mean()) if at.any() else 0.0)
        top = max(0.05, 1.2 * max([*told, *was]))
        drawn = [
            _axes("month", f"share, to {top:.0%}", [backtest.name(m)[2:] for m in (months[0], months[-1])]),
            f'<text x="0" y="-12">{_where(held).capitalize()}</text>',
        ]
        for kind, values in (("b", was), ("a", told)):
            drawn.append(_line(kind, [(i / max(1, len(months) - 1), v / top) for i, v in enumerate(values)]))
        panels.append(_panel(number, drawn))
    return _svg(
        "The share out of stock, month by month",
        panels,
        [("a", f"foretold ({_SAID[backtest.LEARNED]})"), ("b", "happened")],
    )


def _line(kind: str, points: list[tuple[float, float]]) -> str:
    path = " ".join(f"{x * _SIZE:.1f},{(1 - y) * _SIZE:.1f}" for x, y in points)
    return f'<polyline class="line {kind}" style="fill:none" points="{path}"/>'


def _axes(below: str, beside: str, ends: list[str] | None = None) -> str:
    low, high = ends or ["0", "1"]
    return (
        f'<path class="axis" fill="none" d="M0 0V{_SIZE}H{_SIZE}"/>'
        f'<text x="0" y="{_SIZE + 16}">{low}</text><text x="{_SIZE}" y="{_SIZE + 16}" text-anchor="end">{high}</text>'
        f'<text x="{_SIZE / 2}" y="{_SIZE + 16}" text-anchor="middle">{below}</text>'
        f'<text transform="rotate(-90)" x="{-_SIZE / 2}" y="-10" text-anchor="middle">{beside}</text>'
    )


def _panel(number: int, drawn: list[str]) -> str:
    return f'<g transform="translate({_LEFT + number * (_SIZE + 70)} {_TOP + 20})">{"".join(drawn)}</g>'


def _svg(title: str, panels: list[str], keys: list[tuple[str, str]]) -> str:
    width, height = 2 * _SIZE + 70 + _LEFT + 24, _SIZE + _TOP + 70
    legend = "".join(
        f'<circle class="{kind}" cx="{_LEFT + 6 + n * 280}" cy="{height - 12}" r="5"/>'
        f'<text x="{_LEFT + 18 + n * 280}" y="{height - 8}">{escape(words)}</text>'
        for n, (kind, words) in enumerate(keys)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" width="{width}">'
        f'<title>{escape(title)}</title><style>{_STYLE}</style><text x="{_LEFT}" y="18">{escape(title)}</text>'
        f"{''.join(panels)}{legend}</svg>\n"
    )

"""How do twelve months look? A Plotly figure as a plain dict: balance, use, deliveries, days out, the band."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from app.components import words
from data.stock import Month

Theme = Literal["light", "dark"]
Figure = dict[str, Any]

#: As many months as a chart spans.
SPAN = 12

PALETTE: dict[Theme, dict[str, str]] = {
    "light": {
        "text": "#2B2F33", "quiet": "#5C6369", "grid": "#E6E6E2", "balance": "#0B6E6E", "used": "#B9BEC3",
        "tick": "#2B2F33", "band": "rgba(166, 213, 184, 0.35)", "out": "127, 13, 31",
    },
    "dark": {
        "text": "#E8EAED", "quiet": "#A3ABB3", "grid": "#2B3138", "balance": "#4FB3B3", "used": "#545C64",
        "tick": "#E8EAED", "band": "rgba(62, 124, 94, 0.30)", "out": "240, 90, 100",
    },
}  # fmt: skip

CONFIG: Any = {"displayModeBar": False, "responsive": True, "scrollZoom": False, "doubleClick": False}


def slots(until: date) -> list[date]:
    """The first days of the twelve months that end with `until`."""
    count = until.year * 12 + until.month - 1
    return [date(*((m // 12), m % 12 + 1), 1) for m in range(count - SPAN + 1, count + 1)]


def template(theme: Theme) -> Figure:
    """What every chart of a theme shares: type, grid, margins, and no chart junk."""
    ink = PALETTE[theme]
    axis = {
        "gridcolor": ink["grid"], "zeroline": False, "linecolor": ink["grid"], "fixedrange": True,
        "tickfont": {"color": ink["quiet"], "size": 11}, "automargin": True,
    }  # fmt: skip
    return {
        "layout": {
            "font": {"family": "system-ui, sans-serif", "size": 12, "color": ink["text"]},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": axis | {"showgrid": False},
            "yaxis": axis | {"rangemode": "tozero", "separatethousands": True, "nticks": 4},
            # On the right there is room for the name of the line that ends there.
            "margin": {"l": 8, "r": 56, "t": 8, "b": 8},
            "hovermode": "x unified",
            "dragmode": False,
            "showlegend": False,
        }
    }


def figure(months: Sequence[Month], until: date, unit: str, band: tuple[float, float] | None, theme: Theme) -> Figure:
    """Balance and use of one product at one facility; `band` is (minimum, maximum) in doses."""
    ink = PALETTE[theme]
    days = slots(until)
    known = {m.month: m for m in months}
    at = list(range(SPAN))
    closing = [known[d].closing if d in known else None for d in days]
    used = [known[d].used if d in known else None for d in days]
    received = [(i, known[d].received) for i, d in enumerate(days) if d in known and known[d].received]
    units = words.plural(unit, None)
    return {
        "data": [
            _trace("bar", "Used", at, used, units, marker={"color": ink["used"]}, width=0.62),
            _trace(
                "scatter", "Balance", at, closing, units, mode="lines+markers", connectgaps=False,
                line={"color": ink["balance"], "width": 2.5}, marker={"size": 5, "color": ink["balance"]},
            ),
            # Deliveries are ticks along the top edge; how much came is in the hover and in the table.
            _trace(
                "scatter", "Received", [i for i, _ in received], [1] * len(received), units,
        mode="markers", yaxis="y2", text=[words.number(v) for _, v in received],
                marker={"symbol": "line-ns", "size": 9, "line": {"color": ink["tick"], "width": 2}},
                hovertemplate=f"%{{text}} {units}",
            ),
        ],
        "layout": {
            "template": template(theme),
            "xaxis": {
                "range": [-0.6, SPAN - 0.4],
                "tickvals": at[1::2],
                "ticktext": [words.month_tick(d) for d in days][1::2],
            },
            # Above the highest amount there is room for the ticks of deliveries.
            "yaxis": {"range": [0, _highest(closing, used, band) * 1.14]},
            "yaxis2": {"overlaying": "y", "range": [0, 1.02], "visible": False, "fixedrange": True},
            "shapes": [*band_shape(band, ink), *_days_out(days, known, ink)],
            "annotations": [*_labels(closing, ink), *band_labels(band, ink)],
        },
    }  # fmt: skip


def _highest(closing: Sequence[int | None], used: Sequence[int | None], band: tuple[float, float] | None) -> float:
    return max([v for v in (*closing, *used, *(band or ())) if v], default=1)


def _trace(kind: str, name: str, x: Sequence[int], y: Sequence[int | None], units: str, **more: Any) -> Figure:
    return {
        "type": kind, "name": name, "x": list(x), "y": list(y), "hovertemplate": f"%{{y:,}} {units}",
    } | more  # fmt: skip


def band_shape(band: tuple[float, float] | None, ink: dict[str, str]) -> list[Figure]:
    """The band from minimum to maximum, behind everything."""
    if band is None:
        return []
    return [
        {
            "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": band[0], "y1": band[1],
            "fillcolor": ink["band"], "line": {"width": 0}, "layer": "below",
        }
    ]  # fmt: skip


def _days_out(days: Sequence[date], known: dict[date, Month], ink: dict[str, str]) -> list[Figure]:
    """A month with days out is shaded whole, darker with more of them: which days they were is not reported."""
    return [
        {
            "type": "rect", "yref": "paper", "y0": 0, "y1": 1, "x0": i - 0.5, "x1": i + 0.5, "line": {"width": 0},
            "fillcolor": f"rgba({ink['out']}, {0.06 + 0.24 * min(out, 31) / 31:.2f})", "layer": "below",
        }
        for i, out in ((i, known[d].days_out if d in known else None) for i, d in enumerate(days))
        if out
    ]  # fmt: skip


def _labels(closing: Sequence[int | None], ink: dict[str, str]) -> list[Figure]:
    """The line is named where it ends: there is no legend to look up."""
    last = max((i for i, v in enumerate(closing) if v is not None), default=None)
    if last is None:
        return []
    return [
        {
            "x": last, "y": closing[last], "text": f"balance<br>{words.short(closing[last])}", "showarrow": False,
            "xanchor": "left", "xshift": 6, "align": "left", "font": {"color": ink["balance"], "size": 11},
        }
    ]  # fmt: skip


def band_labels(band: tuple[float, float] | None, ink: dict[str, str]) -> list[Figure]:
    """The names of minimum and maximum, inside the edges of the band."""
    if band is None:
        return []
    return [
        {
            "xref": "paper", "x": 0, "xanchor": "left", "y": level, "yanchor": inside, "showarrow": False,
            "text": f"{name} {words.short(level)}", "font": {"color": ink["quiet"], "size": 10},
        }
        for level, name, inside in zip(band, ("min", "max"), ("bottom", "top"), strict=True)
    ]  # fmt: skip


def sentence(months: Sequence[Month], until: date, unit: str) -> str:
    """The chart in words: what was used and received, and when it was out."""
    days = slots(until)
    months = [m for m in months if m.month in days]
    if not months:
        return f"Nothing was reported in the 12 months to {words.month(until)}."
    used = sum(m.used or 0 for m in months)
    received = sum(m.received or 0 for m in months)
    out = [m for m in months if m.days_out]
    missing = SPAN - len(months)
    said = (
        f"In the 12 months to {words.month(until)}: used {words.amount(used, unit)},"
        f" received {words.amount(received, unit)}; "
    )
    if out:
        total = sum(m.days_out or 0 for m in out)
        said += (
            f"out of stock on {words.counted(total, 'day')}, in {', '.join(words.month_short(m.month) for m in out)}."
        )
    else:
        said += "no day out of stock reported."
    return said + (f" {words.counted(missing, 'month')} without a report." if missing else "")

"""How does what lies behind and ahead look? Balance, the range of what is left, deliveries, expiry, the band.

A Plotly figure as a plain dict; the same as a sentence and as rows for a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from app.components import chart, words
from app.components.chart import Figure, Theme
from data.insight import fan
from data.insight.fan import Fan
from data.outlook import Outlook

#: Days between the rows of the table.
STEP = 7

#: The range of futures: its colour is that of the balance, thinned.
_FILL: dict[Theme, str] = {"light": "rgba(11, 110, 110, 0.20)", "dark": "rgba(79, 179, 179, 0.26)"}

#: Where along the top deliveries stand, and where along the foot doses that expire.
_TOP, _FOOT = 0.97, 0.04


def figure(seen: Outlook, unit: str, band: tuple[float, float] | None, theme: Theme) -> Figure:
    """The chart of one position; `band` is (minimum, maximum) in doses."""
    ink = chart.PALETTE[theme]
    units = words.plural(unit, None)
    first = seen.today - timedelta(days=fan.DAYS)
    last = seen.today + timedelta(days=fan.DAYS)
    history = [point for point in seen.history if point[0] >= first] or list(seen.history[-1:])
    return {
        "data": [
            *_behind(history, seen, units, ink),
            *(_ahead(seen, seen.ahead, seen.alone, units, ink, theme) if seen.ahead and seen.alone else ()),
            *_marks(seen, units, ink),
        ],
        "layout": {
            "template": chart.template(theme),
            "xaxis": {"type": "date", "range": [str(first), str(last)], "nticks": 6, "tickformat": "%-d %b"},
            # Above the highest amount there is room for the marks of deliveries.
            "yaxis": {"range": [0, _highest(history, seen, band) * 1.18]},
            "yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
            "shapes": [*chart.band_shape(band, ink), _today(seen.today, ink)],
            "annotations": [*_labels(seen, ink), *chart.band_labels(band, ink)],
            "hovermode": "x",
        },
    }  # fmt: skip


def _highest(history: Sequence[tuple[date, int]], seen: Outlook, band: tuple[float, float] | None) -> float:
    ahead = [] if seen.ahead is None else [float(seen.ahead.p90.max())]
    return max([v for v in (*(b for _, b in history), *ahead, *(band or ())) if v], default=1)


def _line(name: str, x: Sequence[str], y: Sequence[float], units: str, **more: Any) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": list(x), "y": list(y),
        "hovertemplate": f"{name}: %{{y:,.0f}} {units}<extra></extra>",
    } | more  # fmt: skip


def _behind(history: Sequence[tuple[date, int]], seen: Outlook, units: str, ink: dict[str, str]) -> list[Figure]:
    points = list(history)
    if seen.stepped and points:
        points.append((seen.today, points[-1][1]))
    look = {"line": {"color": ink["balance"], "width": 2.5, "shape": "hv" if seen.stepped else "linear"}}
    mode = "lines" if seen.stepped else "lines+markers"
    return [_line("balance", [str(d) for d, _ in points], [b for _, b in points], units, mode=mode, **look)]


def _ahead(seen: Outlook, ahead: Fan, alone: Fan, units: str, ink: dict[str, str], theme: Theme) -> list[Figure]:
    days = [str(seen.today + timedelta(days=d)) for d in range(fan.DAYS + 1)]
    bare = {"line": {"width": 0}}
    gone = next((d for d, left in enumerate(alone.p50.tolist()) if left == 0), fan.DAYS)
    return [
        _line("at least, in 9 of 10", days, _whole(ahead.p10.tolist()), units, **bare),
        _line(
            "at most, in 9 of 10", days, _whole(ahead.p90.tolist()), units,
            fill="tonexty", fillcolor=_FILL[theme], **bare,
        ),
        _line(
            "likely", days, _whole(ahead.p50.tolist()), units,
            line={"color": ink["balance"], "width": 2, "dash": "dash"},
        ),
        _line(
            "if nothing comes", days[: gone + 1], _whole(alone.p50.tolist()[: gone + 1]), units,
            line={"color": ink["quiet"], "width": 1.5, "dash": "dot"},
        ),
    ]  # fmt: skip


def _whole(values: Sequence[float]) -> list[int]:
    return [round(v) for v in values]


def _marks(seen: Outlook, units: str, ink: dict[str, str]) -> list[Figure]:
    """Deliveries along the top, the last days of lots along the foot."""
    marks = []
    if seen.due:
        said = ["due" if d.doses is None else f"{words.number(d.doses)} {units} on the way" for d in seen.due]
        # What is overdue is expected from today on.
        days = [max(d.day, seen.today) for d in seen.due]
        sizes = [10, *[6] * (len(days) - 1)]
        marks.append(_points("delivery", days, _TOP, said, "triangle-down", sizes, ink))
    if seen.expiries:
        said = [f"{words.number(doses)} {units} have their last day" for _, doses in seen.expiries]
        marks.append(_points("expiry", [day for day, _ in seen.expiries], _FOOT, said, "x-thin", [9] * len(said), ink))
    return marks


def _points(
    name: str, days: Sequence[date], at: float, said: Sequence[str], symbol: str, sizes: Sequence[int],
    ink: dict[str, str],
) -> Figure:  # fmt: skip
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": [str(d) for d in days], "y": [at] * len(days),
        "yaxis": "y2", "text": list(said), "hovertemplate": f"{name}: %{{text}}<extra></extra>", "cliponaxis": False,
        "marker": {
            "symbol": symbol, "size": list(sizes), "color": ink["tick"], "line": {"color": ink["tick"], "width": 1.5},
        },
    }  # fmt: skip


def _today(day: date, ink: dict[str, str]) -> Figure:
    return {
        "type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": str(day), "x1": str(day),
        "line": {"color": ink["quiet"], "width": 1},
    }  # fmt: skip


def _labels(seen: Outlook, ink: dict[str, str]) -> list[Figure]:
    """Today and the line of what is likely are named where they are."""
    plain = {"showarrow": False, "font": {"color": ink["quiet"], "size": 10}}
    labels: list[Figure] = [
        {"x": str(seen.today), "yref": "paper", "y": 1, "yanchor": "top", "xanchor": "right", "xshift": -3,
         "text": "today"} | plain,
    ]  # fmt: skip
    if seen.ahead is not None:
        left = float(seen.ahead.p50[-1])
        labels.append(
            {
                "x": str(seen.today + timedelta(days=fan.DAYS)), "y": left, "text": f"likely<br>{words.short(left)}",
                "showarrow": False, "xanchor": "left", "xshift": 6, "align": "left",
                "font": {"color": ink["balance"], "size": 11},
            }
        )  # fmt: skip
    return labels


def sentence(seen: Outlook, unit: str) -> str:
    """The chart in words: how long it lasts, what comes, what expires."""
    if seen.ahead is None or seen.alone is None:
        return "What is ahead cannot be told: it takes a report in time, and a demand."
    said = [_lasts(seen, seen.alone), _comes(seen, unit), _expires(seen, unit)]
    return " ".join(s for s in said if s)


def _lasts(seen: Outlook, alone: Fan) -> str:
    if alone.p50[0] == 0:
        return "Nothing is left."
    early, likely, late = (seen.gone(line.tolist()) for line in (alone.p10, alone.p50, alone.p90))
    if likely is None:
        return f"If nothing comes, it likely lasts more than {fan.DAYS} days."
    until = f"after {words.day(seen.today + timedelta(days=fan.DAYS), seen.today)}"
    around = f"{words.day(early, seen.today)} and {until if late is None else words.day(late, seen.today)}"
    return f"If nothing comes, the last dose is likely used by {words.day(likely, seen.today)}, between {around}."


def _comes(seen: Outlook, unit: str) -> str:
    if not seen.due:
        return "No delivery is planned."
    first = seen.due[0]
    when = words.day(first.day, seen.today)
    if first.doses is not None:
        late = " and has not arrived" if first.day < seen.today else ""
        return f"{words.opening(words.amount(first.doses, unit))} on the way, expected {when}{late}."
    due = f"The delivery due {when} is late" if first.day < seen.today else f"A delivery is due {when}"
    fills = "" if not seen.fill_to else f"; it is taken to fill up to {words.amount(round(seen.fill_to), unit)}"
    return f"{due}{fills}."


def _expires(seen: Outlook, unit: str) -> str:
    if not seen.expiries:
        return ""
    doses, until = sum(d for _, d in seen.expiries), words.day(seen.expiries[-1][0], seen.today)
    verb = "has its last day" if doses == 1 else "have their last day"
    return f"{words.opening(words.amount(doses, unit))} held {verb} by {until}."


def rows(seen: Outlook) -> list[tuple[date, int, int, int, str]]:
    """A row for every week: the day, what is likely left, the range of eight futures in ten, and what happens in it."""
    if seen.ahead is None:
        return []
    made = []
    for day in [*range(0, fan.DAYS, STEP), fan.DAYS]:
        at = seen.today + timedelta(days=day)
        middle, low, high = (round(float(line[day])) for line in (seen.ahead.p50, seen.ahead.p10, seen.ahead.p90))
        made.append((at, middle, low, high, _events(seen, at - timedelta(days=STEP if day else 0), at)))
    return made


def _events(seen: Outlook, after: date, until: date) -> str:
    def inside(day: date) -> bool:
        # What is overdue stands in the first row.
        return after < day <= until or (after == until and day <= until)

    due = [
        "delivery due" if d.doses is None else f"{words.number(d.doses)} on the way" for d in seen.due if inside(d.day)
    ]
    last = [f"last day of {words.number(doses)}" for day, doses in seen.expiries if inside(day)]
    return ", ".join([*due, *last])

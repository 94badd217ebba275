"""How does a reliability diagram look? Shown against happened, with how many cases stand behind each point, as SVG.

The picture takes its colours from the page (assets/css/6-insight.css); a table beside it says the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from data.insight.scores import Bin

WIDTH, HEIGHT = 420, 420
_LEFT, _TOP, _SIDE = 52, 12, 340
#: Bars of counts lie under the diagram.
_BAR_TOP, _BAR_HIGH = _TOP + _SIDE + 4, 34
_LEAST, _MOST = 4.0, 11.0


def svg(bins: Sequence[Bin], said: str) -> Markup:
    """The diagram, described by `said`; a point's area grows with its cases."""
    most = max((b.count for b in bins), default=1)
    points = [(_x(b.predicted), _y(b.happened), b) for b in bins]
    parts = [
        *_frame(),
        Markup('<line class="perfect" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(_x(0), _y(0), _x(1), _y(1)),
        Markup('<text class="label quiet" x="{}" y="{}" transform="rotate(-45 {} {})">as foretold</text>').format(
            _x(0.74), _y(0.74) - 6, _x(0.74), _y(0.74) - 6
        ),
        Markup('<polyline class="line" points="{}"/>').format(" ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)),
        *(_point(x, y, b, most) for x, y, b in points),
        *(_bar(b, most) for b in bins),
    ]
    head = Markup('<svg class="reliability" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
        WIDTH, HEIGHT, said
    )
    return head + Markup("").join(parts) + Markup("</svg>")


def _x(share: float) -> float:
    return round(_LEFT + share * _SIDE, 1)


def _y(share: float) -> float:
    return round(_TOP + (1 - share) * _SIDE, 1)


def _frame() -> list[Markup]:
    made = []
    for tenth in range(0, 11, 2):
        share = tenth / 10
        made += [
            Markup('<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(_x(0), _y(share), _x(1), _y(share)),
            Markup('<text class="label" x="{}" y="{}" text-anchor="end">{} %</text>').format(
                _x(0) - 8, _y(share) + 4, tenth * 10
            ),
            Markup('<text class="label" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                _x(share), _BAR_TOP + _BAR_HIGH + 14, f"{tenth * 10} %" if tenth else "0"
            ),
        ]
    return made


def _point(x: float, y: float, found: Bin, most: int) -> Markup:
    size = _LEAST + (_MOST - _LEAST) * (found.count / most) ** 0.5
    title = (
        f"{found.count:,} places shown at {round(found.low * 100)} to {round(found.high * 100)} %:"
        f" {found.happened:.0%} ran out"
    )
    return Markup('<circle class="point" cx="{}" cy="{}" r="{}"><title>{}</title></circle>').format(
        x, y, round(size, 1), title.replace("%", " %").replace("  %", " %")
    )


def _bar(found: Bin, most: int) -> Markup:
    high = max(1.0, _BAR_HIGH * found.count / most)
    return Markup('<rect class="count" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
        _x(found.low) + 2, round(_BAR_TOP + _BAR_HIGH - high, 1), round(_SIDE / 10 - 4, 1), round(high, 1),
        f"{found.count:,} places",
    )  # fmt: skip

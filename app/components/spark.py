"""How does a year look at a glance? A small line of twelve points that takes the colour of the text around it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from dash import html

from app.components import parts

WIDTH, HEIGHT, _EDGE = 64, 18, 2


def line(values: Sequence[float | None], said: str) -> html.Span | None:
    """A sparkline, described by `said`; None where fewer than two values are known. Gaps break the line."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return None
    drawing = quote(svg(values))
    marks: parts.Attributes = {"role": "img", "aria-label": said}
    mask = f'url("data:image/svg+xml,{drawing}") center / 100% 100% no-repeat'
    return html.Span(
        className="spark",
        # A mask, not a picture: the line is painted in the text's colour in either theme.
        style={
            "display": "inline-block", "width": f"{WIDTH}px", "height": f"{HEIGHT}px", "verticalAlign": "middle",
            "background": "currentColor", "mask": mask, "WebkitMask": mask,
        },
        **marks,
    )  # fmt: skip


def svg(values: Sequence[float | None]) -> str:
    """The line as SVG, over a zero baseline."""
    top = max((v for v in values if v is not None), default=0) or 1
    step = (WIDTH - 2 * _EDGE) / max(len(values) - 1, 1)
    path, pen = [], "M"
    for i, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        y = HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * value / top
        path.append(f"{pen}{_EDGE + i * step:.1f} {y:.1f}")
        pen = "L"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<path d="{"".join(path)}" fill="none" stroke="black" stroke-width="1.5" stroke-linejoin="round"/></svg>'
    )

"""Which ids does the page's contract name? The same words as in assets/README.md."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Id(StrEnum):
    """Ids that Python or the browser's modules look up."""

    VIEW = "view"
    PULSE = "pulse"
    MAP = "map"
    PANEL = "panel"
    PANEL_BODY = "panel-body"
    PANEL_GRIP = "panel-grip"
    HEADLINE = "headline"
    HEADLINE_SLOT = "headline-slot"
    SEARCH = "search"
    SEARCH_RESULTS = "search-results"
    VACCINE = "vaccine"
    COLOUR = "colour"
    COLOUR_HERE = "colour-here"
    HORIZON = "horizon"
    PRESET = "preset"
    LIVE_DOT = "live-dot"
    THEME_TOGGLE = "theme-toggle"
    TICKER = "ticker"
    LEGEND = "legend"
    MONTH_SLIDER = "month-slider"

"""What is shown beside the map? One callback: the view and the pulse come in, panel, numbers and target go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from dash import Dash, Input, Output, no_update
from dash.exceptions import PreventUpdate

from app import lens as lenses
from app import past, services
from app.auth import rights
from app.callbacks import area as area_panel
from app.callbacks import facility as facility_panel
from app.components import chart
from app.components import parts as pieces
from app.components.elements import Elements, light
from app.components.ids import Id
from app.components.map_view import Target
from app.lens import PLAIN
from app.services import Services
from data import errors, stock
from data.lens import Lens, UnknownLens
from data.programmes import Programme
from data.record.past import AsOf
from data.stock import Product
from data.types import WORST
from geo import areas
from geo import lens as lens_views
from geo import past as past_areas
from geo.errors import InvalidMonth
from geo.lens import View as Seen
from geo.past import Pasts
from geo.reach import Reach

#: Years that a month on screen may be in.
YEARS = range(1990, 2101)


#: What of a view says through what it is looked at.
_LENS = ("month", "as_of", "colour", "horizon", "preset")


class InvalidView(errors.DataError):
    """The {field} of this view cannot be used: {reason}."""


@dataclass(frozen=True, slots=True)
class View:
    """What is on screen, as the browser tells it; see assets/README.md."""

    programme: str
    area: str | None
    facility: str | None
    vaccine: str | None
    month: date | None
    as_of: Mapping[str, str]
    theme: chart.Theme
    lens: Lens = PLAIN


@dataclass(frozen=True, slots=True)
class Shown:
    """The answer: the panel, the strip over the map, and where the place shown lies."""

    panel: Any
    strip: Any
    target: Target


def register(dash: Dash, parts: Services) -> None:
    """Tie the panel, the strip and the map's target to the view and the pulse."""

    @dash.callback(
        Output(Id.PANEL_BODY, "children"),
        Output(Id.HEADLINE_SLOT, "children"),
        Output(Id.MAP, "target"),
        Input(Id.VIEW, "data"),
        Input(Id.PULSE, "data"),
    )
    @rights.needs("see", rights.Where.INSIDE)
    def show(view: object, pulse: int) -> tuple[Any, Any, Any]:
        if not view:
            raise PreventUpdate
        try:
            asked = parse(view)
            with services.transaction() as conn:
                programme = services.programme(conn, asked.programme)
                shown = read(conn, programme, asked, datetime.now(UTC), parts, services.reach(programme))
        except errors.DataError as error:
            return failure(error), no_update, no_update
        # The target goes with every answer, also when only a pulse asked: Dash drops an answer that a newer question
        # has overtaken, and the browser itself leaves alone what nobody asked to be shown.
        return shown.panel, shown.strip, shown.target


def parse(view: object) -> View:
    """The view as values; raises `InvalidView` or `InvalidMonth`: anybody signed in may send anything as a view."""
    if not isinstance(view, dict):
        raise InvalidView("form", "Reload the page.", reason="it is not an object")
    return View(
        programme=_text(view, "programme") or "",
        area=_text(view, "area"),
        facility=_text(view, "facility"),
        vaccine=_text(view, "vaccine"),
        month=_month(_text(view, "month")),
        as_of={field: text for field in ("as_of", "sense") if (text := _text(view, field))},
        theme="dark" if view.get("theme") == "dark" else "light",
        lens=lenses.asked({field: _text(view, field) for field in _LENS}),
    )


def _text(view: Mapping[str, object], field: str) -> str | None:
    found = view.get(field)
    if found is not None and not isinstance(found, str):
        raise InvalidView(field, "Reload the page.", reason="it is not text")
    if found and any(c < " " or "\ud800" <= c <= "\udfff" for c in found):
        raise InvalidView(field, "Reload the page.", reason="it holds a character that cannot be printed")
    return found or None


def _month(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        month = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007  # a month has no time zone
    except ValueError as error:
        raise InvalidMonth("month", "Choose one on the slider.", value=text) from error
    if month.year not in YEARS:
        raise InvalidMonth("month", "Choose one on the slider.", value=text)
    return month


def read(conn: sa.Connection, programme: Programme, view: View, at: datetime, parts: Services, reach: Reach) -> Shown:
    """Everything beside the map for one view, cut to the reach; raises the error that names what is not there."""
    now = at.astimezone(ZoneInfo(programme.timezone))
    if view.facility is not None and not reach.has_facility(view.facility):
        raise errors.UnknownFacility("facility", services.ELSEWHERE, value=view.facility)
    if view.area is not None and not reach.has_area(view.area):
        raise errors.UnknownArea("area", services.ELSEWHERE, value=view.area)
    product = _product(conn, programme, view.vaccine)
    if (as_of := past.asked(conn, programme, view.as_of, at)) is not None:
        return _then(conn, programme, view, product, now, as_of, parts.pasts, reach)
    if view.facility is None:
        area = areas.area(conn, programme.id, view.area)
        strip = Elements(area_panel.strip(conn, programme, area, product, now, view.month, reach))
        panel = area_panel.panel(
            conn, programme, area, product, now, reach,
            month=view.month, lens=view.lens, seen=_seen(programme, view, product, parts, reach),
        )  # fmt: skip
        return Shown(Elements(panel), strip, {"area": area.code, "facility": None, "bounds": list(area.bounds)})
    panel, facility = facility_panel.panel(
        conn, programme, view.facility, view.vaccine, now, reach, month=view.month, theme=view.theme, lens=view.lens
    )
    around = areas.area(conn, programme.id, view.area or facility.lineage[-1].code)
    strip = Elements(area_panel.strip(conn, programme, around, product, now, view.month, reach))
    if facility.lon is None or facility.lat is None:
        bounds = around.bounds
    else:
        bounds = (facility.lon, facility.lat, facility.lon, facility.lat)
    return Shown(light(panel), strip, {"area": view.area, "facility": facility.code, "bounds": list(bounds)})


def _seen(programme: Programme, view: View, product: Product | None, parts: Services, reach: Reach) -> Seen | None:
    """What lies within the reach through the lens of the view; None where there is no lens."""
    if view.lens == PLAIN:
        return None
    found = parts.lenses.view(programme, WORST if product is None else product.seat, view.lens)
    return lens_views.part(found, reach)


def _then(
    conn: sa.Connection,
    programme: Programme,
    view: View,
    product: Product | None,
    now: datetime,
    as_of: AsOf,
    pasts: Pasts,
    reach: Reach,
) -> Shown:
    """The same as it was at a past moment."""
    then = past_areas.part(pasts.nation(programme, WORST if product is None else product.seat, as_of), reach)
    if view.facility is None:
        area = areas.area(conn, programme.id, view.area)
        panel = area_panel.panel_then(conn, programme, area, product, then, now, as_of, reach)
        target: Target = {"area": area.code, "facility": None, "bounds": list(area.bounds)}
    else:
        panel, facility = facility_panel.panel_then(
            conn, programme, view.facility, view.vaccine, now, as_of, theme=view.theme
        )
        area = areas.area(conn, programme.id, view.area or facility.lineage[-1].code)
        lon, lat = facility.lon, facility.lat
        bounds = area.bounds if lon is None or lat is None else (lon, lat, lon, lat)
        target = {"area": view.area, "facility": facility.code, "bounds": list(bounds)}
    return Shown(panel, area_panel.strip_then(programme, area, product, then, now, as_of), target)


def _product(conn: sa.Connection, programme: Programme, code: str | None) -> Product | None:
    if code is None:
        return None
    found = next((p for p in stock.products(conn, programme.id) if p.code == code), None)
    if found is None:
        raise errors.UnknownProduct("vaccine", "Choose one from the list of vaccines.", value=code)
    return found


def failure(error: errors.DataError) -> Any:
    """What the panel says where it cannot show what was asked for."""
    if isinstance(error, errors.DatabaseUnavailable):
        return pieces.failure("The numbers cannot be read just now", error.message)
    if isinstance(error, (past.InvalidMoment, InvalidMonth)):
        back = pieces.link("Show now", month="", as_of="", sense="")
        return pieces.failure("This moment cannot be shown", error.message, back)
    if isinstance(error, UnknownLens):
        back = pieces.link("Show the programme's own", preset="", horizon="")
        return pieces.failure("This cannot be shown", error.message, back)
    back = pieces.link("Show the whole country", area="", facility="", vaccine="", month="", as_of="", sense="")
    return pieces.failure("This is not here", error.message, back)

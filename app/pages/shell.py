"""How is the page of the map laid out? The frame: rail, bar, stage and panel; the browser and callbacks fill it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dash import dcc, html
from markupsafe import Markup

from app.components import parts
from app.components.ids import Id
from app.components.map_view import MapView
from app.pages import plain
from data.insight import ahead, policy
from data.programmes import Programme
from data.stock import Product
from data.types import WORST

#: Files that Dash asks for on every page; nothing here uses its own tables.
_SCRIPT = re.compile(r'<script src="([^"]+)"></script>')
_UNUSED = "/dash/dash_table/"

_COLOURS = (("risk", "Risk"), ("state", "Out of stock"), ("probability", "Probability"), ("reporting", "Reporting"))


def index(dash_parts: Mapping[str, str], programme: Programme | None, *, nation: bool = False) -> str:
    """The document around the app, from what Dash gives to `interpolate_index`; its parts are trusted HTML.

    `nation`: the map will first show the worst of all vaccines as it is now, so its colours are asked for early.
    """
    trusted = {name: Markup(part) for name, part in dash_parts.items()}  # nosec B704  # Dash made them
    # The map comes first: boot.js starts Dash once there is a picture, and its files wait for a free connection.
    scripts = [s for s in _SCRIPT.findall(dash_parts["scripts"]) if _UNUSED not in s]
    trusted["scripts"] = Markup("\n".join(f'<script src="{address}"></script>' for address in scripts))  # nosec B704
    code = None if programme is None else programme.code
    title = "VaxTrace" if programme is None else f"{programme.name} · VaxTrace"
    colours = programme and nation and f"/values/{programme.code}/{programme.registry_version}/areas/{WORST}"
    ours = {
        "later": [Markup(s) for s in scripts],  # nosec B704
        "title": title,
        "head": plain.head(code),
        "programme": code,
        "sections": [] if code is None else plain.rail(code, "Map")[1:],
        "colours": colours,
    }
    return plain.render("shell.html", **(trusted | ours))


def outline() -> html.Div:
    """The frame without a programme: only what callbacks write and read."""
    filled = [html.Div(id=Id.HEADLINE_SLOT), html.Div(id=Id.PANEL_BODY), MapView(id=Id.MAP)]
    return html.Div([*filled, dcc.Store(id=Id.VIEW), dcc.Store(id=Id.PULSE)])


def layout(
    programme: Programme,
    others: Sequence[Programme],
    products: Sequence[Product],
    person: plain.Person,
    sources: Sequence[str],
) -> html.Div:
    """The frame for one programme and one person; `others` are the further programmes that they may see."""
    return html.Div(
        [
            _rail(programme),
            _bar(programme, others, products, person),
            html.Main(
                [
                    MapView(id=Id.MAP),
                    html.Div(id=Id.HEADLINE_SLOT),
                    _ticker(),
                    html.Div([_key(programme), html.Div(id=Id.MONTH_SLIDER)], className="map-foot"),
                    _notice(programme, sources),
                ],
                className="stage",
            ),
            _panel(),
            dcc.Store(id=Id.VIEW),
            dcc.Store(id=Id.PULSE, data=0),
        ],
        className="page page-map",
    )


def _rail(programme: Programme) -> html.Nav:
    marks: parts.Attributes = {"aria-label": "Sections"}
    return html.Nav([_section(s) for s in plain.rail(programme.code, "Map")], className="rail", **marks)


def _section(section: plain.Section) -> html.A:
    marks: parts.Attributes = {"aria-current": "page"} if section.here else {}
    hidden: parts.Attributes = {"aria-hidden": "true"}
    icon = html.I(className=f"icon icon-{section.icon}", **hidden)
    return html.A([icon, html.Span(section.name)], className="rail-link", href=section.href, **marks)


def _bar(
    programme: Programme, others: Sequence[Programme], products: Sequence[Product], person: plain.Person
) -> html.Header:
    vaccines = [("", "Worst of all"), *((p.code, p.name) for p in products)]
    toggle: parts.Attributes = {"aria-label": "Light or dark"}
    return html.Header(
        [
            html.A("VaxTrace", className="brand", href=f"/{programme.code}"),
            *([parts.simulated(programme.notice)] if programme.simulated else []),
            _search(),
            _choice(Id.VACCINE, "Vaccine", vaccines),
            _choice(Id.COLOUR, "Colour by", _COLOURS),
            html.Span(id=Id.LIVE_DOT, className="live", role="status"),
            html.Button(id=Id.THEME_TOGGLE, className="icon-button", type="button", **toggle),
            _account(others, person),
        ],
        className="bar",
    )


def _search() -> html.Div:
    label = "Find a facility or an area"
    return html.Div(
        [
            html.Label(label, className="sr-only", htmlFor=Id.SEARCH),
            dcc.Input(id=Id.SEARCH, type="search", placeholder=label, autoComplete="off"),
            html.Ul(id=Id.SEARCH_RESULTS, role="listbox", hidden=True),
        ],
        className="search",
    )


def _choice(id: Id, label: str, options: Sequence[tuple[str, str]]) -> html.Label:
    chosen = html.Select([html.Option(text, value=value) for value, text in options], id=id)
    return html.Label([html.Span(label), chosen], className="field")


def _key(programme: Programme) -> html.Div:
    """The legend, and what the colours are looked at through; on a phone the choice of colours too."""
    horizons = [("", "before the next delivery"), *((str(d), f"within {d} days") for d in ahead.HORIZONS)]
    own = policy.PRESETS[programme.preset]
    presets = [html.Option(f"{own.name}, the programme's own", value="", **_says(own))]
    presets += [html.Option(p.name, value=p.name, **_says(p)) for p in policy.PRESETS.values() if p is not own]
    lens = [
        _choice(Id.COLOUR_HERE, "Colour by", _COLOURS),
        _choice(Id.HORIZON, "Out of stock", horizons),
        html.Label([html.Span("Levels of"), html.Select(presets, id=Id.PRESET)], className="field"),
    ]
    return html.Div([html.Div(lens, className="lens"), html.Div(id=Id.LEGEND)], className="map-key")


def _says(preset: policy.Preset) -> parts.Attributes:
    return {"data-says": f"{preset.name}, {preset.formula}"}


def _account(others: Sequence[Programme], person: plain.Person) -> html.Details:
    marks: parts.Attributes = {"aria-label": "Account"}
    hidden: parts.Attributes = {"aria-hidden": "true"}
    elsewhere = [html.Li(html.A(p.name, href=f"/{p.code}")) for p in others]
    # The form's token travels as the value of its one button: no input is needed.
    leave = html.Button("Sign out", className="button", type="submit", name="csrf_token", value=person.csrf)
    return html.Details(
        [
            html.Summary(html.I(className="icon icon-person", **hidden), **marks),
            html.Div(
                [
                    html.P(person.name),
                    html.P(person.role, className="note"),
                    html.P(html.A("My account", className="button", href="/account")),
                    *([html.P("Other programmes", className="note"), html.Ul(elsewhere)] if elsewhere else []),
                    html.Form(leave, method="post", action="/logout"),
                ],
                className="menu",
            ),
        ],
        className="person",
    )


def _ticker() -> html.Ol:
    marks: parts.Attributes = {"aria-label": "Latest changes", "aria-live": "polite", "aria-relevant": "additions"}
    return html.Ol(id=Id.TICKER, className="ticker", **marks)


def _notice(programme: Programme, sources: Sequence[str]) -> html.P:
    # The link comes first: where the line is too long for the window, its end is cut off.
    said: list[parts.Node] = [html.A("Sources", href=f"/{programme.code}/about")] if sources else []
    if programme.notice:
        said += [" · ", programme.notice] if said else [programme.notice]
    return html.P(said, className="notice")


def _panel() -> html.Aside:
    grip: parts.Attributes = {"aria-label": "Panel height"}
    details: parts.Attributes = {"aria-label": "Details"}
    lines = [html.Div(className="skeleton", style={"height": "18px"}) for _ in range(6)]
    focus: parts.Attributes = {"tabIndex": -1}
    return html.Aside(
        [
            html.Div(html.Button(id=Id.PANEL_GRIP, type="button", **grip), className="panel-grip"),
            html.Div(lines, id=Id.PANEL_BODY, className="panel-body", **focus),
        ],
        id=Id.PANEL,
        className="panel",
        **details,
    )

"""At which address is the map? Dash, mounted on the application: one page per programme, laid out per request."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from dash import Dash, html
from dash.exceptions import DependencyException
from flask import Flask, Response, has_request_context, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app import callbacks, services, static, vendor
from app.auth import rights
from app.auth.rights import Where
from app.errors import NoProgramme
from app.pages import routes, shell
from app.services import Services
from data import programmes, stock
from geo.errors import NotThere

#: The name by which the application knows its Dash.
PAGE = "map"
#: Where Dash asks for plotly.js; the partial bundle of the same version is a third of its size.
PLOTLY = "/_dash-component-suites/plotly/package_data/plotly.min.js"
#: Where Dash serves its own files.
SUITES = "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>"


_SIGNED_IN = rights.needs("", Where.SIGNED_IN)
#: What Dash's own addresses and ours beside it ask for. The page and the layout are cut to the programmes of who asks,
#: and each callback has a rule of its own.
RULES: dict[str, Callable[[Any], Any]] = {
    SUITES: rights.open_to_all,
    "plotly": rights.open_to_all,
    "/_favicon.ico": rights.open_to_all,
    "_dash_assets.static": _SIGNED_IN,
    "home": _SIGNED_IN,
    "/": _SIGNED_IN,
    "/<path:path>": _SIGNED_IN,
    "/_dash-layout": _SIGNED_IN,
    "/_dash-dependencies": _SIGNED_IN,
    "/_dash-update-component": _SIGNED_IN,
    "/_reload-hash": _SIGNED_IN,
}


class MapApp(Dash):
    """Dash, with the page around it made by the shell."""

    def interpolate_index(self, **parts: Any) -> str:  # type: ignore[override]  # Dash only ever names them
        """The document; for a programme that the reader may not see, or below it, it is not found."""
        if "/" in request.path.strip("/"):
            raise NotThere("path")
        nation = not (request.args.get("vaccine") or request.args.get("month"))
        with services.transaction() as conn:
            return shell.index(parts, services.programme(conn, _code(request.path)), nation=nation)


def mount(app: Flask, parts: Services) -> Dash:
    """Put the map at `/<programme>`; `/` leads to the first programme that the reader may see."""
    app.add_url_rule("/", "home", _home)
    app.add_url_rule(PLOTLY, "plotly", _plotly)
    dash = MapApp(
        "vaxtrace",
        server=app,  # type: ignore[arg-type]  # the annotation forgets what the documentation offers
        assets_folder=str(vendor.ASSETS),
        include_assets_files=False,
        pages_folder="",
        use_pages=False,
        serve_locally=True,
        update_title="",
        compress=False,
        suppress_callback_exceptions=False,
    )
    dash.layout = _layout
    app.extensions[PAGE] = dash
    app.view_functions[SUITES] = _or_not_there(app.view_functions[SUITES])
    callbacks.register(dash, parts)
    for endpoint, mark in RULES.items():
        app.view_functions[endpoint] = mark(app.view_functions[endpoint])
    return dash


def _or_not_there(serve: Callable[..., Any]) -> Callable[..., Any]:
    """Dash fails where it is asked for a file that it does not have, and anybody may ask."""

    @wraps(serve)
    def view(**path: str) -> Any:
        try:
            return serve(**path)
        except (DependencyException, FileNotFoundError) as error:
            raise NotThere("path") from error

    return view


def _home() -> AnyResponse:
    mine = sorted(services.principal().programmes)
    if not mine:
        raise NoProgramme(remedy="Ask your administrator for one.")
    with services.transaction() as conn:
        tops = services.reach(services.programme(conn, mine[0])).tops
    # Who has one place begins there, and not with the nation.
    return redirect(f"/{mine[0]}" + (f"?{urlencode(tops)}" if len(tops) == 1 else ""))


def _plotly() -> Response:
    answer = static.twin("vendor/plotly-cartesian.min.js")
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


def _layout() -> html.Div:
    """The layout for the page that asks for it: Dash asks at one address, so the page is the one that it came from."""
    if not has_request_context():
        # Dash asks once before it serves, to know the ids that callbacks may name.
        return shell.outline()
    who = services.current()
    if who is None:
        return html.Div()
    if not who.programmes:
        raise NoProgramme(remedy="Ask your administrator for one.")
    code = _code(urlsplit(request.headers.get("Referer", "")).path)
    with services.transaction() as conn:
        programme = services.programme(conn, code if code in who.programmes else min(who.programmes))
        others = [p for p in programmes.every(conn) if p.code in who.programmes and p.code != programme.code]
        products = stock.products(conn, programme.id)
        return shell.layout(programme, others, products, routes.person(programme.code), programme.sources)


def _code(path: str) -> str:
    return path.strip("/").split("/")[0]

"""SHOW: pages, API, live pushes, jobs. Knows data and geo. `create_app` is the only place where things are wired."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from app.settings import Settings

#: The largest request that is read, in bytes: 10,000 events with their notes.
MOST_BYTES = 10 * 1024 * 1024


def create_app(settings: Settings) -> WSGIApplication:
    """The web application: tiles and vectors in front, pages and API behind. Nothing is opened before this."""
    from flask import Flask
    from flask_compress import Compress
    from werkzeug.middleware.proxy_fix import ProxyFix

    from app import errors, headers, logs, static
    from app.api import attachments, bin_cards, counts, health, reads, shipments, stock_events
    from app.auth import oidc, reset_routes, sealed, token_routes
    from app.auth import routes as auth
    from app.auth.sessions import Sessions
    from app.pages import account_routes, count_routes, error, log_routes, people_routes
    from app.pages import map as map_page
    from app.pages import routes as pages
    from app.recorder import Recorder
    from app.services import NAME, Services
    from app.tiles import Front
    from data import db
    from geo import cache
    from geo.past import Pasts

    logs.configure(settings.log_level)
    engine = db.engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.threads,
        application="vaxtrace web",
        patience=db.PATIENT,
    )
    with db.transaction(engine) as conn:
        link = cache.connect(settings.redis_url.get_secret_value(), cache.prefix(conn, settings.release))
    parts = Services(
        settings, engine, cache.Cache(link), Sessions(engine, demo=settings.demo, proxied=settings.proxies > 0),
        Recorder(engine), Pasts(engine), sealed.box(settings),
    )  # fmt: skip

    app = Flask("app", static_folder=None)
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=MOST_BYTES,
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_BR_LEVEL=4,
        COMPRESS_MIMETYPES=["text/html", "application/json", "text/javascript", "text/css", "text/csv"],
    )
    app.extensions[NAME] = parts
    if settings.proxies:
        fixed = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)
        app.wsgi_app = fixed  # type: ignore[method-assign]  # this is how Flask wants it
    Compress(app)
    errors.register(app, error.render)
    auth.guard(app)
    oidc.prepare(app, settings)
    for blueprint in (
        auth.blueprint, reset_routes.blueprint, oidc.blueprint, token_routes.blueprint, account_routes.blueprint,
        people_routes.blueprint, log_routes.blueprint, static.blueprint, health.blueprint, reads.blueprint,
        stock_events.blueprint, counts.blueprint, bin_cards.blueprint, shipments.blueprint, attachments.blueprint,
        pages.blueprint, count_routes.blueprint,
    ):  # fmt: skip
        app.register_blueprint(blueprint)
    dash = map_page.mount(app, parts)
    headers.register(app, lambda: dash.csp_hashes())
    return Front(app, engine, parts.cache, parts.sessions.current, parts.pasts)

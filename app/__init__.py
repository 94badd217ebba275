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

    from app import errors, headers, logs, static
    from app.api import attachments, bin_cards, counts, health, reads, shipments, stock_events
    from app.auth import routes as auth
    from app.auth.sessions import Sessions
    from app.pages import count_routes, error
    from app.pages import map as map_page
    from app.pages import routes as pages
    from app.recorder import Recorder
    from app.services import NAME, Services
    from app.tiles import Front
    from data import db
    from geo import cache
    from geo.lens import Lenses
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
        settings, engine, cache.Cache(link), Sessions(engine, demo=settings.demo), Recorder(engine), Pasts(engine),
        Lenses(engine),
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
    Compress(app)
    errors.register(app, error.render)
    auth.guard(app)
    for blueprint in (
        auth.blueprint, static.blueprint, health.blueprint, reads.blueprint, stock_events.blueprint, counts.blueprint,
        bin_cards.blueprint, shipments.blueprint, attachments.blueprint, pages.blueprint, count_routes.blueprint,
    ):  # fmt: skip
        app.register_blueprint(blueprint)
    dash = map_page.mount(app, parts)
    headers.register(app, lambda: dash.csp_hashes())
    return Front(app, engine, parts.cache, parts.sessions.current, parts.pasts, parts.lenses)

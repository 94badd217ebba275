"""SHOW: pages, API, live pushes, jobs. Knows data and geo. `create_app` is the only place where things are wired."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from app.settings import Settings


def create_app(settings: Settings) -> WSGIApplication:
    """The web application: tiles and vectors in front, pages and API behind. Nothing is opened before this."""
    from flask import Flask
    from flask_compress import Compress
    from werkzeug.middleware.proxy_fix import ProxyFix

    from app import errors, headers, limits, logs, static
    from app.api import (
        ahead,
        attachments,
        bin_cards,
        counts,
        demand,
        health,
        kpis,
        orders,
        reads,
        shipments,
        stock_events,
    )
    from app.auth import csrf, oidc, reset_routes, sealed, token_routes
    from app.auth import routes as auth
    from app.auth.sessions import Sessions
    from app.pages import (
        account_routes,
        count_routes,
        error,
        insight_routes,
        log_routes,
        order_routes,
        people_routes,
        record_routes,
    )
    from app.pages import map as map_page
    from app.pages import routes as pages
    from app.recorder import Recorder
    from app.services import NAME, Services
    from app.tiles import Front
    from data import db, walls
    from geo import cache
    from geo.lens import Lenses
    from geo.past import Pasts
    from geo.reach import Reaches

    logs.configure(settings.log_level)
    engine = db.engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.threads,
        application="vaxtrace web",
        patience=db.PATIENT,
        role=walls.APP,
    )
    public = db.engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.threads // 2,
        application="vaxtrace web, registry",
        patience=db.PATIENT,
        role=walls.REGISTRY,
    )
    reaches = Reaches(public)
    with db.transaction(engine) as conn:
        link = cache.connect(settings.redis_url.get_secret_value(), cache.prefix(conn, settings.release))
    box, work = sealed.box(settings), limits.Work(settings)
    parts = Services(
        settings, engine, public, cache.Cache(link),
        Sessions(
            engine, box, demo=settings.demo, proxied=settings.proxies > 0, secure=settings.secure_cookies
        ),
        Recorder(engine, reaches.whole), Pasts(engine, reaches.whole, work.spend),
        Lenses(engine, reaches.whole, work.spend), reaches, box,
    )  # fmt: skip

    app = Flask("app", static_folder=None)
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
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
    limits.register(app, settings)
    auth.guard(app)
    csrf.guard(app, settings.secret_key.get_secret_value(), secure=settings.secure_cookies)
    oidc.prepare(app, settings)
    for blueprint in (
        auth.blueprint, reset_routes.blueprint, oidc.blueprint, token_routes.blueprint, account_routes.blueprint,
        people_routes.blueprint, log_routes.blueprint, static.blueprint, health.blueprint, reads.blueprint,
        stock_events.blueprint, counts.blueprint, orders.blueprint, bin_cards.blueprint, shipments.blueprint,
        attachments.blueprint, pages.blueprint, count_routes.blueprint, order_routes.blueprint, ahead.blueprint,
        insight_routes.blueprint, demand.blueprint, kpis.blueprint, record_routes.blueprint,
    ):  # fmt: skip
        app.register_blueprint(blueprint)
    dash = map_page.mount(app, parts)
    headers.register(app, lambda: dash.csp_hashes())
    who = limits.counted(parts.sessions.current)
    return Front(app, engine, parts.cache, who, parts.pasts, parts.lenses, public=public, reaches=reaches)

"""Chromium before the whole product, on a country of two states; both are started once and shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from app import countries
from app.auth import demo as demo_users
from app.local import servers
from data import db, migrate
from data.packs import demo, reader
from tests import product as products
from tests.browser import screen
from tests.keys import BOX
from tests.product import Product

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
UGANDA = Path(__file__).parents[1] / "packs" / "uganda"

Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@dataclass(slots=True)
class Country:
    """What a test may look up in the record, to compare with what is on screen."""

    code: str
    engine: sa.Engine

    def one(self, statement: str, **values: object) -> sa.Row[Any]:
        """The first row of a statement."""
        return self.rows(statement, **values)[0]

    def rows(self, statement: str, **values: object) -> list[sa.Row[Any]]:
        """The rows of a statement; `:code` is the programme's code."""
        with db.transaction(self.engine) as conn:
            return list(conn.execute(sa.text(statement), {"code": self.code} | values))

    def middle(self, area: str) -> tuple[float, float]:
        """Longitude and latitude of a point well inside an area, by its code."""
        row = self.one(
            "select ST_X(at) as lon, ST_Y(at) as lat from (select (ST_MaximumInscribedCircle(a.geom)).center as at"
            " from area a join programme p on p.id = a.programme_id where p.code = :code and a.code = :area) inside",
            area=area,
        )
        return row.lon, row.lat


@dataclass(slots=True)
class Redis:
    """The product's Redis, which tests may stop and start again."""

    folder: Path
    server: servers.Server

    def stop(self) -> None:
        """Stop it; what it held is gone."""
        self.server.stop()

    def start(self) -> None:
        """Start it at the same address, empty."""
        self.server = servers.start_redis(self.folder)


@pytest.fixture(scope="session")
def redis_of_product(server_folder: Path) -> Iterator[Redis]:
    folder = server_folder / "b"
    redis = Redis(folder, servers.start_redis(folder))
    yield redis
    redis.stop()
    servers.remove(folder)


@pytest.fixture(scope="session")
def loaded(postgres: servers.Server, administration: sa.Engine) -> Iterator[sa.Engine]:
    """A database with the demo country of two states, and Uganda where the real data is."""
    with administration.connect() as conn:
        conn.exec_driver_sql("create database browser")
    url = postgres.url.replace(f"/{servers.NAME}?", "/browser?")
    migrate.upgrade(url)
    engine = db.engine(url)
    country = demo.build(today=datetime.now(UTC).date(), facilities=300, states=("Kano", "Lagos"))
    countries.bring_in(engine, country, digest="browser", say=lambda text: None, demo_of=BOX)
    if (Path(__file__).parents[3] / "shared" / "data" / "uga").is_dir():
        countries.bring_in(engine, reader.read(UGANDA), digest="browser", say=lambda text: None, demo_of=BOX)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def product(
    server_folder: Path, postgres: servers.Server, loaded: sa.Engine, redis_of_product: Redis
) -> Iterator[Product]:
    if not (products.PROJECT / "assets" / "node_modules").is_dir():
        pytest.skip("the browser's libraries are not installed: run `make test`")
    url = postgres.url.replace(f"/{servers.NAME}?", "/browser?")
    running = products.start(server_folder, url, redis_of_product.server.url)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def nigeria(product: Product, loaded: sa.Engine) -> Country:
    return Country("nigeria-demo", loaded)


@pytest.fixture(scope="session")
def uganda(product: Product, loaded: sa.Engine, shared_data: Path) -> Country:
    return Country("uganda", loaded)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed: run `make test`")
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Any) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield running
    running.close()


@pytest.fixture(scope="session")
def signed_in(browser: Browser, product: Product) -> Any:
    """The cookies of somebody who signed in through the form."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(product.address)
    sign_in(page)
    page.wait_for_url("**/nigeria-demo**")
    cookies = context.storage_state()
    context.close()
    return cookies


def sign_in(page: Page, email: str = "national@demo.example", password: str = demo_users.PASSWORD) -> None:
    """Fill the form in and send it."""
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


@dataclass
class Watched:
    """What a page asked for, and what went wrong in it."""

    requests: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    #: Parts of messages that a test brings about on purpose.
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Listen to everything that a page says and asks."""
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.wrong.append(f"uncaught: {error}"))
        page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.text} ({message.location['url']})")

    def tiles(self) -> list[str]:
        """The tiles that were asked for."""
        return [url for url in self.requests if "/tiles/" in url]

    def unexpected(self) -> list[str]:
        """What went wrong and was not brought about."""
        return [text for text in self.wrong if not any(part in text for part in (*_OF_CHROMIUM, *self.expected))]


#: What a headless Chromium says of its software renderer, whatever the page does.
_OF_CHROMIUM = ("GPU stall due to ReadPixels", "GL Driver Message", "Automatic fallback to software WebGL")


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def context(browser: Browser, signed_in: Any) -> Iterator[Callable[..., BrowserContext]]:
    """Opens a fresh profile of somebody who is signed in."""
    opened: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        # Without flights: every frame of one costs a software renderer as much as a page.
        usual = {"storage_state": signed_in, "viewport": DESKTOP, "reduced_motion": "reduce"}
        made = browser.new_context(**(usual | options))
        opened.append(made)
        return made

    yield make
    for made in opened:
        made.close()


@pytest.fixture
def visit(context: Callable[..., BrowserContext], product: Product, watched: Watched) -> Iterator[Open]:
    """Opens an address in a fresh profile, or in one that is given; no page may say that something went wrong.

    `wait=False` returns before the map is painted.
    """

    def open_page(path: str = "/nigeria-demo", *, profile: Any = None, wait: bool = True, **options: Any) -> Page:
        page = (profile or context(**options)).new_page()
        watched.watch(page)
        page.goto(product.address + path)
        return screen.ready(page) if wait else page

    yield open_page
    assert watched.unexpected() == []

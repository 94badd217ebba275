"""Take the pictures of docs/images: `make screenshots`.

Starts the whole product in a folder of its own, with the demo country and, where the real data is, Uganda; so the
pictures are the same whatever runs here otherwise, but for what the day of the demo moves.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import Browser, Page, sync_playwright

from app import countries
from app.auth import demo as demo_users
from app.local import servers
from data import db, migrate
from data.packs import reader
from tests import product as products
from tests.browser import screen
from tests.keys import BOX
from tests.product import Product

IMAGES = products.PROJECT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars"]
UGANDA = products.PROJECT / "tests" / "packs" / "uganda"

#: How a picture is looked at.
DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "phone": {
        "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True,
    },
}  # fmt: skip
THEMES = ("light", "dark")

#: A health facility that is out of one vaccine, of a state with many, which has most of what the panel can tell.
_FACILITY = """
select f.code, pr.code as vaccine
from position x
join facility f on f.id = x.facility_id
join product pr on pr.id = x.product_id
join area s on s.id = f.partition_id
where s.name = 'Kano' and x.state = 2 and x.probability is not null and x.out_since is not null and pr.code = 'BCG'
    and f.code not like '%CS' and (select count(*) from stock_month m where m.facility_id = f.id
        and m.product_id = pr.id and m.closing is not null) >= 12
order by x.amc desc, f.code
limit 1
"""
#: One whose delivery is due before it is likely to run out, and perhaps not soon enough.
_COMING = """
select f.code, pr.code as vaccine
from position x
join facility f on f.id = x.facility_id
join product pr on pr.id = x.product_id
join area s on s.id = f.partition_id
where s.name = 'Kano' and x.state = 3 and x.probability between 0.4 and 0.7 and x.next_delivery_on > current_date + 7
    and f.catchment > 0 and f.code not like '%CS'
order by x.amc desc, f.code
limit 1
"""
_KANO = "select code from area where name = 'Kano' and level = 1"


@dataclass(frozen=True, slots=True)
class Picture:
    """A place to take pictures of, on which devices and in which themes."""

    name: str
    path: str
    devices: tuple[str, ...] = ("desktop", "phone")
    themes: tuple[str, ...] = THEMES
    #: What has to be on the page beside the map and the panel.
    awaits: str = "#panel-body h1"
    #: What a desktop's panel is scrolled to; a phone's sheet stays at its top.
    from_: str | None = None
    #: A page without the map.
    plain: bool = False


def main() -> int:
    """Take them all."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("--facilities", type=int, default=8000, metavar="N", help="how many the demo gets (8000)")
    parser.add_argument("--only", metavar="NAME", default="", help="take only pictures whose name holds this")
    args = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with _running(args.facilities) as (product, engine), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        cookies = _sign_in(browser, product)
        for picture in _pictures(engine):
            for device in picture.devices:
                for theme in picture.themes:
                    name = f"{picture.name}-{device}-{theme}"
                    if args.only in name:
                        _take(browser, product, cookies, picture, device, theme, IMAGES / f"{name}.png")
        browser.close()
    return 0


@contextmanager
def _running(facilities: int) -> Iterator[tuple[Product, sa.Engine]]:
    """The product on a new database, all of it gone afterwards."""
    folder = products.PROJECT / ".local" / "screenshots"
    servers.remove(folder)
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        stack.callback(servers.remove, folder)
        postgres = servers.start_postgres(folder, durable=False)
        stack.callback(postgres.stop)
        redis = servers.start_redis(folder)
        stack.callback(redis.stop)
        migrate.upgrade(postgres.url)
        engine = db.engine(postgres.url)
        stack.callback(engine.dispose)
        countries.bring_in_demo(engine, BOX, facilities=facilities, seed=7, say=_say)
        if (products.PROJECT.parent / "shared" / "data" / "uga").is_dir():
            countries.bring_in(engine, reader.read(UGANDA), digest="screenshots", say=_say, demo_of=BOX)
        product = products.start(folder, postgres.url, redis.url)
        stack.callback(product.stop)
        yield product, engine


def _pictures(engine: sa.Engine) -> list[Picture]:
    with db.transaction(engine) as conn:
        kano = conn.execute(sa.text(_KANO)).scalar_one()
        facility = conn.execute(sa.text(_FACILITY)).one()
        coming = conn.execute(sa.text(_COMING)).one()
        has_uganda = conn.execute(sa.text("select 1 from programme where code = 'uganda'")).first()
    pictures = [
        Picture("nation", "/nigeria-demo"),
        Picture("state", f"/nigeria-demo?area={kano}&vaccine=BCG"),
        Picture(
            "facility",
            f"/nigeria-demo?facility={facility.code}&vaccine={facility.vaccine}",
            awaits="#panel-body .chart svg.main-svg",
            from_="#panel-body h2.chosen",
        ),
    ]
    pictures += [
        Picture("ahead", "/nigeria-demo/next", themes=("light",), awaits=".shortfall", plain=True),
        Picture("ahead-accuracy", "/nigeria-demo/calibration", themes=("light",), awaits="svg.reliability", plain=True),
        Picture(
            "ahead-fan",
            f"/nigeria-demo?facility={coming.code}&vaccine={coming.vaccine}",
            themes=("light",),
            awaits="#panel-body .chart svg.main-svg",
            from_="#panel-body h2:text('Stock ahead')",
        ),
        Picture(
            "ahead-horizon", f"/nigeria-demo?area={kano}&vaccine=BCG&colour=probability&horizon=30", themes=("light",)
        ),
    ]
    if has_uganda:
        pictures.append(Picture("uganda-2015", "/uganda?vaccine=PENTA&month=2015-12", ("desktop",), ("light",)))
    return pictures


def _sign_in(browser: Browser, product: Product) -> Any:
    context = browser.new_context()
    page = context.new_page()
    page.goto(product.address)
    page.get_by_label("E-mail").fill(demo_users.logins()[0].email)
    page.get_by_label("Password", exact=True).fill(demo_users.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/nigeria-demo**")
    cookies = context.storage_state()
    context.close()
    return cookies


def _take(
    browser: Browser, product: Product, cookies: Any, picture: Picture, device: str, theme: str, file: Path
) -> None:
    context = browser.new_context(
        **DEVICES[device], color_scheme=theme, reduced_motion="reduce", locale="en-GB", storage_state=cookies
    )
    page: Page = context.new_page()
    page.goto(product.address + picture.path)
    if not picture.plain:
        screen.ready(page)
    page.locator(picture.awaits).first.wait_for()
    if picture.from_ and device == "desktop":
        page.locator(picture.from_).evaluate("e => e.scrollIntoView({ block: 'start' })")
    if not picture.plain:
        screen.settled(page)
    page.screenshot(path=file)
    context.close()
    _say(f"{file.relative_to(products.PROJECT)}  {file.stat().st_size / 1024:.0f} kB")


def _say(text: str) -> None:
    sys.stdout.write(f"    {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""What happens on open pages when stock moves, when they miss something, and when nothing can be pushed at all?"""

from __future__ import annotations

import json

from data.types import State
from tests.browser import screen, stock

OUT = (127, 13, 31)


def _near(page):
    screen.settled(page)
    screen.until(page, lambda: screen.state(page)["near"], "facilities are drawn")
    return page


def _class(page, kind, number):
    return screen.shown(page, kind, [number])[0]


def _everything(page, country):
    """What a page shows of a country: the class of every area and facility, and the headline."""
    seats = [r.seat for r in country.rows("select seat from area a join programme p on p.id = a.programme_id"
                                          " where p.code = :code order by seat")]  # fmt: skip
    ordinals = [r.ordinal for r in country.rows("select ordinal from facility f join programme p on p.id = "
                                                "f.programme_id where p.code = :code order by ordinal")]  # fmt: skip
    return screen.shown(page, "areas", seats), screen.shown(page, "facilities", ordinals), screen.numbers(page)


def _as_a_fresh_page(page, fresh, country):
    """Whether an old page shows everything as a page that has just been opened at its address."""
    screen.until(page, lambda: screen.state(page)["seq"] == screen.state(fresh)["seq"], "both pages are at one number")
    screen.until(page, lambda: _everything(page, country) == _everything(fresh, country), "both pages show the same")
    return True


def _out(page):
    return int(screen.words(page, "#headline-out .value").replace(",", ""))


def _address(page):
    return page.url[page.url.index("/nigeria-demo") :]


def test_running_out_and_refilling_are_seen_at_once_on_two_open_pages(visit, product, nigeria):
    place = stock.stocked(nigeria, 0)
    near = _near(visit(f"/nigeria-demo?area={place.area}&vaccine={place.product}"))
    nation = visit(f"/nigeria-demo?vaccine={place.product}")
    pages = (near, nation)
    for page in pages:
        page.evaluate("() => { window.sameDocument = true; }")
    at = screen.where(near, place.lon, place.lat)
    assert _class(near, "facilities", place.ordinal) == State.ADEQUATE
    assert not screen.painted(near, at, OUT, reach=4)
    area, out = [_class(page, "areas", place.seat) for page in pages], [_out(page) for page in pages]

    stock.use_up(product, place)
    for page, before, count in zip(pages, area, out, strict=True):
        screen.until(page, lambda p=page, b=before: _class(p, "areas", place.seat) > b, "its area is worse off")
        screen.until(page, lambda p=page, c=count: _out(p) == c + 1, "one more facility is out of stock")
        alert = page.locator(".tick-alert-new", has_text=place.name)
        alert.first.wait_for()
        assert place.product_name in alert.first.inner_text()
        page.locator(".tick-stock", has_text=place.name).first.wait_for()
    assert _class(near, "facilities", place.ordinal) == State.STOCKOUT
    screen.until(near, lambda: screen.painted(near, at, OUT, reach=4), "it is drawn as out of stock")
    screen.until(near, lambda: place.name in screen.words(near, "#panel-body table"), "the panel lists it")

    stock.refill(product, place)
    for page, before, count in zip(pages, area, out, strict=True):
        screen.until(page, lambda p=page, b=before: _class(p, "areas", place.seat) == b, "its area is as before")
        screen.until(page, lambda p=page, c=count: _out(p) == c, "as many are out of stock as before")
        page.locator(".tick-alert-resolved", has_text=place.name).first.wait_for()
    assert _class(near, "facilities", place.ordinal) not in (State.STOCKOUT, State.CRITICAL)
    screen.until(near, lambda: not screen.painted(near, at, OUT, reach=4), "it is not drawn as out of stock")
    assert all(page.evaluate("() => window.sameDocument") for page in pages)


def test_the_open_panel_of_a_facility_follows_its_stock(visit, product, nigeria):
    place = stock.stocked(nigeria, 0)
    page = visit(f"/nigeria-demo?facility={place.code}&vaccine={place.product}")
    assert "Out of stock" not in screen.words(page, "#panel-body h2")
    stock.use_up(product, place)
    chosen = page.locator("#panel-body h2", has_text=place.product_name)
    screen.until(page, lambda: "Out of stock" in chosen.inner_text(), "the panel says that it is out of stock")
    stock.refill(product, place)
    screen.until(page, lambda: "Out of stock" not in chosen.inner_text(), "the panel says that it has stock")


def test_a_page_that_was_offline_is_as_right_as_a_fresh_one(visit, context, product, nigeria, watched):
    places = [stock.stocked(nigeria, n) for n in (0, 1)]
    watched.expected += ["ERR_INTERNET_DISCONNECTED", "WebSocket connection"]
    profile = context()
    page = _near(visit(f"/nigeria-demo?area={places[0].area}&vaccine={places[0].product}", profile=profile))
    profile.set_offline(True)
    screen.until(page, lambda: screen.state(page)["live"] != "live", "it knows that it is cut off")
    for place in places:
        stock.use_up(product, place)
    screen.until(page, lambda: screen.state(page)["live"] == "paused", "it says that updates are paused")
    assert "numbers are as of" in page.locator("#live-dot").get_attribute("title")
    assert _class(page, "facilities", places[0].ordinal) == State.ADEQUATE
    profile.set_offline(False)
    screen.until(page, lambda: screen.state(page)["live"] == "live", "it is live again")
    screen.until(page, lambda: _class(page, "facilities", places[0].ordinal) == State.STOCKOUT, "it has caught up")
    fresh = _near(visit(_address(page)))
    assert _as_a_fresh_page(page, fresh, nigeria)
    for place in places:
        stock.refill(product, place)
    assert _as_a_fresh_page(page, fresh, nigeria)


def test_a_push_that_is_lost_on_the_way_is_asked_for(context, visit, product, nigeria):
    place, next_place = stock.stocked(nigeria, 0), stock.stocked(nigeria, 1)
    lost = []

    def lossy(socket):
        server = socket.connect_to_server()

        def pass_on(message):
            text = message if isinstance(message, str) else ""
            if not lost and '"map:update"' in text:
                lost.append(json.loads(text[text.index("[") :])[1]["seq"])
            else:
                socket.send(message)

        server.on_message(pass_on)

    profile = context()
    profile.route_web_socket("**/socket.io/**", lossy)
    page = visit(f"/nigeria-demo?vaccine={place.product}", profile=profile)
    stock.use_up(product, place)
    screen.until(page, lambda: lost, "a push was lost")
    stock.use_up(product, next_place)
    screen.until(page, lambda: screen.state(page)["seq"] > lost[0], "the page has gone past the gap")
    fresh = visit(_address(page))
    assert _as_a_fresh_page(page, fresh, nigeria)
    for moved in (place, next_place):
        stock.refill(product, moved)


def test_a_lost_last_push_is_noticed_on_a_quiet_socket(context, visit, product, nigeria):
    """Nothing follows the lost push, so that no gap shows: the page asks by itself."""
    place = stock.stocked(nigeria, 0)
    silenced = []

    def silent(socket):
        server = socket.connect_to_server()
        events = ('"map:update"', '"stock:update"', '"alert:new"', '"alert:resolved"')
        server.on_message(
            lambda message: (
                silenced.append(message)
                if any(event in str(message) for event in events) and "subscribe" not in str(message)
                and not str(message).startswith("43")
                else socket.send(message)
            )
        )  # fmt: skip

    profile = context()
    profile.route_web_socket("**/socket.io/**", silent)
    page = visit(f"/nigeria-demo?vaccine={place.product}", profile=profile)
    before = _class(page, "areas", place.seat)
    stock.use_up(product, place)
    screen.until(page, lambda: silenced, "the push was kept from the page")
    screen.until(page, lambda: _class(page, "areas", place.seat) > before, "the page asked for what it missed")
    stock.refill(product, place)


def test_without_redis_the_page_says_that_updates_pause_and_resumes_by_itself(
    visit, product, nigeria, redis_of_product
):
    place = stock.stocked(nigeria, 0)
    page = visit(f"/nigeria-demo?vaccine={place.product}")
    before, out = _class(page, "areas", place.seat), _out(page)
    redis_of_product.stop()
    try:
        stock.use_up(product, place)
        screen.until(page, lambda: screen.state(page)["live"] == "paused", "the page says that updates are paused")
        assert "updates pause" in screen.words(page, "#live-dot")
        # Catching up over HTTP goes on: what was recorded is seen, only later.
        screen.until(page, lambda: _class(page, "areas", place.seat) > before, "the page has asked for the change")
        screen.until(page, lambda: _out(page) == out + 1, "the headline has it too")
        page.locator("#vaccine").select_option("")
        screen.until(page, lambda: screen.state(page)["product"] == 0, "the vaccine can be switched")
        page.locator("#panel-body table").first.locator("tbody tr a").first.click()
        page.locator("#panel-body h2", has_text="Supplied by").wait_for()
        other = visit("/nigeria-demo", wait=False)
        screen.until(other, lambda: screen.state(other).get("painted"), "a fresh page paints its map")
    finally:
        redis_of_product.start()
    stock.refill(product, place)
    screen.until(page, lambda: screen.state(page)["live"] == "live", "the page is live again")
    fresh = _near(visit(_address(_near(page))))
    assert _as_a_fresh_page(page, fresh, nigeria)

"""Uganda's real reports: the map as it was in any month, and that it does not call itself simulated."""

from __future__ import annotations

from tests.browser import screen


def _seats(country):
    return [
        r.seat
        for r in country.rows(
            "select seat from area a join programme p on p.id = a.programme_id where p.code = :code order by seat"
        )
    ]


def _shares(country, month, product):
    rows = country.rows(
        "select m.risk_share from area_month m join area a on a.id = m.area_id join programme p"
        " on p.id = a.programme_id join product pr on pr.programme_id = p.id and pr.seat = m.product_seat"
        " where p.code = :code and pr.code = :product and m.month = cast(:month as date) order by a.seat",
        month=f"{month}-01",
        product=product,
    )
    return [row.risk_share for row in rows]


def _to(page, product, month):
    """Move the slider to a month."""
    months = product.ask("/api/v1/uganda/registry")["months"]
    page.locator("#month-input").fill(str(months.index(month)))
    screen.until(page, lambda: screen.state(page)["month"] == month, f"the map shows {month}")


def test_the_slider_shows_uganda_as_it_was_in_another_month(visit, product, uganda, watched):
    page = screen.settled(visit("/uganda?vaccine=BCG&month=2016-09"))
    seats = _seats(uganda)
    september = screen.shown(page, "areas", seats)
    assert len(september) == 113
    watched.requests.clear()
    _to(page, product, "2015-12")
    # The classes are those of the record, by the legend's own bounds.
    breaks = [int(text) for text in page.locator("#legend .ramp-label").all_inner_texts()]

    def recorded(month):
        shares = _shares(uganda, month, "BCG")
        return [-1 if share > 100 else max(i for i, low in enumerate(breaks) if share >= low) for share in shares]

    assert september == recorded("2016-09")
    december = recorded("2015-12")
    assert december != september
    screen.until(page, lambda: screen.shown(page, "areas", seats) == december, "December 2015 is painted")
    assert watched.tiles() == []
    screen.until(
        page, lambda: "As it was at the end of December 2015" in screen.words(page), "the panel says which month"
    )
    assert "2015" in screen.words(page, "#month-output")
    page.locator("#panel-body .callout a", has_text="Show now").click()
    screen.until(page, lambda: screen.state(page)["month"] is None, "the map shows now")
    screen.until(page, lambda: "As it was" not in screen.words(page), "the panel is about now")


def test_the_colours_on_screen_are_those_of_the_month(visit, uganda):
    page = screen.settled(visit("/uganda?vaccine=BCG&month=2016-09"))
    seats = _seats(uganda)
    codes = {
        r.seat: r.code
        for r in uganda.rows(
            "select a.seat, a.code from area a join programme p on p.id = a.programme_id"
            " where p.code = :code and a.level = 1"
        )
    }
    classes = dict(zip(seats, screen.shown(page, "areas", seats), strict=True))
    worst, best = (
        next(seat for seat in codes if classes[seat] == wanted)
        for wanted in (max(classes[s] for s in codes), min(classes[s] for s in codes if classes[s] >= 0))
    )
    for seat in (worst, best):
        legend = screen.colour_of(page, f"#legend .ramp-step:nth-child({classes[seat] + 1})")
        assert screen.painted(page, screen.where(page, *uganda.middle(codes[seat])), legend, reach=6)


def test_real_data_is_never_called_simulated(visit, uganda):
    for path in ("/uganda", "/uganda/alerts", "/uganda/about"):
        page = visit(path, wait=path == "/uganda")
        page.locator("h1").first.wait_for()
        assert "imulated" not in screen.words(page, "body").replace("Nigeria (simulated)", "")
        assert page.locator(".badge.simulated").count() == 0

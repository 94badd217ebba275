from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from app.components import headline, spark
from geo.areas import Headline, Numbers

NOW_NUMBERS = Numbers(handling=774, reporting=712, out=41, at_risk=66)


def _strip(at: Any, **more: Any) -> Any:
    values: dict[str, Any] = {"before": Numbers(774, 700, 29, 70), "series": [], "newest": at - timedelta(minutes=2)}
    return Headline(now=NOW_NUMBERS, **(values | more))


def test_the_strip_has_four_numbers_with_their_denominators_and_changes(now: Any, text: Any, find: Any) -> None:
    strip = headline.render(_strip(now), now, 12, 3)
    assert [text(cell) for cell in find(strip, "Button")] == [
        "Out of stock 41 of 712 reporting +12 since Oct",
        "At risk 66 of 712 reporting \u22124 since Oct",
        "Reporting 92 % 712 of 774 facilities +2 points since Oct",
    ]
    assert text(strip).endswith("Last report 2 min ago")


def test_each_number_of_the_strip_opens_its_formula(now: Any, text: Any, find: Any) -> None:
    out, risk, reporting = (text(d) for d in find(headline.render(_strip(now), now, 12, 3), "Details"))
    assert "41 facilities out / 712 facilities that report = 5.8 %" in out
    assert "66 facilities at risk / 712 facilities that report = 9.3 %" in risk
    assert "712 facilities that report / 774 facilities that handle it = 92 %" in reporting


def test_the_strip_names_the_area_and_product_that_pushes_may_change(now: Any) -> None:
    props = headline.render(_strip(now), now, 12, 3).to_plotly_json()["props"]
    assert (props["data-seat"], props["data-product"]) == ("12", "3")


def test_a_past_month_does_not_take_pushes(now: Any, text: Any) -> None:
    past = headline.render(_strip(now, newest=None), now, 12, 3, date(2016, 5, 1))
    assert "As of May 2016 the end of the month" in text(past)
    props = past.to_plotly_json()["props"]
    assert "data-product" not in props
    assert props["data-month"] == "2016-05"


def test_a_rise_of_stockouts_is_worse_and_a_rise_of_reports_is_not(now: Any, find: Any) -> None:
    cells = find(headline.render(_strip(now), now, 0, 0), "Button")
    classes = [[s.className for s in find(c, "Span") if "delta" in s.className] for c in cells]
    assert classes == [["delta up worse"], ["delta down"], ["delta up"]]


def test_what_a_press_would_not_answer_is_no_button(now: Any, find: Any) -> None:
    strip = headline.render(_strip(now), now, 0, 0)
    assert [b.id for b in find(strip, "Button")] == ["headline-out", "headline-risk", "headline-reporting"]
    fresh = [d for d in find(strip, "Div") if getattr(d, "id", None)]
    assert [d.id for d in fresh] == ["headline-fresh"]


def test_the_change_of_a_past_month_is_since_the_month_before_it(now: Any, text: Any) -> None:
    assert "+12 since Dec" in text(headline.render(_strip(now, newest=None), now, 12, 3, date(2016, 1, 1)))


def test_without_a_month_before_there_is_no_change_to_tell(now: Any, text: Any) -> None:
    assert "+" not in text(headline.render(_strip(now, before=None), now, 0, 0))


def test_an_area_without_facilities_has_no_data_rather_than_nought_percent(now: Any, text: Any) -> None:
    said = text(headline.render(Headline(Numbers(0, 0, 0, 0), None, [], None), now, 0, 0))
    assert "Reporting no data" in said
    assert "Last report None nothing reported yet" in said


def test_one_report_in_a_thousand_is_not_shown_as_none(now: Any, text: Any) -> None:
    said = text(headline.render(Headline(Numbers(1000, 1, 0, 0), None, [], now), now, 0, 0))
    assert "Reporting 1 %" in said


def test_a_share_is_rounded_as_the_roll_ups_and_so_the_pushes_round_it(now: Any, text: Any) -> None:
    said = text(headline.render(Headline(Numbers(8, 1, 0, 0), None, [], now), now, 0, 0))
    assert "Reporting 13 %" in said


def test_a_year_is_a_line_that_breaks_where_nothing_is_known(now: Any, find: Any) -> None:
    assert spark.svg([1, 2, None, 2, 1]).count("M") == 2
    series = [None, *[Numbers(774, 700, n, 70) for n in (20, 25, 41)]]
    lines = [s for s in find(headline.render(_strip(now, series=series), now, 0, 0), "Span") if s.className == "spark"]
    said = lines[0].to_plotly_json()["props"]["aria-label"]
    assert said == "Out of stock over 4 months: from 20 to 41"


def test_a_single_month_makes_no_line() -> None:
    assert spark.line([None, 4, None], "one") is None

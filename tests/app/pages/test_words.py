from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from app.components import words
from data.types import State


def test_numbers_carry_thousand_separators_and_say_when_they_are_not_known() -> None:
    assert words.number(1240) == "1,240"
    assert words.number(1_239_999.6) == "1,240,000"
    assert words.number(0) == "0"
    assert words.number(None) == "not known"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (1_240, "1,240"), (99_949, "99,949"), (120_400, "120 k"), (1_234_567, "1.2 M")],
)
def test_big_numbers_shorten_as_the_browser_shortens_them(value: int, said: str) -> None:
    assert words.short(value) == said


@pytest.mark.parametrize(
    ("noun", "many"),
    [("facility", "facilities"), ("LGA", "LGAs"), ("day", "days"), ("district", "districts"), ("branch", "branches")],
)
def test_a_noun_is_plural_unless_there_is_one(noun: str, many: str) -> None:
    assert words.counted(1, noun) == f"1 {noun}"
    assert words.counted(2, noun) == f"2 {many}"
    assert words.counted(0, noun) == f"0 {many}"


def test_amounts_carry_the_unit_of_the_product() -> None:
    assert words.amount(1240, "dose") == "1,240 doses"
    assert words.amount(1, "piece") == "1 piece"
    assert words.amount(None, "dose") == "not known"


def test_doses_are_also_said_as_whole_vials_and_what_is_left_over() -> None:
    assert words.vials(1240, 20) == "62 vials"
    assert words.vials(64, 20) == "3 vials + 4 doses"
    assert words.vials(4, 20) == "4 doses"
    assert words.vials(0, 20) == "0 vials"


def test_a_rate_says_its_denominator() -> None:
    assert words.of(41, 774, "LGA") == "41 of 774 LGAs"


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0 %"), (0.004, "under 1 %"), (0.63, "63 %"), (0.997, "over 99 %"), (1.0, "100 %"), (None, "not known")],
)
def test_a_share_is_never_rounded_to_certainty(share: float | None, said: str) -> None:
    assert words.percent(share) == said


def test_cover_says_its_range_and_its_unit() -> None:
    assert words.cover(4.2, 9.4, 14.8) == "9 days (4 to 15)"
    assert words.cover(0, 0, 0) == "0 days"
    assert words.cover(None, 1, None) == "1 day"
    assert words.cover(None, None, None) == "not known"


def test_dates_leave_out_the_year_that_is_running() -> None:
    today = date(2026, 11, 20)
    assert words.day(date(2026, 11, 18), today) == "18 Nov"
    assert words.day(date(2027, 2, 1), today) == "1 Feb 2027"
    assert words.month(date(2016, 5, 1)) == "May 2016"


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(hours=13), "yesterday"),
        (timedelta(days=6), "6 days ago"),
        (timedelta(days=45), "6 Oct"),
        (timedelta(days=400), "16 Oct 2025"),
    ],
)
def test_times_are_relative_until_they_are_a_date(now: datetime, before: timedelta, said: str) -> None:
    assert words.ago(now - before, now) == said


def test_a_time_is_said_in_the_programmes_own_zone(now: datetime) -> None:
    utc = datetime.fromisoformat("2026-11-19T23:30:00+00:00")
    assert words.exact(utc, now.tzinfo) == "20 November 2026, 00:30 (Africa/Lagos)"
    assert words.ago(utc, now) == "11 hours ago"


def test_a_delivery_is_due_or_late(now: datetime) -> None:
    today = now.date()
    assert words.due(today, today) == "today"
    assert words.due(today + timedelta(days=1), today) == "tomorrow"
    assert words.due(today + timedelta(days=5), today) == "in 5 days"
    assert words.due(today - timedelta(days=3), today) == "3 days late"


def test_a_change_has_a_sign_or_is_none() -> None:
    assert words.change(41, 29) == "+12"
    assert words.change(29, 41) == "\u221212"
    assert words.change(41, 41) == "no change"
    assert words.change(41, None) == ""


def test_every_state_has_a_word_and_a_meaning() -> None:
    assert set(words.STATE) == set(words.STATE_MEANING) == set(State)
    assert len(set(words.STATE.values())) == len(State)


def test_an_alert_of_a_kind_not_known_here_is_still_said_in_words() -> None:
    assert words.alert("stockout") == "Out of stock"
    assert words.alert("late_delivery") == "Late delivery"

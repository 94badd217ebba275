"""Monthly reports are believed only where they can be, and become events that never go below zero."""

from __future__ import annotations

from datetime import date
from itertools import accumulate
from pathlib import Path

import pandas as pd
import pytest
import tiny_pack
from hypothesis import given
from hypothesis import strategies as st
from tiny_pack import STOCK, TOML, finding

from data.packs import replay
from data.packs.replay import Line, Month, Step
from data.types import Kind

HEAD = STOCK.splitlines()[0] + "\n"


# -- rows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("E2,BCG,2024-03,60,-5,10,0,45", "received is negative"),
        ("E2,BCG,2024-03,60,0,10.5,0,50", "used is not a whole number"),
        ("E2,BCG,2024-03,60,0,ten,0,50", "used is not a number"),
        ("E2,BCG,2024-03,60,0,10,0,5000000000", "closing is larger than any stock"),
        ("E2,BCG,March 2024,60,0,10,0,50", "month is not written as %Y-%m"),
        ("E2,BCG,2024-06,60,0,10,0,50", "the month is not over"),
        ("E2,BCG,2031-01,60,0,10,0,50", "the month is not over"),
        ("E2,SYRINGE,2024-03,60,0,10,0,50", 'product "SYRINGE" is not declared'),
        ("E9,BCG,2024-03,60,0,10,0,50", "facility is not one that was kept"),
        ("E2,BCG,2024-03,,,,,", "no amount is reported"),
        ("E2,BCG,2024-02,120,0,50,-10,60", "the same month again, with the same amounts"),
    ],
)
def test_a_report_that_cannot_be_believed_is_refused_with_its_row_and_costs_no_other(
    tmp_path: Path, row: str, reason: str
) -> None:
    country = tiny_pack.read(tmp_path, stock=STOCK + row + "\n")
    refused = finding(country, reason)
    assert (refused.severity, refused.table, refused.count) == ("refused", "history", 1)
    assert refused.examples[0].startswith(f"row 5: {','.join(row.split(',')[:2]).replace(',', ', ')}")
    pd.testing.assert_frame_equal(country.reports, tiny_pack.read(tmp_path).reports)
    pd.testing.assert_frame_equal(country.events, tiny_pack.read(tmp_path).events)


def test_a_month_reported_twice_with_different_amounts_is_not_known_at_all(tmp_path: Path) -> None:
    country = tiny_pack.read(tmp_path, stock=STOCK + "E2,BCG,2024-02,120,0,70,0,50\n")
    assert finding(country, "more than once, with different amounts").count == 2
    assert list(country.reports["month"].dt.strftime("%m")[country.reports["facility"] == "E2"]) == ["01"]


def test_rows_that_the_pack_says_are_wrong_are_missing_and_not_zero(tmp_path: Path) -> None:
    rule = '\n[[history.refuse]]\ncolumn = "month"\nvalues = ["2024-02"]\nreason = "a copy of January"\n'
    country = tiny_pack.read(tmp_path, toml=TOML + rule)
    assert finding(country, "a copy of January").count == 2
    assert list(country.reports["month"].dt.strftime("%m")) == ["01"]


def test_zeros_that_stand_for_blanks_are_not_known_while_other_amounts_stay(tmp_path: Path) -> None:
    rule = '\n[[history.blank_zeros]]\ncolumn = "month"\nvalues = ["2024-02"]\nreason = "zeros for blanks"\n'
    country = tiny_pack.read(tmp_path, toml=TOML + rule)
    assert finding(country, "zeros for blanks").count == 2
    row = country.reports.set_index(["facility", "month"]).loc[("W1", "2024-02-01")]
    assert row["used"] == 40
    assert pd.isna(row["closing"])
    assert pd.isna(row["adjusted"])


def test_vials_become_doses(tmp_path: Path) -> None:
    country = tiny_pack.read(tmp_path, toml=TOML + 'unit = "vial"\n', stock=HEAD + "E2,BCG,2024-01,5,3,2,0,6\n")
    assert country.reports.loc[0, ["opening", "received", "used", "closing"]].tolist() == [100, 60, 40, 120]


def test_days_out_follow_only_where_nothing_was_there_all_month(tmp_path: Path) -> None:
    rows = "E2,BCG,2024-02,0,0,0,0,0\nE2,BCG,2024-03,0,10,10,0,0\n"
    country = tiny_pack.read(tmp_path, stock=HEAD + rows)
    assert country.reports["days_out"].fillna(-1).tolist() == [29, -1]


def test_a_zero_of_days_out_is_not_known_where_the_source_writes_it_without_counting(tmp_path: Path) -> None:
    toml = TOML + 'days_out = "days"\nzero_days_are_blanks = true\n'
    rows = "E2,BCG,2024-02,9,0,9,0,0,0\nE2,BCG,2024-03,0,9,9,0,0,3\nE2,BCG,2024-04,0,0,0,0,0,0\n"
    country = tiny_pack.read(tmp_path, toml=toml, stock=HEAD.strip() + ",days\n" + rows)
    # What follows from the balances still does.
    assert country.reports["days_out"].fillna(-1).tolist() == [-1, 3, 30]
    assert finding(country, "which says nothing here").count == 2


def test_fewer_days_out_than_the_empty_balances_leave_are_corrected_and_flagged(tmp_path: Path) -> None:
    toml = TOML + 'days_out = "days"\n'
    head = HEAD.strip() + ",days\n"
    country = tiny_pack.read(
        tmp_path, toml=toml, stock=head + "E2,BCG,2024-02,0,0,0,0,0,3\nE2,BCG,2024-03,0,9,9,0,0,3\n"
    )
    assert finding(country, "fewer days out of stock").examples == ("row 2: E2, BCG, 2024-02",)
    assert country.reports["days_out"].tolist() == [29, 3]


# -- events -------------------------------------------------------------------------------------------------------


def test_a_full_report_becomes_count_receipt_use_adjustment_and_closing_in_local_time(tmp_path: Path) -> None:
    events = tiny_pack.read(tmp_path, stock=HEAD + "E2,BCG,2024-02,100,60,40,-10,110\n").events
    assert [(e.kind, e.doses, f"{e.occurred_at:%d %H:%M}") for e in events.itertuples()] == [
        ("count", 100, "01 06:00"),
        ("receipt", 60, "01 08:00"),
        ("administered", -40, "29 13:00"),
        ("adjustment", -10, "29 15:00"),
        ("count", 0, "29 17:00"),
    ]
    assert events["source_id"].is_unique


def _lines(*months: Month) -> list[tuple[str, int, str | None]]:
    return [(line.kind.value, line.doses, line.reason) for line in replay.position(months, Kind.ISSUE)]


JAN, FEB, MAR = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)


def test_receipts_that_were_not_reported_are_implied_and_not_called_receipts() -> None:
    assert _lines(Month(JAN, closing=50), Month(FEB, used=80, closing=30)) == [
        ("count", 50, None),
        ("adjustment", 60, replay.NO_RECEIPTS),
        ("issue", -80, None),
        ("count", 0, None),
    ]


def test_a_balance_that_fell_further_than_was_issued_is_unexplained() -> None:
    assert _lines(Month(JAN, closing=50), Month(FEB, used=10, closing=30))[1:] == [
        ("issue", -10, None),
        ("adjustment", -10, replay.UNEXPLAINED),
        ("count", 0, None),
    ]


def test_issues_of_months_without_a_balance_are_placed_when_one_follows() -> None:
    lines = replay.position([Month(JAN, closing=50), Month(FEB, used=80), Month(MAR, used=20, closing=5)], Kind.ISSUE)
    assert [(line.month, line.step, line.doses) for line in lines[1:]] == [
        (FEB, Step.IMPLIED, 55),
        (FEB, Step.USED, -80),
        (MAR, Step.USED, -20),
        (MAR, Step.CLOSING, 0),
    ]


def test_issues_after_the_last_balance_move_no_stock(tmp_path: Path) -> None:
    assert _lines(Month(JAN, closing=50), Month(FEB, used=80)) == [("count", 50, None)]
    country = tiny_pack.read(tmp_path, stock=HEAD + "E2,BCG,2024-01,,,,,50\nE2,BCG,2024-02,,,80,,\n")
    assert finding(country, "moves no stock").count == 1
    assert len(country.reports) == 2
    assert country.events["doses"].tolist() == [50]


def test_a_first_balance_is_a_count_and_what_was_taken_before_was_there() -> None:
    assert _lines(Month(JAN, used=80, closing=30)) == [
        ("adjustment", 80, replay.BEFORE_FIRST),
        ("issue", -80, None),
        ("count", 30, None),
    ]


@pytest.mark.parametrize(("month", "reason"), [(FEB, replay.OTHER_OPENING), (MAR, replay.NO_MONTHS)])
def test_an_opening_that_is_not_the_last_closing_is_an_adjustment(month: date, reason: str) -> None:
    lines = _lines(Month(JAN, closing=50), Month(month, opening=70, received=0, used=20, closing=50))
    assert lines[1] == ("adjustment", 20, reason)


def test_zero_reported_is_a_report_and_no_report_is_not_zero() -> None:
    assert _lines(Month(JAN, opening=0, received=0, used=0, closing=0)) == [("count", 0, None), ("count", 0, None)]
    assert _lines() == []


amounts = st.none() | st.integers(0, 200)
reports = st.lists(
    st.builds(
        lambda gap, opening, received, used, lost, adjusted, closing: (
            gap, opening, received, used, lost, adjusted, closing
        ),
        st.integers(1, 3), amounts, amounts, amounts, amounts, st.none() | st.integers(-100, 100), amounts,
    ),
    max_size=12,
)  # fmt: skip


@given(reports)
def test_any_history_replays_without_going_below_zero_and_meets_every_balance_reported(
    rows: list[tuple[int, ...]],
) -> None:
    number, months = 24_000, []
    for gap, *reported in rows:
        number += gap
        months.append(Month(date(number // 12, number % 12 + 1, 1), *reported))
    lines = replay.position(months, Kind.ADMINISTERED)
    assert lines == sorted(lines, key=lambda line: (line.month, line.step))
    assert len({(line.month, line.step) for line in lines}) == len(lines)
    assert all(balance >= 0 for balance in accumulate(line.doses for line in lines))
    for month in months:
        if month.closing is not None:
            assert _sum(lines, month.month, Step.CLOSING) == month.closing
        if month.opening is not None:
            assert _sum(lines, month.month, Step.OPENING) == month.opening
    reported = sum(month.received or 0 for month in months)
    assert sum(line.doses for line in lines if line.kind is Kind.RECEIPT) <= reported


def _sum(lines: list[Line], month: date, step: Step) -> int:
    return sum(line.doses for line in lines if (line.month, line.step) <= (month, step))


# -- opening stock ------------------------------------------------------------------------------------------------

OPENING = """
[files.shelf]
path = "shelf.csv"
source = "written for a test"
licence = "CC0"

[opening]
file = "shelf"
facility = "facility"
product = "vaccine"
doses = "doses"
date = "date"
lot = "lot"
expiry = "expiry"
"""

SHELF = """facility,vaccine,doses,date,lot,expiry
E1,MR,200,2024-05-31,MR01,2025-03-31
E1,MR,50,2024-05-31,,
E1,BCG,100,2024-05-31,B7,2024-12-31
"""


def test_opening_stock_is_counted_by_lot(tmp_path: Path) -> None:
    (tmp_path / "shelf.csv").write_text(SHELF)
    country = tiny_pack.read(tmp_path, toml=TOML + OPENING)
    assert country.lots["number"].tolist() == ["MR01", "B7"]
    counts = country.events[country.events["facility"] == "E1"]
    assert counts["doses"].tolist() == [200, 50, 100]
    assert counts["kind"].unique().tolist() == ["count"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("E1,BCG,-5,2024-05-31,B8,2025-01-31", "doses is negative"),
        ("E1,BCG,,2024-05-31,B8,2025-01-31", "doses is blank"),
        ("E1,BCG,5,2024-06-15,B8,2025-01-31", "date is not before today"),
        ("E1,BCG,5,31/05/2024,B8,2025-01-31", "date is not written as"),
        ("E1,BCG,5,2024-05-31,B8,", "a lot needs a number and an expiry date"),
        ("E1,BCG,5,2024-05-31,B7,2025-01-31", "the same lot has several expiry dates"),
        ("E2,BCG,5,2024-05-31,B8,2025-01-31", "the monthly history says already what was there"),
    ],
)
def test_opening_stock_that_cannot_be_used_is_refused_with_its_reason(tmp_path: Path, row: str, reason: str) -> None:
    (tmp_path / "shelf.csv").write_text(SHELF + row + "\n")
    country = tiny_pack.read(tmp_path, toml=TOML + OPENING)
    refused = finding(country, reason)
    assert (refused.severity, refused.table) == ("refused", "opening")
    assert any(example.startswith("row 5: ") for example in refused.examples)
    assert country.events[country.events["facility"] == "E1"]["doses"].sum() in (350, 250)

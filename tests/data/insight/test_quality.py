"""What is doubted, on figures made by hand and on Uganda's real reports with their known traps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.insight import demand, quality
from data.insight.quality import KINDS, Kind

Floats = NDArray[np.float64]
NOT_STOCK = ["SAFETY BOXES", "SYRINGE 0.05 ML", "SYRINGE 0.5 ML", "SYRINGE 2 ML", "SYRINGE 5 ML"]


def reports(used, closing=None, *, facility=None, product=None, **more):
    used = np.atleast_2d(np.asarray(used, dtype=float))
    unknown = np.full(used.shape, np.nan)
    grids = {n: np.atleast_2d(np.asarray(more.pop(n), dtype=float)) if n in more else unknown
             for n in ("opening", "received", "lost", "adjusted")}  # fmt: skip
    rows = np.arange(len(used))
    return quality.Reports(
        used=used, closing=unknown if closing is None else np.atleast_2d(np.asarray(closing, dtype=float)),
        facility=rows if facility is None else np.asarray(facility),
        product=np.zeros(len(used), dtype=int) if product is None else np.asarray(product),
        vial=np.full(len(used), 10.0), **grids, **more,
    )  # fmt: skip


def found(at: quality.Reports) -> set[tuple[int, int, str]]:
    flags = quality.find(at)
    return {(int(r), int(c), KINDS[k].value) for r, c, k in zip(flags.row, flags.column, flags.kind, strict=True)}


USED = [[40, 52, 47, 61, 38, 44, 52, 49], [120, 90, 100, 131, 99, 87, 104, 110], [11, 9, 8, 12, 10, 7, 9, 13]]
LEFT = [[90, 80, 75, 85, 70, 66, 91, 83], [300, 250, 270, 290, 310, 280, 260, 275], [30, 25, 28, 22, 31, 27, 24, 29]]


def test_an_honest_year_is_not_doubted():
    assert found(reports(USED, LEFT, facility=[0, 0, 0])) == set()


def test_a_month_whose_every_line_repeats_the_month_before_is_a_copy():
    used, left = np.array(USED, dtype=float), np.array(LEFT, dtype=float)
    used[:, 5], left[:, 5] = used[:, 4], left[:, 4]
    assert found(reports(used, left, facility=[0, 0, 0])) == {(i, 5, "repeated") for i in range(3)}


def test_one_line_that_repeats_is_chance():
    used, left = np.array(USED, dtype=float), np.array(LEFT, dtype=float)
    used[1, 5], left[1, 5] = used[1, 4], left[1, 4]
    assert found(reports(used, left, facility=[0, 0, 0])) == set()


def test_a_place_where_nothing_moves_does_not_copy_itself():
    still = np.zeros((3, 8))
    assert found(reports(still, np.full((3, 8), 40.0), facility=[0, 0, 0])) == set()


def test_stock_that_vanishes_without_use_or_loss_is_a_blank():
    assert found(reports([40, 50, 0, 45], [90, 80, 0, 70])) == {(0, 2, "blank")}
    # It was lost, and that was said.
    assert found(reports([40, 50, 0, 45], [90, 80, 0, 70], lost=[0, 0, 80, 0])) == set()


def test_a_place_that_says_it_used_nothing_of_anything_left_the_sheet_blank():
    used = np.array(USED, dtype=float)
    used[:, 3] = 0
    assert found(reports(used, LEFT, facility=[0, 0, 0])) == {(i, 3, "blank") for i in range(3)}


def test_no_use_that_the_balances_bear_out_is_believed():
    used, left = np.array(USED, dtype=float), np.array(LEFT, dtype=float)
    used[:, 3] = 0
    opening = np.roll(left, 1, axis=1)
    at = reports(used, left, facility=[0, 0, 0], opening=opening, received=left + used - opening)
    assert found(at) == set()


def test_a_product_that_a_place_did_not_use_in_one_month_is_not_doubted():
    used = np.array(USED, dtype=float)
    used[2, 3] = 0
    assert found(reports(used, LEFT, facility=[0, 0, 0])) == set()


def test_a_place_that_was_out_could_use_nothing():
    used, left = np.array(USED, dtype=float), np.array(LEFT, dtype=float)
    left[:, 2], used[:, 3], left[:, 3] = 0, 0, 0
    assert found(reports(used, left, facility=[0, 0, 0], received=np.zeros((3, 8)))) == set()


def test_a_use_far_beyond_the_usual_is_a_jump_unless_there_was_a_campaign():
    used = [[40, 52, 47, 470, 38, 44, 52, 49]]
    assert found(reports(used)) == {(0, 3, "jump")}
    campaign = np.zeros((1, 8), dtype=bool)
    campaign[0, 3] = True
    assert found(reports(used, campaign=campaign)) == set()


def test_what_swings_widely_every_month_does_not_jump():
    assert found(reports([[5, 90, 10, 110, 2, 60, 8, 120]])) == set()


def test_more_left_than_was_there_and_came_is_flagged_with_both_figures():
    at = reports([10, 10], [95, 85], opening=[100, 95], received=[0, 0], lost=[0, 0], adjusted=[0, 0])
    assert found(at) == set()
    at = reports([10, 10], [95, 150], opening=[100, 95], received=[0, 0], lost=[0, 0], adjusted=[0, 0])
    assert found(at) == {(0, 1, "negative")}
    flags = quality.find(at)
    told = quality.words(Kind.NEGATIVE, float(flags.reported[0]), float(flags.expected[0]))
    assert told == "150 doses are left, more than the 95 doses that were there and came."


def test_a_month_that_opens_with_another_balance_than_the_last_one_closed_with_is_torn():
    at = reports([10, 10], [90, 65], opening=[100, 80], received=[0, 0])
    assert found(at) == {(0, 1, "torn")}
    # A gap between them breaks nothing.
    assert found(reports([10, np.nan, 10], [90, np.nan, 65], opening=[100, np.nan, 80], received=[0] * 3)) == set()


def test_what_is_doubted_counts_less_and_is_never_taken_away():
    used = np.array([[40, 52, 47, 470, 38, 44, 52, 49.0]])
    weight = quality.weights(quality.find(reports(used)), used.shape)
    assert weight.tolist() == [[1, 1, 1, pytest.approx(0.1), 1, 1, 1, 1]]
    days = np.full(8, 30.0)
    believed = demand.estimate(used, np.zeros_like(used), ~np.isnan(used), days).amc.item()
    doubted = demand.estimate(used, np.zeros_like(used), ~np.isnan(used), days, weight=weight).amc.item()
    usual = np.median(used)
    assert abs(doubted - usual) < abs(believed - usual) / 5
    assert doubted > np.delete(used, 3).mean()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 12))
def test_every_flag_can_be_put_into_words_and_every_weight_is_a_share(seed, places, months):
    rng = np.random.default_rng(seed)
    shape = (places * 3, months)

    def some() -> Floats:
        return np.where(rng.random(shape) < 0.3, np.nan, rng.integers(0, 60, shape).astype(float))

    at = quality.Reports(some(), some(), some(), some(), some(), some(), np.repeat(np.arange(places), 3),
                         np.tile(np.arange(3), places), np.full(places * 3, 10.0))  # fmt: skip
    flags = quality.find(at)
    kinds = [KINDS[k] for k in flags.kind]
    for kind, reported, expected in zip(kinds, flags.reported.tolist(), flags.expected.tolist(), strict=True):
        assert np.isfinite(reported) or kind == Kind.REPEATED
        assert "nan" not in quality.words(kind, reported, expected)
    weight = quality.weights(flags, shape)
    assert ((weight >= 0) & (weight <= 1)).all()
    assert (weight < 1).sum() == len(set(zip(flags.row.tolist(), flags.column.tolist(), strict=True)))


# -- Uganda's real reports ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uganda(shared_data: Path) -> tuple[quality.Reports, NDArray[np.object_], list[str], quality.Flags]:
    rows = pd.read_csv(shared_data / "uga" / "stock_monthly_2013_2016.csv.gz")
    rows = rows[~rows["item"].str.strip().isin(NOT_STOCK)]
    months = [str(p) for p in pd.period_range(rows["period"].min(), rows["period"].max(), freq="M")]
    position = rows.groupby(["district", "item"]).ngroup().to_numpy()
    column = rows["period"].map({p: i for i, p in enumerate(months)}).to_numpy()
    shape = (int(position.max()) + 1, len(months))

    def grid(values: object, empty: object = np.nan, kind: type = float) -> NDArray:
        whole = np.full(shape, empty, dtype=kind)
        whole[position, column] = values
        return whole

    def number(name: str) -> NDArray[np.intp]:
        numbers = np.zeros(shape[0], dtype=np.intp)
        numbers[position] = rows.groupby(name).ngroup()
        return numbers

    said = grid(rows["source_flag"].fillna(""), "", object)
    unknown = np.full(shape, np.nan)
    at = quality.Reports(
        unknown, unknown, grid(rows["issued"]), unknown, unknown, grid(rows["balance"]), number("district"),
        number("item"), np.full(shape[0], 20.0),
    )  # fmt: skip
    return at, said, months, quality.find(at)


def marked(flags: quality.Flags, shape: tuple[int, ...], kind: Kind) -> NDArray[np.bool_]:
    hit = np.zeros(shape, dtype=bool)
    which = flags.kind == KINDS.index(kind)
    hit[flags.row[which], flags.column[which]] = True
    return hit


def test_november_2016_repeats_october_in_uganda(uganda):
    at, said, months, flags = uganda
    copied = said == "duplicate_of_2016-10_in_source"
    hit = marked(flags, at.used.shape, Kind.REPEATED)
    assert hit[copied].mean() > 0.99
    # Little else is taken for a copy: 25 of 30,000 lines.
    assert hit[~copied].sum() < 50
    assert hit[:, months.index("2016-11")].sum() > 880


def test_blanks_of_august_2016_became_zeros_in_uganda(uganda):
    at, said, _, flags = uganda
    blank = (said == "zeros_likely_blank_in_source") & (at.used == 0) & (at.closing == 0)
    hit = marked(flags, at.used.shape, Kind.BLANK)
    assert blank.sum() == 470
    # Where the month before closed with stock, nobody can have used it up without saying so.
    held = np.roll(at.closing, 1, axis=1) > 0
    assert hit[blank & held].all()
    assert hit[blank].mean() > 0.75


def test_the_issues_of_january_2015_are_all_zero_in_uganda(uganda):
    at, said, _, flags = uganda
    zero = said == "issued_zero_likely_blank"
    assert zero.sum() == 112
    assert marked(flags, at.used.shape, Kind.BLANK)[zero].mean() > 0.8


def test_the_polio_days_of_march_2015_stand_out_in_uganda(uganda):
    at, _, months, flags = uganda
    hit = marked(flags, at.used.shape, Kind.JUMP)
    assert hit[:, months.index("2015-03")].sum() > 0.8 * hit.sum()


def test_the_doses_of_agago_in_january_2016_are_an_outlier(shared_data: Path):
    rows = pd.read_csv(shared_data / "uga" / "doses_administered_2015_2016.csv.gz")
    months = [str(p) for p in pd.period_range(rows["period"].min(), rows["period"].max(), freq="M")]
    table = rows.pivot_table(index="district", columns="period", values="opv3").reindex(columns=months)
    flags = quality.find(reports(table.to_numpy(), facility=np.zeros(len(table), dtype=int)))
    jumps = {
        (table.index[r], months[c]): quality.words(KINDS[k], a, b)
        for r, c, k, a, b in zip(
            flags.row, flags.column, flags.kind, flags.reported.tolist(), flags.expected.tolist(), strict=True
        )
        if KINDS[k] == Kind.JUMP
    }
    assert jumps["Agago", "2016-01"] == "8,279 doses used, 8 times the usual 1,002 doses."

"""How late deliveries are, learnt from few and from many."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.insight import delay

ALONE: list = []


def learn(came, late, days, groups=ALONE):
    share, mean = delay.learn(came, late, days, groups)
    return share.tolist(), mean.tolist()


def test_without_any_delivery_it_is_what_is_assumed():
    assert learn([0], [0], [0]) == ([delay.ON_TIME], [delay.DAYS_LATE])


def test_many_deliveries_speak_for_themselves():
    [share], [mean] = learn([4000], [1000], [20_000])
    assert share == pytest.approx(0.75, abs=0.01)
    assert mean == pytest.approx(20, abs=0.2)


def test_a_new_place_takes_after_those_of_the_same_supplier():
    """Two suppliers, one punctual and one not; each has a place that nothing is known of."""
    groups = [np.zeros(6, dtype=np.intp), np.array([0, 0, 0, 1, 1, 1])]
    share, mean = learn([60, 60, 0, 60, 60, 0], [3, 3, 0, 45, 45, 0], [9, 9, 0, 900, 900, 0], groups)
    assert share[2] > 0.85
    assert share[5] < 0.35
    assert mean[2] < 11 < 17 < mean[5]


def test_who_is_overdue_now_is_no_longer_punctual():
    assert learn([12], [3], [90])[1][0] > learn([12], [3], [20])[1][0]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1), st.integers(0, 60)), min_size=1, max_size=20),
    st.data(),
)
def test_a_share_is_a_share_and_a_delay_at_least_a_day(rows, data):
    came = np.array([n for n, _, _ in rows])
    late = np.array([int(n * s) for n, s, _ in rows])
    days = late * np.array([d for _, _, d in rows])
    group = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows))))
    share, mean = delay.learn(came, late, days, [group])
    assert ((share > 0) & (share < 1)).all()
    assert (mean >= 1).all()


def read(shared_data):
    with gzip.open(shared_data / "leadtime" / "scms_deliveries.csv.gz") as file:
        rows = pd.read_csv(file, encoding="latin-1", lineterminator="\r")
    day = {name: pd.to_datetime(rows[f"{name} Date"], format="%d-%b-%y") for name in _DATES}
    late = (day["Delivered to Client"] - day["Scheduled Delivery"]).dt.days
    return rows.assign(due=day["Scheduled Delivery"], late=late).sort_values("due")


_DATES = ("Scheduled Delivery", "Delivered to Client")


def foretold(shared_data):
    """Delays of 10,324 deliveries learnt from those before 2012, and what came of those since.

    The log loss of "late or not" by who delivers and to whom, and by the overall share; and how long delays last.
    """
    rows = read(shared_data)
    before, after = rows[rows.due < "2012-01-01"], rows[rows.due >= "2012-01-01"]
    keys = ["Vendor", "Country"]
    known = before.assign(is_late=before.late > 0, days=before.late.clip(lower=0))
    by = known.groupby(keys).agg(came=("late", "size"), late=("is_late", "sum"), days=("days", "sum")).reset_index()
    new = after[keys].drop_duplicates().merge(by[keys], how="left", indicator=True)
    by = pd.concat([by, new[new._merge == "left_only"][keys]]).fillna(0)
    share, _ = delay.learn(by.came, by.late, by.days, [pd.factorize(by.Vendor)[0].astype(np.intp)])
    overall = known.is_late.mean()
    chance = after.merge(by[keys].assign(share=1 - share), on=keys)
    after, chance = chance, chance.share.to_numpy()
    happened = (after.late > 0).to_numpy()

    def loss(p):
        return float(-np.where(happened, np.log(p), np.log(1 - p)).mean())

    late_days = rows.late[rows.late > 0]
    beyond = {days: (float((late_days > days).mean()), float(np.exp(-days / late_days.mean()))) for days in (7, 21, 60)}
    return {
        "deliveries": len(rows), "tested": len(after), "late": float((rows.late > 0).mean()),
        "mean_days_late": float(late_days.mean()), "beyond": beyond,
        "loss": loss(chance), "loss_of_the_mean": loss(np.full(len(chance), overall)),
    }  # fmt: skip


def test_on_real_deliveries_the_places_own_delays_foretell_better_than_the_mean(shared_data):
    found = foretold(shared_data)
    assert found["deliveries"] == 10_324
    assert found["loss"] < 0.95 * found["loss_of_the_mean"]
    # An exponential tail: close where it matters, too thin for what is two months late.
    for days, (happened, told) in found["beyond"].items():
        assert told == pytest.approx(happened, abs=0.15), days

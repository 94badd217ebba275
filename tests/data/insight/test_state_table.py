"""The state machine as a table of examples: one row for each rule and for each of its boundaries.

Read it from left to right: what is held, what is needed in a month, in how many days the next delivery is due (minus:
overdue; a dash: none planned), how many days ago the last report came (a dash: never), how many doses will expire
before use, whose levels hold; then the state, and why. A vial has 10 doses, deliveries come every 30 days, a report is
expected every 31 days with 7 days of grace, and 100 doses a month are 3.29 a day. A need of "-" is not known, and "*"
not known where the place is meant to have the product.
"""

from __future__ import annotations

import numpy as np
import pytest

from data.insight import demand, policy, risk
from data.types import State

TABLE = """
held | need | due | report | expiring | preset   | state     | because
-----|------|-----|--------|----------|----------|-----------|--------
  50 |  100 |  10 |     38 |        0 | NPHCDA   | ADEQUATE  | the last day of grace is still in time
  50 |  100 |  10 |     39 |        0 | NPHCDA   | NO_REPORT | a day later it is not
   0 |  100 |  10 |     39 |        0 | NPHCDA   | NO_REPORT | silence comes first: no report is not no stock
  50 |  100 |  10 |      - |        0 | NPHCDA   | NO_REPORT | it never reported
   - |  100 |  10 |      0 |        0 | NPHCDA   | NO_REPORT | it reported, but no stock
   0 |    0 |  10 |      0 |        0 | NPHCDA   | INACTIVE  | no stock and no demand is no stockout
   9 |    0 |  10 |      0 |        0 | NPHCDA   | INACTIVE  | nor is less than a vial without demand
 500 |    0 |  10 |      0 |        0 | NPHCDA   | INACTIVE  | stock without demand is neither adequate nor over
 500 |    0 |  10 |      0 |      500 | NPHCDA   | INACTIVE  | even where all of it will expire
 500 |    - |  10 |      0 |        0 | NPHCDA   | INACTIVE  | stock of which the demand is not known cannot be judged
   0 |    - |  10 |      0 |        0 | NPHCDA   | INACTIVE  | nor is an empty shelf where nobody needs it
   0 |    * |  10 |      0 |        0 | NPHCDA   | STOCKOUT  | but it is where the place is meant to have it
   0 |  100 |  10 |      0 |        0 | NPHCDA   | STOCKOUT  | nothing left
   9 |  100 |   1 |      0 |        0 | NPHCDA   | STOCKOUT  | less than one vial left
  10 |  100 |   1 |      0 |        0 | NPHCDA   | LOW       | exactly one vial is no stockout: 3.04 days, a day to go
  10 |  100 |   4 |      0 |        0 | NPHCDA   | CRITICAL  | 3.04 days of cover, 4 days until the delivery
  33 |  100 |  10 |      0 |        0 | NPHCDA   | ADEQUATE  | 10.04 days of cover last the 10 days
  32 |  100 |  10 |      0 |        0 | NPHCDA   | CRITICAL  | 9.74 days do not, although it is above the minimum of 25
  50 |  100 |   0 |      0 |        0 | NPHCDA   | ADEQUATE  | the delivery is due today
  20 |  100 |  -3 |      0 |        0 | NPHCDA   | CRITICAL  | overdue is expected in 7 days: 6.09 are too few
  24 |  100 |  -3 |      0 |        0 | NPHCDA   | LOW       | 7.3 days are enough, but it is below the minimum of 25
  98 |  100 |   - |      0 |        0 | NPHCDA   | CRITICAL  | none planned: 30 days have to be lasted
  99 |  100 |   - |      0 |        0 | NPHCDA   | ADEQUATE  | 30.13 days last it
  24 |  100 |   2 |      0 |        0 | NPHCDA   | LOW       | below the minimum of 25
  25 |  100 |   2 |      0 |        0 | NPHCDA   | ADEQUATE  | exactly at the minimum
 125 |  100 |   2 |      0 |        0 | NPHCDA   | ADEQUATE  | exactly at the maximum
 126 |  100 |   2 |      0 |        0 | NPHCDA   | OVERSTOCK | above the maximum of 125
  60 |  100 |   2 |      0 |        1 | NPHCDA   | OVERSTOCK | one dose will expire before it can be used
  24 |  100 |   2 |      0 |        5 | NPHCDA   | LOW       | too little comes before too much
  99 |  100 |   2 |      0 |        0 | WHO-EPI  | LOW       | less than one month of cover
 100 |  100 |   2 |      0 |        0 | WHO-EPI  | ADEQUATE  | exactly one month
 300 |  100 |   2 |      0 |        0 | WHO-EPI  | ADEQUATE  | exactly three months
 301 |  100 |   2 |      0 |        0 | WHO-EPI  | OVERSTOCK | more than three
 299 |  100 |   2 |      0 |        0 | OpenLMIS | LOW       | less than three periods
 600 |  100 |   2 |      0 |        0 | OpenLMIS | ADEQUATE  | six periods
 601 |  100 |   2 |      0 |        0 | OpenLMIS | OVERSTOCK | more than six
 121 |  100 |   2 |      0 |        0 | MSH      | LOW       | below 23.0 for the way and 98.6 for safety
 122 |  100 |   2 |      0 |        0 | MSH      | ADEQUATE  | above both
 220 |  100 |   2 |      0 |        0 | MSH      | ADEQUATE  | below minimum + 98.6 for the interval
 221 |  100 |   2 |      0 |        0 | MSH      | OVERSTOCK | above it
"""


def rows() -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()[2:]]


def state(held: str, need: str, due: str, report: str, expiring: str, preset: str) -> State:
    def number(cell: str) -> float:
        return np.nan if cell in "-*" else float(cell)

    monthly = demand.plain([number(need)])
    low, high = policy.bands(preset, monthly.amc, 7, 30)
    [found] = risk.states(
        risk.Positions(
            usable=[number(held)], doses_per_vial=10, demand=monthly, days_to_next_delivery=number(due),
            days_since_report=number(report), minimum=low, maximum=high, expiring=number(expiring), handles=need == "*",
        ),
        risk.Delay(on_time=0.75, mean_days_late=7.0),
    )  # fmt: skip
    return State(found)


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[6]}: {row[7]}")
def test_each_example_of_the_table_holds(row: list[str]) -> None:
    assert state(*row[:6]).name == row[6], row[7]


def test_the_table_has_an_example_of_every_state_and_preset() -> None:
    assert {row[6] for row in rows()} == {s.name for s in State}
    assert {row[5] for row in rows()} == set(policy.PRESETS)


def test_whatever_is_held_the_state_gets_no_worse_with_more_until_it_is_too_much() -> None:
    rank = [State.STOCKOUT, State.CRITICAL, State.LOW, State.ADEQUATE, State.OVERSTOCK]
    for preset in policy.PRESETS:
        states = [rank.index(state(str(held), "100", "2", "0", "0", preset)) for held in range(0, 650, 5)]
        assert states == sorted(states), preset

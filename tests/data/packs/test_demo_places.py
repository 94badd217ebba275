from __future__ import annotations

import numpy as np
import pytest
import shapely

from data.packs.demo import network, places

GAZETTEER = places.gazetteer()
AREAS = places.areas(GAZETTEER, 2026)
NATION, STATES, LGAS = (AREAS[AREAS["level"] == level] for level in range(3))


def test_nigeria_has_37_states_and_774_lgas_each_with_its_own_code() -> None:
    assert (len(NATION), len(STATES), len(LGAS)) == (1, 37, 774)
    assert AREAS["code"].is_unique
    assert LGAS["name"].nunique() == 774 - 5


def test_parents_come_before_their_children() -> None:
    row = {code: i for i, code in enumerate(AREAS["code"])}
    assert all(row[parent] < i for i, parent in enumerate(AREAS["parent"]) if parent is not None)
    assert AREAS["parent"].iloc[0] is None


def test_every_outline_is_a_valid_multipolygon() -> None:
    assert AREAS.geometry.is_valid.all()
    assert not AREAS.geometry.is_empty.any()
    assert set(AREAS.geometry.geom_type) == {"MultiPolygon"}


def test_neighbours_share_their_borders_without_gap_or_overlap() -> None:
    assert shapely.coverage_is_valid(LGAS.geometry.to_numpy())
    assert shapely.coverage_is_valid(STATES.geometry.to_numpy())
    assert shapely.area(LGAS.geometry.to_numpy()).sum() == pytest.approx(NATION.geometry.iloc[0].area, rel=1e-9)


def test_the_lgas_of_a_state_cover_it_exactly() -> None:
    for state in STATES.itertuples():
        merged = shapely.union_all(LGAS[LGAS["parent"] == state.code].geometry.to_numpy())
        assert shapely.symmetric_difference(merged, state.geometry).area == pytest.approx(0, abs=1e-9)


def test_an_lga_lies_around_its_own_point() -> None:
    inside = shapely.contains_xy(LGAS.geometry.to_numpy(), GAZETTEER["lon"], GAZETTEER["lat"])
    # Seven points lie off the generalised coast or across a generalised state border.
    assert np.count_nonzero(~inside) <= 7


def test_an_lga_is_about_as_large_as_it_really_is() -> None:
    drawn = LGAS.geometry.to_crs("EPSG:6933").area.to_numpy() / 1e6
    error = np.abs(np.log(drawn / GAZETTEER["area_km2"].to_numpy()))
    assert np.median(error) < 0.12


def test_people_and_children_add_up_from_level_to_level() -> None:
    for column in ("population", "target_children"):
        assert STATES[column].sum() == pytest.approx(NATION[column].iloc[0], abs=40)
        assert LGAS.groupby("parent")[column].sum().to_numpy() == pytest.approx(STATES[column].to_numpy(), abs=40)
    assert NATION["target_children"].iloc[0] == pytest.approx(0.035 * NATION["population"].iloc[0], rel=1e-6)


def test_an_unknown_state_is_named() -> None:
    with pytest.raises(ValueError, match="Atlantis"):
        places.gazetteer(("Kano", "Atlantis"))


@pytest.mark.parametrize(("total", "least"), [(8000, 2), (1548, 2), (900, 2), (300, 2), (50000, 2)])
def test_shares_add_up_and_leave_nobody_below_the_least(total: int, least: int) -> None:
    weights = GAZETTEER["population_2022"].to_numpy(dtype=float)
    shares = network.share_out(weights, total, least)
    assert shares.sum() == total
    assert shares.min() >= min(least, total // len(weights))
    if total >= 8000:
        assert np.corrcoef(shares, weights)[0, 1] > 0.98

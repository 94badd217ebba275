"""Search by name and code."""

from __future__ import annotations

import pytest
import small
import sqlalchemy as sa
import world
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from geo import places


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    made = small.build(conn)
    world.grow(conn, made, 40)
    conn.execute(sa.text("update area set name = 'Ọ̀ṣun' where code = 'W'"))
    conn.execute(sa.text("update facility set name = 'Osun Road Clinic' where code = 'F-E1'"))
    conn.execute(sa.text("update facility set name = 'Côte d''Or PHC 100%' where code = 'F-W1'"))
    return made


def codes(conn: sa.Connection, country: small.Small, asked: str) -> list[str]:
    return [found.code for found in places.search(conn, country.programme_id, asked)]


@pytest.mark.parametrize("asked", ["osun", "OSUN", "ọṣun", "  Osun "])
def test_case_and_accents_make_no_difference_and_areas_come_first(
    conn: sa.Connection, country: small.Small, asked: str
) -> None:
    assert codes(conn, country, asked) == ["W", "F-E1"]


@pytest.mark.parametrize(
    ("asked", "code"), [("cote d'or", "F-W1"), ("100%", "F-W1"), ("road cl", "F-E1"), ("f-w2b", "F-W2b")]
)
def test_any_part_of_a_name_or_a_code_is_found(
    conn: sa.Connection, country: small.Small, asked: str, code: str
) -> None:
    assert codes(conn, country, asked) == [code]


def test_what_begins_with_it_comes_before_what_merely_has_it(conn: sa.Connection, country: small.Small) -> None:
    conn.execute(sa.text("update facility set name = 'Old Zaria Post' where code = 'G-1'"))
    conn.execute(sa.text("update facility set name = 'Zaria Post' where code = 'G-2'"))
    conn.execute(sa.text("update facility set name = 'Newzaria Post' where code = 'G-3'"))
    assert codes(conn, country, "zaria") == ["G-2", "G-1", "G-3"]


def test_a_place_comes_with_where_it_is(conn: sa.Connection, country: small.Small) -> None:
    facility, area = (places.search(conn, country.programme_id, asked)[0] for asked in ("f-w2a", "area w1"))
    assert (facility.kind, facility.place, facility.bounds) == ("facility", "Area W2", (0.5, 1.5, 0.5, 1.5))
    assert (area.kind, area.place, area.level, area.bounds) == ("area", "Ọ̀ṣun", 2, (0, 0, 2, 1))
    conn.execute(sa.text("update facility set point = null where code = 'F-W2a'"))
    assert places.search(conn, country.programme_id, "f-w2a")[0].bounds is None


def test_there_are_never_more_than_asked_for(conn: sa.Connection, country: small.Small) -> None:
    assert len(places.search(conn, country.programme_id, "clinic")) == 20
    assert len(places.search(conn, country.programme_id, "clinic", most=5)) == 5


def test_a_letter_is_not_a_question_and_wildcards_are_letters(conn: sa.Connection, country: small.Small) -> None:
    assert codes(conn, country, "c") == codes(conn, country, "") == codes(conn, country, "%%") == []
    assert codes(conn, country, "__") == codes(conn, country, "\\\\") == []


def test_another_programme_is_not_searched(conn: sa.Connection, country: small.Small) -> None:
    small.build(conn, "other")
    assert codes(conn, country, "health post f-w2b") == ["F-W2b"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
@example("Ǹỳéṣọ́m")
@example("İstanbul")
def test_python_and_postgresql_fold_alike(conn: sa.Connection, name: str) -> None:
    with conn.begin_nested() as savepoint:
        country = small.build(conn)
        conn.execute(sa.text("update area set name = :name where code = 'W'"), {"name": name})
        folded = conn.execute(sa.text("select folded from area where code = 'W'")).scalar_one()
        assert " ".join(folded.split()) == places.fold(f"{name} W")
        savepoint.rollback()
        assert country.code == "small"

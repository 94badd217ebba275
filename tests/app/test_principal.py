"""The table of rights, and what a person's grants come to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.auth.principal import RIGHT_WORDS, RIGHTS, ROLE_WORDS, UNUSED, Grant, Principal, may_grant
from data.scope import Scope

PROJECT = Path(__file__).resolve().parents[2]
NATION, STATE, DISTRICT, OTHER = 1, 2, 3, 9


def person(*grants: Grant, user_id: int = 1) -> Principal:
    return Principal(user_id, "P", "p@example.org", b"", grants, frozenset(g.programme for g in grants))


def grant(role: str, area: int | None = None, facility: int | None = None, programme: int = 7, **more: object) -> Grant:
    return Grant(programme, f"p{programme}", role, area, facility, **more)  # type: ignore[arg-type]  # rights, by name


def test_every_role_sees_has_words_and_only_rights_that_have_words() -> None:
    assert RIGHTS.keys() == ROLE_WORDS.keys()
    assert all("see" in rights and rights <= RIGHT_WORDS.keys() for rights in RIGHTS.values())
    assert set(RIGHT_WORDS) == set().union(*RIGHTS.values()), "a right that nobody can have is none"


def test_every_right_is_asked_for_somewhere_but_for_those_that_are_named() -> None:
    asking = re.compile(
        r"(?:needs|Rule|may|_may|has|scope|scopes|reach|_demand|_of_supplier|_of_facility|may_at_\w+)\($"
    )
    found = set()
    for file in (PROJECT / "app").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        for right in RIGHT_WORDS:
            for said in re.finditer(f'"{right}"', source):
                before = source[: said.start()].rstrip()
                if asking.search(before) or re.search(r"for right in \($", before):
                    found.add(right)
    assert found == RIGHT_WORDS.keys() - UNUSED
    page = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
    assert all(f"`{right}` is given and nothing asks for it yet" in page for right in UNUSED)


def test_the_table_of_the_guide_is_the_one_of_the_code() -> None:
    page = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    [head] = [row for row in rows if row[1:] == list(RIGHTS)]
    table = [row for row in rows if row[0].startswith("`") and len(row) == len(head)]
    told = {
        role: {row[0].split("`")[1] for row in table if row[column] == "x"} for column, role in enumerate(head) if role
    }
    assert told == {role: set(rights) for role, rights in RIGHTS.items()}


def test_several_grants_add_up_and_each_right_has_its_own_place() -> None:
    who = person(grant("facility", facility=40), grant("area", area=STATE), grant("analyst"))
    assert who.scope("see", 7) == Scope(7, whole=True)
    assert who.scope("record", 7) == Scope(7, areas=frozenset({STATE}), facilities=frozenset({40}))
    assert who.scope("approve", 7) == Scope(7, areas=frozenset({STATE}))
    assert who.scope("users", 7).empty
    assert who.scope("see", 8).empty
    assert who.may("approve", 7, 41, (NATION, STATE, DISTRICT))
    assert not who.may("approve", 7, 40, (NATION, OTHER))
    assert who.may("count", 7, 40, (NATION, OTHER))


def test_scopes_name_every_programme_in_which_a_right_is_had() -> None:
    who = person(grant("area", area=STATE, programme=8), grant("national"), grant("administrator", programme=9))
    assert who.scopes("record") == (Scope(7, whole=True), Scope(8, areas=frozenset({STATE})))
    assert who.has("record", "p8")
    assert not who.has("record", "p9")
    assert not who.has("see", "p10")


def test_a_token_that_was_narrowed_has_no_more_than_it_was_given() -> None:
    who = person(grant("machine", only=frozenset({"record", "approve"})))
    assert who.has("record", "p7")
    assert not who.has("see", "p7"), "it was taken away"
    assert not who.has("approve", "p7"), "the role never had it"


def test_a_scope_covers_what_lies_below_its_areas_and_its_own_facilities() -> None:
    scope = Scope(7, areas=frozenset({STATE}), facilities=frozenset({40}))
    assert scope.covers(1, (NATION, STATE, DISTRICT))
    assert scope.covers(40, (NATION, OTHER))
    assert not scope.covers(41, (NATION, OTHER))
    assert scope.covers_area((NATION, STATE))
    assert not scope.covers_area((NATION,)), "what is above is seen in part at most"


@pytest.mark.parametrize(
    ("lineage", "facility", "allowed"),
    [
        ((NATION, STATE), None, True),
        ((NATION, STATE, DISTRICT), None, True),
        ((NATION, STATE, DISTRICT), 40, True),
        ((NATION, OTHER), None, False),
        ((NATION, OTHER), 40, False),
        ((NATION,), None, False),
        ((), None, False),
    ],
)
def test_an_administrator_grants_within_the_own_area_only(
    lineage: tuple[int, ...], facility: int | None, allowed: bool
) -> None:
    who = person(grant("administrator", area=STATE))
    assert may_grant(who, 2, "area", 7, lineage=lineage, facility_id=facility) is allowed
    assert not may_grant(who, 2, "area", 8, lineage=lineage, facility_id=facility), "another programme"


def test_nobody_grants_to_themselves_nor_a_role_that_does_not_exist_nor_without_the_right() -> None:
    who = person(grant("administrator"))
    assert may_grant(who, 2, "national", 7)
    assert not may_grant(who, 1, "national", 7)
    assert not may_grant(who, 2, "emperor", 7)
    assert not may_grant(person(grant("national")), 2, "facility", 7, facility_id=40)

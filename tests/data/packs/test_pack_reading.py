"""A pack is read strictly: what cannot be used is named, with its row and what to do, and costs nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tiny_pack
from pydantic import BaseModel
from tiny_pack import FACILITIES, STATES, STOCK, TOML, finding, square

from data import errors
from data.packs import pack, reader
from data.packs.report import report


def test_a_sound_pack_is_read_whole(tmp_path: Path) -> None:
    country = tiny_pack.read(tmp_path)
    assert {f.severity for f in country.findings} == {"kept"}
    assert list(country.areas["code"]) == ["tiny", "EST", "WST"]
    assert country.facilities.set_index("code")["area"].to_dict() == {"E1": "EST", "E2": "EST", "W1": "WST"}
    assert country.facilities.set_index("code")["supplier"].dropna().to_dict() == {"E2": "E1", "W1": "E1"}
    assert country.facilities.set_index("code")["delivery_interval_days"].to_dict() == {"E1": 90, "E2": 30, "W1": 30}
    assert list(country.products["code"]) == ["BCG", "MR"]
    assert len(country.reports) == 3


def test_the_nation_is_the_union_of_its_states_and_their_people(tmp_path: Path) -> None:
    areas = tiny_pack.read(tmp_path).areas.set_index("code")
    assert areas.loc["tiny", "geometry"].bounds == (10, 5, 12, 6)
    assert areas.loc["tiny", "geometry"].area == pytest.approx(2)
    assert areas["population"].to_dict() == {"tiny": 4000, "EST": 1000, "WST": 3000}
    assert areas["target_children"].to_dict() == {"tiny": 160, "EST": 40, "WST": 120}


# -- the pack cannot be used at all -------------------------------------------------------------------------------


def test_a_missing_column_is_named_with_the_columns_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(errors.PackError) as raised:
        tiny_pack.read(tmp_path, facilities=FACILITIES.replace("lat,", "latitude,", 1))
    assert raised.value.field == "facilities.lat"
    assert 'facilities.csv has no column "lat" (facilities.lat), perhaps "latitude"' in raised.value.message
    assert "Its columns are code, name, tier, lon, latitude, state, supplier, children." in raised.value.message


def test_every_missing_column_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(errors.PackError, match=r'"used" \(history.used\).*"closing" \(history.closing\)'):
        tiny_pack.read(tmp_path, stock=STOCK.replace("used,adjusted,closing", "a,adjusted,b", 1))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('code = "tiny"', 'code = "Tiny Land"', "programme.code"),
        ('code = "tiny"', 'code = "api"', "api is the name of another page"),
        ('timezone = "Africa/Lagos"', 'timezone = "Lagos"', "Lagos is not a time zone"),
        ("doses_per_vial = 20", "doses_per_vial = 0", "product.0.doses_per_vial"),
        ('closing = "closing"', 'closing = "closing"\nbalance = "b"', "history.balance"),
        ("level = 1\nfile", "level = 2\nfile", "Give level 1"),
        ('level_names = ["Nation", "State"]', 'level_names = ["Nation", "State", "LGA"]', "3 level names"),
        ('tier = "store"', 'tier = "shop"', "no facility has the tier shop"),
        ('path = "stock.csv"', 'path = "stocks.csv"', "there is no file"),
        ('file = "stock"', 'file = "shelves"', "files.shelves"),
        ("[programme]", "[programme", "is not TOML"),
    ],
)
def test_a_mistake_in_pack_toml_is_named_with_its_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in TOML
    with pytest.raises(errors.PackError) as raised:
        tiny_pack.read(tmp_path, toml=TOML.replace(old, new, 1))
    assert words in raised.value.message
    assert raised.value.remedy


def test_a_folder_without_a_pack_says_so(tmp_path: Path) -> None:
    with pytest.raises(errors.PackError, match=r"there is no .*pack\.toml"):
        reader.read(tmp_path)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("E9,Short,store\n", "Expected 8 columns, got 3"),
        ("E9,Long,store,10,5,Estland,,1,2,3\n", "Expected 8 columns, got 10"),
    ],
)
def test_a_row_of_another_length_than_the_header_stops_the_file(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(errors.PackError, match=words):
        tiny_pack.read(tmp_path, facilities=FACILITIES + row)


def test_a_pack_whose_facilities_are_all_refused_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(errors.PackError, match=r"no facility can be used.*outside the country"):
        tiny_pack.read(tmp_path, facilities=FACILITIES.splitlines()[0] + "\nX,Far,store,80,50,,,\n")


# -- areas --------------------------------------------------------------------------------------------------------

BOW_TIE = [[11.0, 5.0], [12.0, 6.0], [12.0, 5.0], [11.0, 6.0], [11.0, 5.0]]


def test_an_invalid_polygon_is_refused_with_its_reason_and_remedy(tmp_path: Path) -> None:
    country = tiny_pack.read(tmp_path, states=[STATES[0], tiny_pack.feature("WST", "Westland", BOW_TIE)])
    refused = finding(country, "invalid polygon")
    assert (refused.severity, refused.table, refused.count) == ("refused", "areas", 1)
    assert refused.examples == ("row 2: Westland (WST): Self-intersection[11.5 5.5]",)
    assert "repair = true" in refused.remedy
    assert list(country.areas["code"]) == ["tiny", "EST"]
    assert list(country.facilities["code"]) == ["E1", "E2"]


def test_an_invalid_polygon_is_repaired_where_the_pack_says_so(tmp_path: Path) -> None:
    country = tiny_pack.read(
        tmp_path,
        toml=TOML.replace("target_children_share = 0.04", "repair = true"),
        states=[STATES[0], tiny_pack.feature("WST", "Westland", BOW_TIE)],
    )
    assert finding(country, "has been repaired").severity == "flagged"
    assert country.areas.is_valid.all()
    assert country.areas.set_index("code").loc["WST", "geometry"].area == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (square("EST", "Estland again", 12.0), "code is used twice"),
        (square("", "No code", 12.0), "code or name is blank"),
        (square("FAR", "In metres", 500_000.0), "not in degrees"),
        ({"type": "Feature", "properties": {"code": "N", "name": "N", "people": 1}, "geometry": None}, "not a polygon"),
    ],
)
def test_an_area_that_cannot_be_used_is_refused_alone(tmp_path: Path, state: object, reason: str) -> None:
    country = tiny_pack.read(tmp_path, states=[*STATES, state])
    refused = finding(country, reason)
    assert (refused.severity, refused.count) == ("refused", 1)
    assert refused.examples[0].startswith("row 3: ")
    assert len(country.facilities) == 3


def test_people_that_are_not_a_number_are_unknown_and_never_zero(tmp_path: Path) -> None:
    country = tiny_pack.read(tmp_path, states=[STATES[0], square("WST", "Westland", 11.0, people="many")])
    assert finding(country, "number of people").severity == "flagged"
    areas = country.areas.set_index("code")
    assert areas["population"].isna().to_dict() == {"tiny": True, "EST": False, "WST": True}


# -- facilities ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("X,Far,clinic,30.0,5.5,Estland,,", "lon and lat are outside the country"),
        ("X,Turned,clinic,5.5,10.5,Estland,,", "exchanged they lie inside"),
        ("X,Nowhere,clinic,0,0,Estland,,", "both 0, which stands for unknown"),
        ("X,Off,clinic,10.5,95,Estland,,", "lon or lat is out of range"),
        ("X,Words,clinic,ten,5.5,Estland,,", "lon or lat is not a number"),
        ("X,Half,clinic,10.5,,Estland,,", "only one of lon and lat is given"),
        ("X,Lost,clinic,,,Atlantis,,", "no coordinates, and no single area is stated"),
        ("E1,Twin,clinic,10.5,5.5,Estland,,", "code is used already by an earlier row"),
        (",Nameless,clinic,10.5,5.5,Estland,,", "code, name or tier is blank"),
    ],
)
def test_a_facility_that_cannot_be_used_is_refused_with_its_row_and_costs_no_other(
    tmp_path: Path, row: str, reason: str
) -> None:
    country = tiny_pack.read(tmp_path, facilities=FACILITIES + row + "\n")
    refused = finding(country, reason)
    assert (refused.severity, refused.table, refused.count) == ("refused", "facilities", 1)
    assert refused.examples[0].startswith(f"row 5: {row.split(',')[1]}")
    assert refused.remedy
    assert list(country.facilities["code"]) == ["E1", "E2", "W1"]
    assert len(country.reports) == 3


@pytest.mark.parametrize(
    ("row", "reason", "flag", "area"),
    [
        ("X,Listed,clinic,,,estland,,", "off the map", "no-coordinates", "EST"),
        ("X,Moved,clinic,11.4,5.5,Estland,,", "stated in one area", "stated-elsewhere", "WST"),
        ("X,Coast,clinic,10.4,4.99,Estland,,", "nearest within 2 km", "outside-boundary", "EST"),
        ("X,Same,clinic,11.5,5.5,Westland,,", "same point", "shared-point", "WST"),
    ],
)
def test_a_facility_that_is_odd_is_kept_and_flagged(
    tmp_path: Path, row: str, reason: str, flag: str, area: str
) -> None:
    country = tiny_pack.read(tmp_path, facilities=FACILITIES + row + "\n")
    assert finding(country, reason).severity == "flagged"
    kept = country.facilities.set_index("code").loc["X"]
    assert (kept["flags"], kept["area"]) == ([flag], area)


def test_a_point_on_a_border_lies_in_the_area_that_is_stated(tmp_path: Path) -> None:
    rows = "X,On the line,clinic,11.0,5.5,Westland,,\nY,On it too,clinic,11.0,5.4,Estland,,\n"
    placed = tiny_pack.read(tmp_path, facilities=FACILITIES + rows).facilities.set_index("code")["area"]
    assert (placed["X"], placed["Y"]) == ("WST", "EST")


def test_a_supplier_that_is_not_there_is_left_out_and_flagged(tmp_path: Path) -> None:
    country = tiny_pack.read(tmp_path, facilities=FACILITIES + "X,Alone,clinic,10.5,5.6,Estland,E9,\n")
    assert finding(country, "supplier is not another facility").count == 1
    assert country.facilities.set_index("code")["supplier"].isna()["X"]


MADE = (
    TOML.replace('supplier = "supplier"\n', "")
    .replace('[facilities]\nfile = "facilities"\ncode = "code"', '[facilities]\nfile = "facilities"')
    .replace(
        'catchment = "children"',
        'catchment = "children"\ncode = { prefix = "T-", make_from = ["state", "name"], tell_apart = ["lon", "lat"] }',
    )
)
NO_STOCK = STOCK.splitlines()[0] + "\n"


def test_codes_that_are_made_do_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = FACILITIES.splitlines()
    twins = [*rows, ",Est Clinic,clinic,10.3,5.3,ESTLAND,,"]
    there = tiny_pack.read(tmp_path / "a", toml=MADE, facilities="\n".join(twins), stock=NO_STOCK).facilities
    turned = [twins[0], *reversed(twins[1:])]
    back = tiny_pack.read(tmp_path / "b", toml=MADE, facilities="\n".join(turned), stock=NO_STOCK).facilities
    assert there["code"].is_unique
    by_place = [frame.set_index(["lon", "lat"])["code"].to_dict() for frame in (there, back)]
    assert by_place[0] == by_place[1]
    assert all(code.startswith("T-") for code in there["code"])


def test_the_same_facility_twice_is_refused_where_codes_are_made(tmp_path: Path) -> None:
    again = FACILITIES + FACILITIES.splitlines()[2] + "\n"
    country = tiny_pack.read(tmp_path, toml=MADE, facilities=again, stock=NO_STOCK)
    assert finding(country, "the same facility again").examples[0].startswith("row 5: Est Clinic")
    assert len(country.facilities) == 3


# -- what a person reads ------------------------------------------------------------------------------------------


def test_the_report_says_what_was_kept_refused_and_flagged_and_what_to_do(tmp_path: Path) -> None:
    rows = "X,Far,clinic,30.0,5.5,Estland,,\nY,Listed,clinic,,,Estland,,\n"
    told = report(tiny_pack.read(tmp_path, facilities=FACILITIES + rows).findings)
    kept, refused, flagged = told.split("\n\n")
    assert kept.splitlines()[0] == "Kept"
    assert "  4  facilities: in the registry" in kept
    assert refused.splitlines()[0].startswith("Refused")
    assert "  1  facilities: lon and lat are outside the country" in refused
    assert "Correct the coordinates, or blank them" in refused
    assert "- row 5: Far / Estland at 5.5, 30.0" in refused
    assert "  1  facilities: no coordinates: listed in the stated area, off the map" in flagged


def test_the_page_about_packs_names_every_key(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "packs.md").read_text(encoding="utf-8")
    tables = [v for v in vars(pack).values() if isinstance(v, type) and issubclass(v, BaseModel) and v is not BaseModel]
    keys = {key for table in tables for key in table.model_fields}
    assert len(keys) > 50
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", page)] == []

"""What a pack says of demand: policies by tier and product, campaigns, and what sessions gave."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
import tiny_pack

from data import db, errors, nation, programmes
from data.insight import policy
from data.packs import load

PLANS = """
[[policy]]
tier = "clinic"
preset = "WHO-EPI"
window_months = 6

[[policy]]
product = "MR"
preset = "OpenLMIS"
amc_method = "OpenLMIS"

[[campaign]]
product = "BCG"
area = "EST"
first_day = 2024-02-10
last_day = 2024-02-20
name = "Catching up"

[files.given]
path = "given.csv"
source = "written for a test"
licence = "CC0"

[[sessions]]
file = "given"
facility = "facility"
product = "vaccine"
month = "month"
administered = "given"
sessions = "held"
"""

GIVEN = """facility,vaccine,month,given,held
E2,BCG,2024-01,20,4
E2,BCG,2024-02,25,4
E2,MR,2024-02,,2
E2,BCG,2024-03,x,4
E9,BCG,2024-03,9,1
E2,YF,2024-03,9,1
"""


def written(folder: Path, plans: str = PLANS, **files: str) -> Path:
    tiny_pack.write(folder, toml=tiny_pack.TOML + plans, **files)
    (folder / "given.csv").write_text(GIVEN, encoding="utf-8")
    return folder


def read(folder: Path, plans: str = PLANS, **files: str) -> tiny_pack.Country:
    return tiny_pack.reader.read(written(folder, plans, **files), now=tiny_pack.NOW)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    made = db.engine(database_url, pool_size=1)
    yield made
    made.dispose()


def test_policies_and_campaigns_are_read_with_what_they_leave_out(tmp_path: Path) -> None:
    country = read(tmp_path)
    assert [(p.tier, p.product, p.preset, p.amc_method, p.window_months) for p in country.policies] == [
        ("clinic", None, "WHO-EPI", "mSupply", 6),
        (None, "MR", "OpenLMIS", "OpenLMIS", 12),
    ]
    assert country.campaigns[0].first_day == date(2024, 2, 10)


def test_sessions_are_kept_or_refused_with_the_reason(tmp_path: Path) -> None:
    country = read(tmp_path)
    kept = country.sessions.set_index(["product", country.sessions["month"].dt.month])
    assert kept["administered"].astype(object).where(kept["administered"].notna(), None).to_dict() == {
        ("BCG", 1): 20,
        ("BCG", 2): 25,
        ("MR", 2): None,
    }
    for reason in ("given is not a number", "facility is not one that was kept", "product is not declared"):
        assert tiny_pack.finding(country, reason).count == 1


@pytest.mark.parametrize(
    ("plans", "words"),
    [
        ('[[policy]]\ntier = "clinic"\npreset = "Ours"\n', "Ours is no preset"),
        ('[[policy]]\ntier = "clinic"\namc_method = "Ours"\n', "Ours is no AMC method"),
        ('[[policy]]\nproduct = "BCG"\n', "names preset, amc_method or window_months"),
        ('[[policy]]\nproduct = "BCG"\npreset = "MSH"\nlead_time_days = 3\n', "says nothing of deliveries"),
        ('[[policy]]\nproduct = "YF"\npreset = "MSH"\n', "names YF, which the pack does not have"),
        ('[[campaign]]\nproduct = "BCG"\narea = "NO"\nfirst_day = 2024-01-01\nlast_day = 2024-01-02\n', "names NO"),
        ('[[campaign]]\nproduct = "BCG"\narea = "EST"\nfirst_day = 2024-01-03\nlast_day = 2024-01-02\n', "it ends"),
        (
            '[[campaign]]\nproduct = "BCG"\narea = "EST"\nfirst_day = 2024-01-03\nlast_day = 2024-01-09\n'
            '[[campaign]]\nproduct = "BCG"\narea = "EST"\nfirst_day = 2024-01-09\nlast_day = 2024-01-12\n',
            "overlap: 2024-01-03 to 2024-01-09 and 2024-01-09 to 2024-01-12",
        ),
    ],
)
def test_a_plan_that_cannot_hold_is_refused_with_its_reason(tmp_path: Path, plans: str, words: str) -> None:
    with pytest.raises(errors.PackError, match=words):
        read(tmp_path, plans)


def test_a_loaded_country_is_judged_by_its_policies(engine: sa.Engine, tmp_path: Path) -> None:
    country = read(tmp_path)
    load.load(engine, country, digest="one")
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, "tiny")
        nation.refresh(conn, programme, date(2024, 4, 2))
        held = conn.execute(sa.text(
            "select f.code, p.code, o.preset, o.demand_source from position o join facility f on f.id = o.facility_id"
            " join product p on p.id = o.product_id where f.programme_id = :id order by 1, 2"
        ), {"id": programme.id}).all()  # fmt: skip
        given = conn.execute(sa.text("select sum(administered) from session_month")).scalar_one()
    presets = {(facility, product): policy.NAMES[preset] for facility, product, preset, _ in held}
    assert presets == {("E2", "BCG"): "WHO-EPI", ("W1", "BCG"): "WHO-EPI"}
    assert all(source is not None for *_, source in held)
    assert given == 45
    # The same again, without plans: what the pack said before is gone.
    changed = read(tmp_path, "")
    load.load(engine, changed, digest="two")
    with db.transaction(engine) as conn:
        assert conn.execute(sa.text("select count(*) from policy")).scalar_one() == 0
        assert conn.execute(sa.text("select count(*) from campaign")).scalar_one() == 0


def test_the_month_of_a_campaign_is_no_routine_demand(engine: sa.Engine, tmp_path: Path) -> None:
    months = ["2023-08", "2023-09", "2023-10", "2023-11", "2023-12", "2024-01", "2024-02", "2024-03"]
    rows = ["facility,vaccine,month,opening,received,used,adjusted,closing"]
    for month in months:
        used = 400 if month == "2024-02" else 50
        rows.append(f"E2,BCG,{month},500,{used},{used},0,500")
    load.load(engine, read(tmp_path, stock="\n".join(rows) + "\n"), digest="campaign")
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, "tiny")
        nation.refresh(conn, programme, date(2024, 4, 2))
        amc = conn.execute(sa.text("select amc from position p join facility f on f.id = p.facility_id"
                                   " where f.code = 'E2'")).scalar_one()  # fmt: skip
        flags = conn.execute(sa.text("select kind from flag")).scalars().all()
    assert amc == pytest.approx(50, rel=0.02)
    assert "jump" not in flags

"""What is known of one facility for its panel? Reads the record and puts the reasons into words."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

import numpy as np
import sqlalchemy as sa

from app import explained, past, services
from app import lens as lenses
from app.components import chart, panel_facility, words
from app.components.panel_product import Chosen
from app.lens import PLAIN
from data import doubts, forecasts, outlook, stock, why
from data.insight import demand, expiry, policy, reasons
from data.lens import Lens
from data.programmes import Programme
from data.record import rules, shipments, submission
from data.record.past import AsOf
from data.stock import Facility, LotHeld, Month, Position
from data.types import AT_RISK, State
from geo import network
from geo.network import Neighbour
from geo.reach import Reach

#: Lines of the bin card in the panel.
LINES = 10

#: Help from nearby is offered from a week's need on.
WEEKS_A_MONTH = policy.DAYS_PER_MONTH / 7


def panel(
    conn: sa.Connection,
    programme: Programme,
    code: str,
    vaccine: str | None,
    now: datetime,
    reach: Reach,
    *,
    month: date | None = None,
    theme: chart.Theme = "light",
    lens: Lens = PLAIN,
) -> tuple[Any, Facility]:
    """The panel of a facility, and the facility; `now` is in the programme's zone. Raises `UnknownFacility`."""
    facility = stock.facility(conn, programme.id, code)
    positions = lenses.through(lens, facility, stock.positions(conn, facility.id, month))
    position = panel_facility.choose(positions, vaccine)
    chosen = None if position is None else choice(conn, programme, facility, position, now, month, lens, reach)
    chain = network.supply(conn, facility.id)
    # What stores hold is known as it is now, not as it was.
    countable = month is None and facility.open and bool(positions)
    here = urlencode({"facility": facility.code})
    open_to_me = [s.id for s in chain if reach.has_facility(s.code)]
    held = stock.usable(conn, open_to_me, position.product_id) if position and month is None else {}
    made = panel_facility.render(
        now,
        facility,
        positions,
        chosen,
        chain,
        held,
        programme.level_names,
        month=month,
        notice=programme.notice if programme.simulated else None,
        theme=theme,
        lens=lens,
        count_href=f"/{programme.code}/counts/new?{here}" if countable else None,
        order_href=f"/{programme.code}/orders/new?{here}" if countable else None,
    )
    return made, facility


def panel_then(
    conn: sa.Connection,
    programme: Programme,
    code: str,
    vaccine: str | None,
    now: datetime,
    as_of: AsOf,
    theme: chart.Theme = "light",
) -> tuple[Any, Facility]:
    """The panel of a facility as it was."""
    facility = stock.facility(conn, programme.id, code)
    positions = past.positions(conn, programme, facility, as_of)
    position = panel_facility.choose(positions, vaccine)
    month = programme.day(as_of.moment).replace(day=1)
    made = panel_facility.render(
        now,
        facility,
        positions,
        None if position is None else choice(conn, programme, facility, position, now, month),
        network.supply(conn, facility.id),
        {},
        programme.level_names,
        month=month,
        then=past.sentence(programme, as_of),
        notice=programme.notice if programme.simulated else None,
        theme=theme,
    )
    return made, facility


def choice(
    conn: sa.Connection,
    programme: Programme,
    facility: Facility,
    position: Position,
    now: datetime,
    month: date | None,
    lens: Lens = PLAIN,
    reach: Reach | None = None,
) -> Chosen:
    """All about one product at one facility; `reach`, which only now is needed, is where help may be looked for."""
    months = stock.months(conn, facility.id, position.product_id, month or now.date().replace(day=1))
    if month is not None:
        return Chosen(position, [], [], None, {}, [], months, [])
    lots = stock.lots(conn, facility.id, position.product_id)
    own = lenses.preset_of(programme.preset, facility, position)
    in_force = lenses.band(own, facility, position)
    seen = in_force if lens.preset is None else lenses.band(lens.preset, facility, position)
    facts = _facts(facility, position, seen, lots, months, now)
    product = next(p for p in stock.products(conn, programme.id) if p.product_id == position.product_id)
    reading = forecasts.read(
        conn,
        programme,
        facility.code,
        position.code,
        now.date(),
        likes=words.likes(facility.tier, programme.level_names),
    )
    maximum = None if in_force is None else in_force[1]
    here = urlencode({"facility": facility.code, "product": position.code})
    told = why.explain(conn, programme, facility.id, position.product_id, facts.today, facts)
    return Chosen(
        position=position,
        reasons=told.sentences,
        spare=_spare(conn, facility, position, in_force, reach),
        band=seen,
        formulas=explained.position(
            programme,
            facility,
            position,
            months,
            lens,
            now.date(),
            need=reading.need,
            doses_per_child=product.doses_per_child,
            counted=told.counted,
        ),
        need=reading,
        doubted=doubts.listed(conn, programme.id, facility=facility.code, product=position.code, judged=True),
        quality=f"/{programme.code}/quality?{urlencode({'area': facility.lineage[-1].code, 'judged': 'true'})}",
        lots=lots,
        months=months,
        lines=stock.lines(conn, facility.id, position.product_id, position.total or 0, LINES),
        bin_card=f"/{programme.code}/bin-card?{here}",
        record=f"/{programme.code}/record?{here}" if _records(conn, programme, facility) else "",
        ways=[w for w in shipments.open_for(conn, programme.id, facility.id) if w.product == position.code],
        outlook=outlook.read(conn, programme, facility, position, months, maximum, now.date()),
        model=programme.model,
    )


def _records(conn: sa.Connection, programme: Programme, facility: Facility) -> bool:
    """Whether who looks may record here."""
    at = submission.facilities(conn, programme.id, [facility.code])[facility.code]
    return services.principal().may("record", programme.id, at.id, at.lineage)


def _facts(
    facility: Facility,
    position: Position,
    band: tuple[float, float] | None,
    lots: list[LotHeld],
    months: list[Month],
    now: datetime,
) -> reasons.Facts:
    today, zone = now.date(), now.tzinfo
    ratio, since = _shift(months, today)

    def day(moment: datetime | None) -> date | None:
        return None if moment is None else moment.astimezone(zone).date()

    return reasons.Facts(
        state=position.state,
        product=position.name,
        today=today,
        unit=position.unit,
        usable=position.usable,
        doses_per_vial=position.doses_per_vial,
        out_since=day(position.out_since),
        cover_days=position.cover_p50,
        next_delivery_on=position.next_delivery_on,
        minimum=None if band is None else band[0],
        maximum=None if band is None else band[1],
        expiring=_expiring(lots, position, today),
        amc=position.amc,
        use_ratio=ratio,
        use_since=since,
        last_report_on=day(position.last_event_at),
        report_interval_days=facility.report_interval_days,
    )


def _expiring(lots: list[LotHeld], position: Position, today: date) -> int | None:
    """Doses that will expire before they are used, by the rule of the assessment."""
    usable = sorted(
        (
            lot
            for lot in lots
            if lot.vvm_stage <= rules.LAST_USABLE_STAGE and (lot.expiry is None or lot.expiry >= today)
        ),
        key=lambda lot: lot.expiry or date.max,
    )
    daily = math.nan if position.amc is None else position.amc / policy.DAYS_PER_MONTH
    left = [math.nan if lot.expiry is None else (lot.expiry - today).days + 1 for lot in usable]
    [lost] = expiry.expiring([0] * len(usable), [lot.doses for lot in usable], left, [daily])
    return None if math.isnan(lost) or position.state == State.INACTIVE else round(float(lost))


def _shift(months: list[Month], today: date) -> tuple[float | None, date | None]:
    """Recent use over usual use in the full months, and the first of the recent ones; None where it cannot be told."""
    days = [d for d in chart.slots(today.replace(day=1))[:-1]]
    known = {m.month: m for m in months}
    rows = [known.get(d) for d in days]
    used = np.array([[math.nan if m is None or m.used is None else m.used for m in rows]])
    out = np.array([[0 if m is None or m.days_out is None else m.days_out for m in rows]])
    lengths = np.array([(_next(d) - d).days for d in days])
    ratio = float(demand.shift(used, out, ~np.isnan(used), lengths)[0])
    return (None, None) if math.isnan(ratio) else (ratio, days[-3])


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _spare(
    conn: sa.Connection, facility: Facility, position: Position, band: tuple[float, float] | None, reach: Reach | None
) -> list[Neighbour]:
    """Who nearby can help a place at risk, and still keep what would be its own maximum here."""
    if position.state not in AT_RISK or band is None or not position.amc or reach is None:
        return []
    worth_the_way = max(position.doses_per_vial, math.ceil(position.amc / WEEKS_A_MONTH))
    return network.spare(
        conn, facility.id, position.product_id, keep_months=band[1] / position.amc, least=worth_the_way,
        seen=reach.facility_ids,
    )  # fmt: skip

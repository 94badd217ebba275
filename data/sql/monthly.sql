-- reports --
-- The full months since one of them, of the facilities from one id to another, in no order; by days since `since`.
-- -2147483648 stands for null.
select string_agg(int4send(m.facility_id), '') as facility_id,
       string_agg(int4send(m.product_id), '') as product_id,
       string_agg(int4send(m.month - CAST(:since AS date)), '') as first_day,
       string_agg(int4send(coalesce(m.opening, -2147483648)), '') as opening,
       string_agg(int4send(coalesce(m.received, -2147483648)), '') as received,
       string_agg(int4send(coalesce(m.used, -2147483648)), '') as used,
       string_agg(int4send(coalesce(m.lost, -2147483648)), '') as lost,
       string_agg(int4send(coalesce(m.adjusted, -2147483648)), '') as adjusted,
       string_agg(int4send(coalesce(m.closing, -2147483648)), '') as closing,
       string_agg(int4send(coalesce(m.days_out, -2147483648)), '') as days_out
from stock_month m
join facility f on f.id = m.facility_id
where f.programme_id = :programme_id and m.facility_id between :first and :last
  and m.month >= :since and m.month < :until

-- sessions --
-- What the sessions of these facilities reported of these months, likewise.
select string_agg(int4send(m.facility_id), '') as facility_id,
       string_agg(int4send(m.product_id), '') as product_id,
       string_agg(int4send(m.month - CAST(:since AS date)), '') as first_day,
       string_agg(int4send(coalesce(m.administered, -2147483648)), '') as administered
from session_month m
join facility f on f.id = m.facility_id
where f.programme_id = :programme_id and m.facility_id between :first and :last
  and m.month >= :since and m.month < :until

-- earliest --
-- The first month on record of a programme.
select min(m.month)
from facility f
join lateral (select min(month) as month from stock_month where facility_id = f.id) m on true
where f.programme_id = :programme_id

-- ended --
-- The months on record of a programme that were over when another began, oldest first, by the roll-ups of its nation.
select m.month
from area a
join area_month m on m.area_id = a.id and m.product_seat = 0 and m.month < :running
where a.programme_id = :programme_id and a.level = 0
order by m.month

-- heads --
-- The months of a programme: the last that is marked, and the first that something happened in.
select (select max(month) from position_month where programme_id = :programme_id) as marked,
       (select min(occurred_at) from stock_event where programme_id = :programme_id) as first_at

-- newest --
-- By which rows the marks of some months were made last, the newest month first.
select month, max(last_id) as last_id
from position_month
where programme_id = :programme_id and month < :before
group by month
order by month desc
limit :most

-- one_at_a_time --
-- Marks of a programme are made by one at a time.
select pg_advisory_xact_lock(hashtext('position_month'), :programme_id)

-- much_came_late --
-- Whether more rows than so many that happened before a moment have come after an id.
select count(*) > :many
from (
    select from stock_event
    where programme_id = :programme_id and occurred_at < :starts and id > :last_id
    limit :many + 1
) e

-- facilities --
-- The facilities of a programme that hold anything, in order.
select string_agg(int4send(id), '' order by id) as id
from facility f
where programme_id = :programme_id and exists (select from position p where p.facility_id = f.id)

-- heard --
-- When these facilities last had an event and a receipt in each local month (by number), in days since 1970, of what
-- happened from one moment to another, and of what came after an id and happened earlier. `recorded` is the last of
-- their recording, in milliseconds since 1970.
select string_agg(int4send(facility_id), '') as facility_id, string_agg(int4send(product_id), '') as product_id,
       string_agg(int4send(CAST(extract(year from month) * 12 + extract(month from month) - 1 AS int)), '') as month,
       string_agg(int4send(CAST(event_at AS date) - CAST('1970-01-01' AS date)), '') as event_day,
       string_agg(int4send(coalesce(CAST(received_at AS date) - CAST('1970-01-01' AS date), -2147483648)), '')
           as received_day,
       string_agg(int8send(CAST(ceil(date_part('epoch', recorded_at) * 1000) AS bigint)), '') as recorded
from (
    select facility_id, product_id, date_trunc('month', at) as month, max(at) as event_at,
           max(at) filter (where kind in ('receipt', 'transfer_in')) as received_at, max(recorded_at) as recorded_at
    from (
        select facility_id, product_id, occurred_at at time zone :timezone as at, kind, recorded_at
        from stock_event
        where programme_id = :programme_id and facility_id between :first and :last
          and occurred_at >= CAST(:starts AS timestamptz) and occurred_at < :ends
        union all
        select facility_id, product_id, occurred_at at time zone :timezone, kind, recorded_at
        from stock_event
        where programme_id = :programme_id and facility_id between :first and :last
          and occurred_at < CAST(:starts AS timestamptz) and id > :last_id
    ) e
    group by facility_id, product_id, date_trunc('month', at)
) m

-- blocks --
-- What a mark says of the facilities from one block to another.
select facility_id, product_id, amc, event_day, received_day, recorded_until
from position_month
where programme_id = :programme_id and month = :month and last_id = :last_id and block between :first and :last
order by block

-- held --
-- The newest mark of a month that holds nothing recorded after a moment.
select last_id
from position_month
where programme_id = :programme_id and month = :month
group by last_id
having coalesce(max(recorded_until), '-infinity') <= CAST(:known AS timestamptz)
order by last_id desc
limit 1

-- late --
-- The positions in which something happened before a moment that came after an id.
select string_agg(int4send(facility_id), '') as facility_id, string_agg(int4send(product_id), '') as product_id
from (
    select distinct facility_id, product_id
    from stock_event
    where programme_id = :programme_id and occurred_at < :starts and id > :last_id
) e

-- keep --
-- Keep a block of a mark.
insert into position_month (programme_id, month, block, last_id, recorded_until, facility_id, product_id, amc,
                            event_day, received_day)
values (:programme_id, :month, :block, :last_id, :recorded_until, :facility_id, :product_id, :amc, :event_day,
        :received_day)
on conflict (programme_id, month, block, last_id) do nothing

-- drop_between --
-- Of the marks of a month the first and the last stay.
delete from position_month p
where programme_id = :programme_id and month = :month and last_id < :last_id
  and last_id > (select min(last_id) from position_month where programme_id = :programme_id and month = :month)

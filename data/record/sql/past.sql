-- plan_anew --
-- To the end of the transaction statements are planned for what is asked: one facility is not read as a nation is.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- mark --
-- The newest mark at or before the beginning of a month that holds no row which was recorded after a moment: by then it
-- stands, and by these rows.
select month, max(last_id) as last_id
from lot_month
where programme_id = :programme_id and month <= :month
group by month
having coalesce(max(recorded_until), '-infinity') <= CAST(:known AS timestamptz)
order by month desc
limit 1

-- blocks --
-- What a mark says of these blocks of facilities.
select facility_id, product_id, lot_id, doses
from lot_month
where programme_id = :programme_id and month = :month and block = any(CAST(:blocks AS int[]))
order by block

-- every_block --
-- All that a mark says.
select facility_id, product_id, lot_id, doses
from lot_month
where programme_id = :programme_id and month = :month
order by block

-- since --
-- What moved from a mark to a moment, lot by lot (0: no lot known): rows of those days, and late ones that the mark lacks;
-- with the moment, in microseconds since 2000. Two numbers go as one of eight bytes (the lowest bit of the first says a
-- receipt): a nation's rows take as long as their columns are many. They are summed by who reads them: most lots moved
-- once, and grouping them here would cost twice as much; local days cost as much as all the rest.
select string_agg(int8send((CAST(facility_id AS bigint) << 32) + (CAST(product_id AS bigint) << 1)
                           + CAST(kind in ('receipt', 'transfer_in') AS int)), '') as position,
       string_agg(int8send((CAST(coalesce(lot_id, 0) AS bigint) << 32) + doses), '') as lot,
       string_agg(timestamptz_send(occurred_at), '') as at
from (
    select facility_id, product_id, lot_id, doses, occurred_at, kind
    from stock_event
    where programme_id = :programme_id and occurred_at >= CAST(:starts AS timestamptz) and occurred_at <= :moment
      and recorded_at <= CAST(:known AS timestamptz)
      and (CAST(:product_ids AS int[]) is null or product_id = any(CAST(:product_ids AS int[])))
    union all
    select facility_id, product_id, lot_id, doses, occurred_at, kind
    from stock_event
    where programme_id = :programme_id and occurred_at < CAST(:starts AS timestamptz) and id > :last_id
      and recorded_at <= CAST(:known AS timestamptz)
      and (CAST(:product_ids AS int[]) is null or product_id = any(CAST(:product_ids AS int[])))
) e

-- since_at --
-- The same of some facilities, by the index of their positions.
select string_agg(int4send(facility_id), '') as facility_id, string_agg(int4send(product_id), '') as product_id,
       string_agg(int4send(lot_id), '') as lot_id, string_agg(int4send(doses), '') as doses
from (
    select facility_id, product_id, lot_id, CAST(sum(doses) AS int) as doses
    from (
        select facility_id, product_id, coalesce(lot_id, 0) as lot_id, doses
        from stock_event
        where facility_id = any(CAST(:facility_ids AS int[])) and occurred_at >= CAST(:starts AS timestamptz)
          and occurred_at <= :moment and recorded_at <= CAST(:known AS timestamptz)
        union all
        select facility_id, product_id, coalesce(lot_id, 0), doses
        from stock_event
        where facility_id = any(CAST(:facility_ids AS int[])) and occurred_at < CAST(:starts AS timestamptz)
          and id > :last_id and recorded_at <= CAST(:known AS timestamptz)
    ) e
    group by facility_id, product_id, lot_id
) l
where doses <> 0

-- lot_states --
-- Stage and quarantine (0 or 1) of the lots of which ever anything was said up to a moment.
select string_agg(int4send(facility_id), '') as facility_id, string_agg(int4send(product_id), '') as product_id,
       string_agg(int4send(lot_id), '') as lot_id, string_agg(int4send(stage), '') as stage,
       string_agg(int4send(quarantined), '') as quarantined
from (
    select e.facility_id, e.product_id, e.lot_id,
           CAST(coalesce((array_agg(e.stage order by e.occurred_at desc, e.source desc, e.source_id desc)
                          filter (where e.kind = 'vvm'))[1], 1) AS int) as stage,
           CAST(coalesce((array_agg(e.kind = 'quarantine' order by e.occurred_at desc, e.source desc, e.source_id desc)
                          filter (where e.kind <> 'vvm'))[1], false) AS int) as quarantined
    from stock_event e
    where e.programme_id = :programme_id and e.kind in ('vvm', 'quarantine', 'release') and e.entry = 'event'
      and e.occurred_at <= :moment and e.recorded_at <= CAST(:known AS timestamptz)
      and (CAST(:facility_ids AS int[]) is null or e.facility_id = any(CAST(:facility_ids AS int[])))
      and not exists (
          select from stock_event r
          where r.facility_id = e.facility_id and r.product_id = e.product_id and r.occurred_at = e.occurred_at
            and r.reverses_id = e.id and r.recorded_at <= CAST(:known AS timestamptz)
      )
    group by e.facility_id, e.product_id, e.lot_id
) s

-- lots --
-- Expiry of every lot of a programme, in days since 1970.
select string_agg(int4send(l.id), '') as id, string_agg(int4send(l.expiry - CAST('1970-01-01' AS date)), '') as expiry
from lot l
join product p on p.id = l.product_id
where p.programme_id = :programme_id

-- numbers --
-- Lots by their ids.
select id, number, expiry from lot where id = any(CAST(:ids AS int[]))

-- anything --
-- Whether anything that happened up to a moment was on record at another.
select exists (
    select from stock_event
    where programme_id = :programme_id and occurred_at <= :moment and recorded_at <= CAST(:known AS timestamptz)
)

-- heads --
-- The months of a programme's record: those that are marked, and the first and last that something happened in.
select (select max(month) from lot_month where programme_id = :programme_id) as marked,
       (select min(occurred_at) from stock_event where programme_id = :programme_id) as first_at

-- last_id --
-- The last id that anybody was given.
select last_value from stock_event_id_seq

-- following --
-- A number above that of every transaction that writes by now. A snapshot's own upper end is none: it is the last one
-- that has ended, and who began after that is above it.
select CAST(CAST(pg_current_xact_id() AS text) AS bigint)

-- one_at_a_time --
-- Marks of a programme are made by one at a time: all blocks of one are by the rows up to the same id.
select pg_advisory_xact_lock(hashtext('lot_month'), :programme_id)

-- oldest_running --
-- The oldest transaction that has not ended.
select CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)

-- recorded_until --
-- When the last of the rows up to an id was recorded that happened before a moment.
select max(recorded_at)
from stock_event
where programme_id = :programme_id and occurred_at < :starts and id <= :last_id

-- to_mark --
-- What moved from one mark to the next by the rows up to an id, and what the one before lacks of these.
select string_agg(int4send(facility_id), '') as facility_id, string_agg(int4send(product_id), '') as product_id,
       string_agg(int4send(lot_id), '') as lot_id, string_agg(int4send(doses), '') as doses
from (
    select facility_id, product_id, lot_id, CAST(sum(doses) AS int) as doses
    from (
        select facility_id, product_id, coalesce(lot_id, 0) as lot_id, doses
        from stock_event
        where programme_id = :programme_id and occurred_at >= CAST(:starts AS timestamptz) and occurred_at < :ends
          and id <= :upto
        union all
        select facility_id, product_id, coalesce(lot_id, 0), doses
        from stock_event
        where programme_id = :programme_id and occurred_at < CAST(:starts AS timestamptz) and id > :last_id
          and id <= :upto
    ) e
    group by facility_id, product_id, lot_id
) l
where doses <> 0

-- add_mark --
-- Keep a block of a mark.
insert into lot_month (programme_id, month, block, last_id, recorded_until, facility_id, product_id, lot_id, doses)
values (:programme_id, :month, :block, :last_id, :recorded_until, :facility_id, :product_id, :lot_id, :doses)

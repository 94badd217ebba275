-- add_reader --
-- A reader that starts at the beginning.
insert into reader (name) values (:name) on conflict do nothing

-- restored --
-- Whether cursors or rows come from a server that had counted further: this database was restored into another one.
select exists (
    select from (select txid from reader union all select max(txid) from outbox) t
    where t.txid >= CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)
)

-- forget_passed --
-- What every reader has passed, before all count from the beginning again.
delete from outbox o
where not exists (select from reader r where (r.txid, r.seq) < (o.txid, o.seq))

-- recount_rows --
-- What no reader has passed comes first, in its old order.
update outbox set txid = 0

-- recount_readers --
-- And readers begin before it.
update reader set txid = 0, seq = 0, taken = 0, taken_sum = 0

-- next --
-- What was committed after the reader's cursor, below the oldest transaction that is still running, and the cursor moved
-- past it. The reader's row is held until commit; who had to wait for it goes on where it stands then.
with cursor as materialized (
    select txid, seq from reader where name = :name for update
),
next as materialized (
    select o.seq, o.txid, o.programme_id, o.facility_id, o.product_id, o.payload
    from cursor c
    cross join lateral (
        select * from outbox o
        where (o.txid, o.seq) > (c.txid, c.seq)
          and o.txid < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)
        order by o.txid, o.seq
        limit :most
    ) o
),
moved as (
    update reader r set txid = n.txid, seq = n.seq, taken = r.taken + n.taken, taken_sum = r.taken_sum + n.taken_sum
    from (
        select txid, seq, count(*) over () as taken, sum(seq) over () as taken_sum
        from next order by txid desc, seq desc limit 1
    ) n
    where r.name = :name
)
select seq, programme_id, facility_id, product_id, payload from next order by txid, seq

-- sweep --
-- Delete what every reader has passed, and count it no more among what they have taken; answers how many.
with gone as (
    delete from outbox o
    where o.created_at < now() - make_interval(days => CAST(:days AS int))
      and not exists (select from reader r where (r.txid, r.seq) < (o.txid, o.seq))
    returning o.seq
),
forgotten as (
    update reader r set taken = r.taken - g.taken, taken_sum = r.taken_sum - g.taken_sum
    from (select count(*) as taken, sum(seq) as taken_sum from gone) g
    where g.taken > 0
)
select count(*) from gone

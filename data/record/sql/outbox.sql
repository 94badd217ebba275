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
update reader set txid = 0, seq = 0

-- lock_reader --
-- The reader's cursor, held until commit.
select txid, seq from reader where name = :name for update

-- next --
-- What was committed after the cursor, below the oldest transaction that is still running.
select seq, txid, programme_id, facility_id, product_id, payload
from outbox
where (txid, seq) > (CAST(:txid AS bigint), CAST(:seq AS bigint))
  and txid < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)
order by txid, seq
limit :most

-- move --
-- The reader has read up to here.
update reader set txid = :txid, seq = :seq where name = :name

-- sweep --
-- Delete what every reader has passed.
delete from outbox o
where o.created_at < now() - make_interval(days => CAST(:days AS int))
  and not exists (select from reader r where (r.txid, r.seq) < (o.txid, o.seq))

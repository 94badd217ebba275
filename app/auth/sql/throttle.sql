-- held --
-- What was counted of these keys within the hour, and how long ago, held until this transaction ends.
select key, failures, extract(epoch from now() - last_at) as age
from sign_in_attempt
where key = any(CAST(:keys AS bytea[])) and last_at > now() - interval '1 hour'
order by key
for update

-- count --
-- One more attempt of each; after an hour's rest the count begins anew.
insert into sign_in_attempt (key, failures, last_at)
select key, 1, now() from unnest(CAST(:keys AS bytea[])) key order by key
on conflict (key) do update set last_at = now(),
    failures = case when sign_in_attempt.last_at > now() - interval '1 hour' then sign_in_attempt.failures + 1 else 1 end

-- take_back --
-- One attempt less of each; of what is cleared, none is left.
update sign_in_attempt set failures = case when key = any(CAST(:cleared AS bytea[])) then 0 else greatest(failures - 1, 0) end
where key = any(CAST(:keys AS bytea[]))

-- sweep --
-- Forget what rests for more than an hour.
delete from sign_in_attempt where last_at < now() - interval '1 hour'

-- write --
-- The same entry in the log of each of these programmes, in their order, so that no two writers wait for each other.
insert into audit_log (programme_id, actor_id, actor, action, object, details, address)
select p, CAST(:actor_id AS integer), :actor, :action, :object, CAST(:details AS jsonb), :address
from (select distinct unnest(CAST(:programmes AS integer[])) as p order by 1) of_each

-- programmes_of --
-- The programmes that a person has to do with.
select distinct programme_id from user_grant where user_id = :user_id order by 1

-- entries --
-- Entries of a programme's log, the newest first, before a number; by person, action and day where these are given.
select number, at, actor_id, actor, action, object, details, address, digest
from audit_log
where programme_id = :programme_id
  and (CAST(:before AS bigint) is null or number < :before)
  and (CAST(:actor AS text) is null or strpos(lower(actor), lower(:actor)) > 0)
  and (CAST(:action AS text) is null or action = :action)
  and (CAST(:since AS timestamptz) is null or at >= :since)
  and (CAST(:until AS timestamptz) is null or at < :until)
order by number desc
limit :most

-- keep --
-- A new file; one that is there already answers nothing.
insert into attachment (programme_id, facility_id, name, media_type, content, sha256, actor_id)
values (:programme_id, :facility_id, :name, :media_type, :content, :sha256, :actor_id)
on conflict (facility_id, sha256) do nothing
returning id

-- known --
-- The same file at the same place.
select id from attachment where facility_id = :facility_id and sha256 = :sha256

-- read --
-- A file as it came.
select a.id, a.name, a.media_type, a.content, a.sha256, a.created_at
from attachment a
where a.facility_id = :facility_id and a.id = CAST(:id AS bigint)

-- places --
-- Where these files are kept.
select id, facility_id from attachment where programme_id = :programme_id and id = any(CAST(:ids AS bigint[]))

-- standing --
-- What the people behind these sessions have been granted, as a text that is another one when anything of it changes.
select s.token_hash,
       coalesce(string_agg(concat_ws('/', g.programme_id, g.role, coalesce(g.area_id, 0), coalesce(g.facility_id, 0)),
                           ',' order by g.id), '') as granted
from session s
left join user_grant g on g.user_id = s.user_id
where s.token_hash = any(CAST(:token_hashes AS bytea[]))
group by s.token_hash

-- find --
-- The user and grants behind a session that has not expired; one row a grant.
select u.id as user_id, u.name, u.email, u.demo, g.programme_id, p.code as programme, g.role, g.area_id, g.facility_id
from session s
join app_user u on u.id = s.user_id
left join user_grant g on g.user_id = u.id
left join programme p on p.id = g.programme_id
where s.token_hash = :token_hash and s.expires_at > now()
order by g.id

-- alive --
-- Which of these sessions have not ended, and the programmes that each may see now.
select s.token_hash, coalesce(array_agg(distinct p.code) filter (where p.code is not null), '{}') as programmes
from session s
left join user_grant g on g.user_id = s.user_id
left join programme p on p.id = g.programme_id
where s.token_hash = any(CAST(:token_hashes AS bytea[])) and s.expires_at > now()
group by s.token_hash

-- open --
-- A new session or token.
insert into session (token_hash, user_id, kind, label, expires_at)
values (:token_hash, :user_id, :kind, :label, now() + make_interval(secs => CAST(:seconds AS double precision)))
on conflict (token_hash) do update set expires_at = excluded.expires_at

-- close --
-- End a session.
delete from session where token_hash = :token_hash

-- sweep --
-- Forget the sessions that have expired.
delete from session where expires_at < now()

-- user_by_email --
-- The user who signs in.
select id, name, password_hash, demo from app_user where email = lower(:email)

-- rehash --
-- Store a hash made with today's parameters.
update app_user set password_hash = :password_hash where id = :id

-- find --
-- The user behind a session that has not ended, and what it may see; one row a grant. An administrator in a browser who
-- has not given a second factor has no grants yet (the view session_grant).
select u.id as user_id, u.name, u.email, u.demo, s.id as session_id, s.kind, s.rights,
       s.seen_at is null or s.seen_at < now() - interval '1 minute' as unseen,
       s.kind = 'browser' and not s.strong and not u.demo and exists (
           select from user_grant a where a.user_id = u.id and a.role = 'administrator') as unproved,
       g.programme_id, g.programme, g.role, g.area_id, g.facility_id
from session s
join app_user u on u.id = s.user_id and u.stopped_at is null
left join session_grant g on g.token_hash = s.token_hash
where s.token_hash = :token_hash and s.expires_at > now()
order by g.id

-- touch --
-- A session was used, from there; told at most once a minute.
update session set seen_at = now(), address = case when :address = '' then address else :address end
where token_hash = :token_hash and (seen_at is null or seen_at < now() - interval '1 minute')

-- alive --
-- Which of these sessions have not ended, and the programmes that each may see now.
select s.token_hash, coalesce(array_agg(distinct g.programme) filter (where g.programme is not null), '{}') as programmes
from session s
join app_user u on u.id = s.user_id and u.stopped_at is null
left join session_grant g on g.token_hash = s.token_hash
where s.token_hash = any(CAST(:token_hashes AS bytea[])) and s.expires_at > now()
group by s.token_hash

-- open --
-- A new session or token.
insert into session (token_hash, user_id, kind, label, expires_at, strong, address, rights, programme_id, area_id,
                     family_id, seen_at)
values (:token_hash, :user_id, :kind, :label, now() + make_interval(secs => CAST(:seconds AS double precision)),
        :strong, :address, CAST(:rights AS text[]), :programme_id, :area_id, :family_id,
        case when :kind = 'browser' then now() end)
on conflict (token_hash) do update set expires_at = excluded.expires_at

-- close --
-- End a session.
delete from session where token_hash = :token_hash

-- sweep --
-- Forget the sessions that have expired.
delete from session where expires_at < now()

-- user_by_email --
-- The user who signs in.
select id, name, password_hash, demo from app_user where email = :email and stopped_at is null

-- rehash --
-- Store a hash made with today's parameters.
update app_user set password_hash = :password_hash where id = :id

-- email --
-- What the log calls somebody.
select email from app_user where id = :user_id

-- provided --
-- This session came by way of the ministry's provider, which is asked again when it is due.
update session set provider_token = :provider_token,
       provider_due = now() + make_interval(secs => CAST(:provider_seconds AS double precision))
where token_hash = :token_hash

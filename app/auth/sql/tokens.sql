-- sessions_of --
-- The sessions and tokens of somebody, the one used last first.
select s.id, s.kind, s.label, s.created_at, s.expires_at, s.address, s.seen_at, s.strong, s.rights,
       p.name as programme, a.name as area, c.label as client, s.token_hash
from session s
left join programme p on p.id = s.programme_id
left join area a on a.id = s.area_id
left join token_family f on f.id = s.family_id
left join client c on c.id = f.client_id
where s.user_id = :user_id and s.expires_at > now()
order by coalesce(s.seen_at, s.created_at) desc, s.id desc

-- end_one --
-- End one session or token of somebody.
delete from session where id = :id and user_id = :user_id returning kind, label

-- end_browsers --
-- End every session in a browser of somebody.
delete from session where user_id = :user_id and kind = 'browser'

-- end_everything --
-- End every session and token of somebody, and what connected systems could fetch new ones with.
with families as (
    delete from token_family f using client c where c.id = f.client_id and c.user_id = :user_id
)
delete from session where user_id = :user_id

-- rotate --
-- Another token with the same scope for as long again, beside the old one, which goes on for a while.
with old as (
    update session set expires_at = least(expires_at, now() + make_interval(hours => :overlap))
    where id = :id and user_id = :user_id and kind = 'token' and expires_at > now()
    returning user_id, label, rights, programme_id, area_id, created_at
), life as (
    select s.id, s.expires_at - s.created_at as length from session s where s.id = :id
)
insert into session (token_hash, user_id, kind, label, rights, programme_id, area_id, expires_at)
select :token_hash, o.user_id, 'token', o.label, o.rights, o.programme_id, o.area_id, now() + l.length
from old o cross join life l
returning label

-- client --
-- A connected system by its name, with what its tokens may do.
select c.id, c.name, c.secret_hash, c.user_id, c.label, c.rights, c.programme_id, c.area_id, u.email
from client c
join app_user u on u.id = c.user_id and u.stopped_at is null and (not u.demo or :demo)
where c.name = :name

-- add_client --
-- A connected system.
insert into client (name, secret_hash, user_id, label, rights, programme_id, area_id)
values (:name, :secret_hash, :user_id, :label, CAST(:rights AS text[]), :programme_id, :area_id)

-- clients_of --
-- The connected systems that act for somebody, and when one last asked for anything.
select c.id, c.name, c.label, c.rights, c.created_at, p.name as programme, a.name as area,
       (select max(coalesce(s.seen_at, s.created_at)) from session s join token_family f on f.id = s.family_id
        where f.client_id = c.id) as seen_at
from client c
left join programme p on p.id = c.programme_id
left join area a on a.id = c.area_id
where c.user_id = :user_id
order by c.id

-- end_client --
-- A connected system, its tokens, and what it could fetch new ones with.
delete from client where name = :name and user_id = :user_id

-- add_family --
-- The beginning of a line of tokens.
insert into token_family (client_id) values (:client_id) returning id

-- add_refresh --
-- A refresh token.
insert into refresh_token (token_hash, family_id, expires_at)
values (:token_hash, :family_id, now() + make_interval(secs => CAST(:seconds AS double precision)))

-- use_refresh --
-- A refresh token is good once, for the system that it was given to.
update refresh_token r set used_at = now()
from token_family f
where r.token_hash = :token_hash and r.used_at is null and r.expires_at > now()
  and f.id = r.family_id and f.client_id = :client_id
returning r.family_id

-- stolen --
-- One that was used already ends its family, with every token of it.
delete from token_family f using refresh_token r
where r.token_hash = :token_hash and r.used_at is not null and f.id = r.family_id and f.client_id = :client_id
returning f.id

-- sweep --
-- Forget families whose tokens are all too old.
delete from token_family f
where not exists (select from refresh_token r where r.family_id = f.id and r.expires_at > now())
  and not exists (select from session s where s.family_id = f.id and s.expires_at > now())

-- known --
-- Who this is to us, where the provider has told us before.
select u.id, u.email from identity i join app_user u on u.id = i.user_id and u.stopped_at is null and not u.demo
where i.issuer = :issuer and i.subject = :subject

-- by_email --
-- Who has the e-mail that the provider has verified, and is not somebody else to it already.
select u.id, u.email from app_user u
where u.email = :email and u.stopped_at is null and not u.demo
  and not exists (select from identity i where i.user_id = u.id and i.issuer = :issuer)

-- link --
-- From now on they are known by what the provider calls them, whatever their e-mail.
insert into identity (issuer, subject, user_id) values (:issuer, :subject, :user_id)
on conflict (issuer, subject) do nothing

-- forget_groups --
-- Roles that a group had given, and gives no longer.
delete from user_grant g
where g.user_id = :user_id and g.source = 'group' and not exists (
    select from unnest(CAST(:programmes AS integer[]), CAST(:roles AS text[]), CAST(:areas AS integer[])) k (p, r, a)
    where k.p = g.programme_id and k.r = g.role and k.a is not distinct from g.area_id)
returning g.programme_id, g.role, g.area_id

-- give_groups --
-- Roles that a group gives; one that somebody here has given stays theirs.
insert into user_grant (user_id, programme_id, role, area_id, source)
select :user_id, k.p, k.r, k.a, 'group'
from unnest(CAST(:programmes AS integer[]), CAST(:roles AS text[]), CAST(:areas AS integer[])) k (p, r, a)
on conflict on constraint uq_user_grant_once do nothing
returning programme_id, role, area_id

-- area --
-- An area of a programme by their codes; the area is null where none is named.
select programme_id, area_id from place_of_group(:programme, :area)

-- due --
-- A session whose person the provider is to be asked about again, held until this transaction ends.
select token_hash, user_id, provider_token from session
where provider_due <= now() and expires_at > now()
order by provider_due
limit 1
for update skip locked

-- renewed --
-- The provider still knows them: it is asked again later, with the token that it gave.
update session set provider_token = :provider_token,
       provider_due = now() + make_interval(secs => CAST(:provider_seconds AS double precision))
where token_hash = :token_hash

-- refused --
-- The provider knows them no longer, or the token was used by somebody else: the session ends.
delete from session where token_hash = :token_hash

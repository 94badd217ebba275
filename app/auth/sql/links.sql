-- make --
-- A link with which somebody chooses a new password, once.
insert into reset_link (token_hash, user_id, expires_at)
values (:token_hash, :user_id, now() + make_interval(hours => :hours))

-- owner --
-- Whose link this is, while it is good.
select u.id, u.name, u.email
from reset_link r
join app_user u on u.id = r.user_id and u.stopped_at is null and not u.demo
where r.token_hash = :token_hash and r.expires_at > now()

-- spend --
-- A link is good once; of two who use it at the same moment one comes too late.
delete from reset_link where token_hash = :token_hash and expires_at > now() returning user_id

-- change --
-- A new password.
update app_user set password_hash = :password_hash where id = :user_id and not demo

-- end_links --
-- Links that were made before are good no longer.
delete from reset_link where user_id = :user_id

-- end_sessions --
-- A new password ends every session in a browser that was opened with the old one, but for the one that it came from.
delete from session where user_id = :user_id and kind = 'browser' and token_hash is distinct from :keep

-- who --
-- Somebody who may have a new password.
select id, name, email from app_user where email = :email and stopped_at is null and not demo

-- sweep --
-- Forget the links that nobody used in time.
delete from reset_link where expires_at < now()

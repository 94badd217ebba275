-- add --
-- A user, or a new name and password for one.
insert into app_user (email, name, phone, password_hash) values (:email, :name, :phone, :password_hash)
on conflict (email) do update
set name = excluded.name, phone = coalesce(excluded.phone, app_user.phone), password_hash = excluded.password_hash
returning id, xmax = 0 as fresh

-- end_sessions --
-- A new password ends what was signed in with the old one.
delete from session where user_id = :user_id and kind = 'browser'

-- end_all --
-- End every session and token of somebody.
delete from session where user_id = :user_id

-- revoke --
-- End every token of somebody.
with fetched as (
    delete from token_family f using client c where c.id = f.client_id and c.user_id = :user_id
)
delete from session where user_id = :user_id and kind <> 'browser'

-- end_grants --
-- Somebody may do nothing any more.
delete from user_grant where user_id = :user_id

-- remove --
-- Forget somebody; what they recorded keeps their number.
delete from app_user where id = :user_id

-- user --
-- The id behind an e-mail.
select id from app_user where email = :email and not demo

-- area --
-- The id of an area.
select id from area where programme_id = :programme_id and code = :code

-- facility --
-- The id of a facility.
select id from facility where programme_id = :programme_id and code = :code

-- grant --
-- A role somewhere; the same again changes nothing, and still counts as one row.
insert into user_grant (user_id, programme_id, role, area_id, facility_id)
select id, :programme_id, :role, :area_id, :facility_id from app_user where email = :email
on conflict on constraint uq_user_grant_once do update set role = excluded.role

-- stop --
-- The kill switch of a person.
update app_user set stopped_at = coalesce(stopped_at, now()) where id = :user_id

-- start --
-- Somebody may sign in again.
update app_user set stopped_at = null where id = :user_id

-- stop_programme --
-- The kill switch of a programme.
update programme set stopped_at = coalesce(stopped_at, now()) where id = :programme_id

-- start_programme --
-- A programme is seen again.
update programme set stopped_at = null where id = :programme_id

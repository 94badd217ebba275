-- grants --
-- Every role in a programme, with who has it and where; those of one person where one is named.
select g.id, g.user_id, u.name, u.phone, u.email, u.stopped_at, u.demo, u.totp_secret is not null as second,
       u.password_hash is not null as password, g.role, g.source, g.area_id, g.facility_id,
       coalesce(f.name, a.name) as place, coalesce(f.code, a.code) as place_code, coalesce(at.lineage, '{}') as lineage,
       (select max(s.seen_at) from session s where s.user_id = u.id) as seen_at
from user_grant g
join app_user u on u.id = g.user_id
left join facility f on f.id = g.facility_id
left join area a on a.id = g.area_id
left join area at on at.id = coalesce(f.area_id, g.area_id)
where g.programme_id = :programme_id and (CAST(:user_id AS integer) is null or g.user_id = :user_id)
order by u.id, g.id

-- grants_of --
-- Every role of somebody, in whatever programme.
select g.programme_id, p.name as programme, g.role, g.facility_id, coalesce(f.name, a.name) as place,
       coalesce(at.lineage, '{}') as lineage
from user_grant g
join programme p on p.id = g.programme_id
left join facility f on f.id = g.facility_id
left join area a on a.id = g.area_id
left join area at on at.id = coalesce(f.area_id, g.area_id)
where g.user_id = :user_id
order by p.name, g.id

-- area --
-- An area by its code.
select id, name, lineage, CAST(null AS integer) as facility_id from area
where programme_id = :programme_id and code = :code

-- facility --
-- A facility by its code.
select f.area_id as id, f.name, a.lineage, f.id as facility_id
from facility f
join area a on a.id = f.area_id
where f.programme_id = :programme_id and f.code = :code

-- by_email --
-- Somebody by their e-mail.
select id, demo from app_user where email = :email

-- invite --
-- Somebody who has yet to choose a password.
insert into app_user (email, name, phone) values (:email, :name, :phone) returning id

-- give --
-- A role somewhere; the same again changes nothing.
insert into user_grant (user_id, programme_id, role, area_id, facility_id)
values (:user_id, :programme_id, :role, :area_id, :facility_id)
on conflict on constraint uq_user_grant_once do nothing

-- take --
-- A role that is taken back.
delete from user_grant where id = :id

-- stop --
-- The kill switch of a person.
update app_user set stopped_at = now() where id = :user_id and stopped_at is null

-- start --
-- Somebody may sign in again.
update app_user set stopped_at = null where id = :user_id and stopped_at is not null

-- stop_programme --
-- The kill switch of a programme.
update programme set stopped_at = now() where id = :programme_id and stopped_at is null

-- start_programme --
-- A programme is seen again; an administrator of all of it may do that, or whoever types commands on the server.
update programme p set stopped_at = null
where p.code = :code and p.stopped_at is not null
  and (CAST(:user_id AS integer) is null or exists (
      select from user_grant g where g.user_id = :user_id and g.programme_id = p.id and g.role = 'administrator'
          and g.area_id is null and g.facility_id is null))
returning p.id

-- stopped --
-- The stopped programmes that somebody administers all of.
select p.code, p.name, p.stopped_at
from programme p
join user_grant g on g.programme_id = p.id and g.role = 'administrator' and g.area_id is null and g.facility_id is null
where g.user_id = :user_id and p.stopped_at is not null
order by p.name

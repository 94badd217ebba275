-- known --
-- A demo user's id.
select id from app_user where email = :email and demo

-- add --
-- A demo user.
insert into app_user (email, name, password_hash, demo) values (:email, :name, :password_hash, true)

-- grant --
-- Each demo user gets its role in every programme: an area's officer the first-level area with most children, a
-- facility's manager the serving facility with most children in it, everybody else the whole programme.
with home as (
    select p.id as programme_id, a.id as area_id,
           (select f.id from facility f where f.partition_id = a.id and f.open
            order by (f.tier = 'facility') desc, f.catchment desc nulls last, f.id limit 1) as facility_id
    from programme p
    join lateral (
        select id from area where programme_id = p.id and level = 1
        order by target_children desc nulls last, seat limit 1
    ) a on true
)
insert into user_grant (user_id, programme_id, role, area_id, facility_id)
select u.id, h.programme_id, r.role,
       case when r.role = 'area' then h.area_id end,
       case when r.role = 'facility' then h.facility_id end
from home h
cross join (values ('national'), ('area'), ('facility'), ('analyst'), ('administrator'), ('machine')) r (role)
join app_user u on u.email = r.role || '@demo.example' and u.demo
where not exists (
    select from user_grant g where g.user_id = u.id and g.programme_id = h.programme_id and g.role = r.role
)
on conflict do nothing

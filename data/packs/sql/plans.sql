-- areas --
-- The areas on record, by code.
select code, id from area where programme_id = :programme_id

-- drop_policies --
-- The policies of the pack that was loaded before.
delete from policy where programme_id = :programme_id

-- drop_campaigns --
-- The campaigns of the pack that was loaded before.
delete from campaign where programme_id = :programme_id

-- keep_policy --
-- Add a policy; of two for the same tier and product the last one holds.
insert into policy (programme_id, tier, product_id, preset, amc_method, window_months)
values (:programme_id, :tier, :product_id, :preset, :amc_method, :window_months)
on conflict (programme_id, tier, product_id) do update
set preset = excluded.preset, amc_method = excluded.amc_method, window_months = excluded.window_months

-- keep_campaign --
-- Add a campaign.
insert into campaign (programme_id, product_id, area_id, first_day, last_day, name)
values (:programme_id, :product_id, :area_id, :first_day, :last_day, :name)
on conflict (product_id, area_id, first_day) do update set last_day = excluded.last_day, name = excluded.name

-- stage_sessions --
-- Where months of sessions wait.
create temp table incoming_session_month on commit drop as
select facility_id, product_id, month, administered, sessions from session_month with no data

-- keep_sessions --
-- Add months of sessions, or correct them.
insert into session_month (facility_id, product_id, month, administered, sessions)
select facility_id, product_id, month, administered, sessions from incoming_session_month
on conflict (facility_id, product_id, month) do update
set administered = excluded.administered, sessions = excluded.sessions

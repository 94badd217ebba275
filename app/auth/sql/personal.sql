-- every --
-- Sealed names and telephone numbers, held until this transaction ends.
select id, name, phone from app_user order by id for update

-- plain --
-- Names that an older version left as they are, held until this transaction ends.
select id, name, phone from app_user where name not like 'gAAAAA%' order by id for update

-- keep --
-- Somebody's name and telephone number, sealed.
update app_user set name = :name, phone = :phone where id = :user_id

-- own --
-- Somebody's name and telephone number.
select name, phone, demo from app_user where id = :user_id

-- unvalidated --
-- Whether PostgreSQL has yet to look at the names that were there before their rule.
select 1 from pg_constraint where conname = 'ck_app_user_name_sealed' and not convalidated

-- validate --
-- Have every name looked at: none is plain.
alter table app_user validate constraint ck_app_user_name_sealed

-- provided --
-- Sealed tokens of the ministry's provider, held until this transaction ends.
select token_hash, provider_token from session where provider_token is not null for update

-- keep_provided --
-- The same token, sealed with another key.
update session set provider_token = :provider_token where token_hash = :token_hash

-- kept --
-- The second factor of somebody, held until this transaction ends.
select totp_secret, totp_step from app_user where id = :user_id and stopped_at is null for update

-- has --
-- Whether somebody has set up a second factor, since when, whether it may be taken away, and how many codes are left.
select totp_secret is not null as on, totp_since as since,
       not demo and exists (select from user_grant where user_id = :user_id and role = 'administrator') as required,
       demo, (select count(*) from recovery_code where user_id = :user_id) as codes
from app_user where id = :user_id

-- used --
-- A code of this time step was used: none of it or of one before is good again.
update app_user set totp_step = :step where id = :user_id

-- recover --
-- A recovery code is good once.
delete from recovery_code where user_id = :user_id and code_hash = :code_hash

-- set_up --
-- A second factor, in place of none.
update app_user set totp_secret = :secret, totp_step = :step, totp_since = now()
where id = :user_id and totp_secret is null and not demo

-- take_away --
-- No second factor any more.
update app_user set totp_secret = null, totp_step = 0, totp_since = null
where id = :user_id and totp_secret is not null

-- forget_codes --
-- The recovery codes made before are good no longer.
delete from recovery_code where user_id = :user_id

-- keep_codes --
-- The hashes of new recovery codes.
insert into recovery_code (code_hash, user_id) select h, :user_id from unnest(CAST(:hashes AS bytea[])) h

-- prove --
-- This session has given a second factor; the others of the same person, which have not, end.
with proved as (update session set strong = true where token_hash = :token_hash returning user_id)
delete from session s using proved
where s.user_id = proved.user_id and s.kind = 'browser' and not s.strong and s.token_hash <> :token_hash

-- sealed --
-- Every sealed secret of people.
select id, totp_secret from app_user where totp_secret is not null for update

-- seal --
-- The same secret, sealed with another key.
update app_user set totp_secret = :secret where id = :user_id

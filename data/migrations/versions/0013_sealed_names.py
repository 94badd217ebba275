"""Names and telephone numbers of people are sealed text; no plain one is taken in from now on.

Revision: 0013, after 0006.

The keys are the application's, so names that stand here plainly are sealed by `python -m app migrate`, right after this;
it then has the rule that is added here looked at for them too. Going back takes telephone numbers with it, and leaves
the names sealed.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """alter table app_user
            add column phone text,
            add constraint ck_app_user_phone_sealed check (phone like 'gAAAAA%'),
            add constraint ck_app_user_name_sealed check (name like 'gAAAAA%') not valid"""
    )
    # Where nobody has a plain name, as on a new installation, there is nothing left to do.
    op.execute(
        """do $$ begin
            if not exists (select from app_user where name not like 'gAAAAA%') then
                alter table app_user validate constraint ck_app_user_name_sealed;
            end if;
        end $$"""
    )


def downgrade() -> None:
    op.execute("alter table app_user drop constraint ck_app_user_name_sealed, drop column phone")

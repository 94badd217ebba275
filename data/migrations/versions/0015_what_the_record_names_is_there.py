"""What a row of the record names is there, as PostgreSQL sees it; two campaigns of a product never overlap in an area.

Revision: 0015, after 0014.

Days out of stock that are on record keep standing as reported ones: which of them were counted was not kept before.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_FUNCTION = "create or replace function make_stock_event_partition(month date) returns void language plpgsql"
_PARTITION = """ security definer set search_path = public, pg_temp{patience} as $$
    declare
        first date := date_trunc('month', month);
        name text := 'stock_event_' || to_char(first, 'YYYY_MM');
    begin
        -- Built apart and then attached: readers go on meanwhile. Its foreign keys are made with it, for which who
        -- writes to what they name waits; and it waits for them, but not so long that all would stand still.
        execute format('create table %I (like stock_event including defaults including constraints'
                       ' including indexes)', name);
        execute format('alter table stock_event attach partition %I for values from (%L) to (%L)', name,
                       first || ' 00:00+00', (first + interval '1 month')::date || ' 00:00+00');
    end $$"""

#: The keys of stock_event: its columns, and what they name.
_KEYS = {
    "position": ("facility_id, product_id", "position (facility_id, product_id)"),
    "lot": ("lot_id, product_id", "lot (id, product_id)"),
    "partner_id": ("partner_id", "facility (id)"),
    "attachment_id": ("attachment_id", "attachment (id)"),
    "shipment_id": ("shipment_id", "shipment (id)"),
}


def upgrade() -> None:
    op.execute("alter table stock_month add column days_counted boolean not null default false")
    op.execute("alter table lot add constraint uq_lot_id_product_id unique (id, product_id)")
    op.execute("alter table lot_balance drop constraint fk_lot_balance_lot_id")
    op.execute(
        "alter table lot_balance add constraint fk_lot_balance_lot_id"
        " foreign key (lot_id, product_id) references lot (id, product_id)"
    )
    for name, (columns, target) in _KEYS.items():
        op.execute(
            f"alter table stock_event add constraint fk_stock_event_{name} foreign key ({columns}) references {target}"
        )
    op.execute(_FUNCTION + _PARTITION.format(patience=" set lock_timeout = '2s'"))
    op.execute("create extension if not exists btree_gist")
    _join_campaigns()
    op.execute(
        "alter table campaign add constraint ex_campaign_overlap exclude using gist"
        " (product_id with =, area_id with =, daterange(first_day, last_day, '[]') with &&)"
    )


def _join_campaigns() -> None:
    """Campaigns of a product that overlap in an area become one, from the first day of them to the last."""
    op.execute("""
        with marked as (
            select *, coalesce(first_day > max(last_day) over (
                partition by product_id, area_id order by first_day, id rows between unbounded preceding and 1 preceding
            ), true) as begins
            from campaign
        ),
        numbered as (
            select *, count(*) filter (where begins) over (
                partition by product_id, area_id order by first_day, id
            ) as number
            from marked
        ),
        joined as (
            select min(id) as id, max(last_day) as last_day,
                   string_agg(name, ', ' order by first_day, id) filter (where name <> '') as name
            from numbered group by product_id, area_id, number having count(*) > 1
        ),
        gone as (
            delete from campaign c using numbered n, joined j
            where c.id = n.id and n.id <> j.id
              and (n.product_id, n.area_id, n.number) = (
                  select o.product_id, o.area_id, o.number from numbered o where o.id = j.id
              )
        )
        update campaign c set last_day = j.last_day, name = coalesce(j.name, '') from joined j where c.id = j.id
    """)


def downgrade() -> None:
    op.execute("alter table campaign drop constraint ex_campaign_overlap")
    op.execute("drop extension btree_gist")
    op.execute(_FUNCTION + _PARTITION.format(patience=""))
    for name in _KEYS:
        op.execute(f"alter table stock_event drop constraint fk_stock_event_{name}")
    op.execute("alter table lot_balance drop constraint fk_lot_balance_lot_id")
    op.execute(
        "alter table lot_balance add constraint fk_lot_balance_lot_id foreign key (lot_id) references lot (id)"
    )
    op.execute("alter table lot drop constraint uq_lot_id_product_id")
    op.execute("alter table stock_month drop column days_counted")

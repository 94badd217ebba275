-- products --
-- The products of a programme.
select id, code from product where programme_id = :programme_id order by seat

-- keep --
-- The season of a product, January first; null where none is carried.
update product set season = CAST(:season AS real[])
where id = :product_id and season is distinct from CAST(:season AS real[])

-- months --
-- The full months of a product at some of its places, with how much of each still counts, in percent.
select string_agg(int4send(m.facility_id), '') as facility_id,
       string_agg(int4send(m.month - CAST(:since AS date)), '') as first_day,
       string_agg(int4send(coalesce(m.opening, -2147483648)), '') as opening,
       string_agg(int4send(coalesce(m.received, -2147483648)), '') as received,
       string_agg(int4send(coalesce(m.used, -2147483648)), '') as used,
       string_agg(int4send(coalesce(m.days_out, -2147483648)), '') as days_out,
       string_agg(int4send(case when g.weight is null then 100 else CAST(round(100 * g.weight) AS int) end), '') as weight
from (
    select facility_id from position where product_id = :product_id order by hashint4(facility_id) limit :places
) p
join stock_month m on m.facility_id = p.facility_id and m.product_id = :product_id
 and m.month >= :since and m.month < :until
left join lateral (
    select min(case verdict when 'right' then 1 when 'wrong' then 0 else weight end) as weight
    from flag
    where facility_id = m.facility_id and product_id = m.product_id and month = m.month
) g on true

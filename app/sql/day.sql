-- sample --
-- Some positions of simulated programmes at random: as many of them empty as a day empties, so that deliveries keep up.
(
    select g.code as programme, f.code as facility, r.code as product, p.usable, p.amc, r.doses_per_vial
    from position p
    join facility f on f.id = p.facility_id and f.open and f.catchment > 0
    join product r on r.id = p.product_id
    join programme g on g.id = f.programme_id and g.simulated
    where p.state = :stockout
    order by random()
    limit CAST(:most AS int) / 16
)
union all
(
    select g.code, f.code, r.code, p.usable, p.amc, r.doses_per_vial
    from position p tablesample bernoulli (2)
    join facility f on f.id = p.facility_id and f.open and f.catchment > 0
    join product r on r.id = p.product_id
    join programme g on g.id = f.programme_id and g.simulated
    where p.state <> :stockout and p.usable >= r.doses_per_vial
    order by random()
    limit :most
)

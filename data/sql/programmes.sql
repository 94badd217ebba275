-- find --
-- One programme.
select id, code, name, timezone, preset, simulated, notice, registry_version, assessed_on, level_names,
       sources, model
from programme where code = :code

-- every --
-- All of them.
select id, code, name, timezone, preset, simulated, notice, registry_version, assessed_on, level_names,
       sources, model
from programme order by name

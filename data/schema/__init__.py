"""What is stored? Every table, once, by job; migrations are made from it and its constraint names map to errors.

Geometry is EPSG:4326, outlines for tiles 3857. Amounts are doses (or pieces, where a product's unit says so). Times are
UTC.
"""

from data.schema import counts, demand, map, orders, people, record, registry, standing, trail
from data.schema.columns import metadata

__all__ = ["counts", "demand", "map", "metadata", "orders", "people", "record", "registry", "standing", "trail"]

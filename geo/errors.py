"""What can go wrong with places? The docstring of each error is its message; details name field and remedy."""

from __future__ import annotations

from data.errors import DataError


class GeoError(DataError):
    """The map could not do this."""


class NotThere(GeoError):
    """There is nothing at this address."""


class UnknownLayer(NotThere):
    """There is no map layer called {value}; the layers are areas and facilities."""


class OutsidePyramid(NotThere):
    """The layer {layer} has no tile {value}; its zooms are {low} to {high}."""


class OldVersion(NotThere):
    """Version {value} of this map is out of date; the current one is {current}."""


class UnknownSeat(NotThere):
    """There is nothing at seat {value} of {field} in this programme."""


class InvalidMonth(GeoError):
    """{value} is not a month; months look like 2016-05."""

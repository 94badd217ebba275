"""What can go wrong with the record? The docstring of each error is its message; details name field and remedy."""

from __future__ import annotations

import inspect


class DataError(Exception):
    """The record could not do this."""

    def __init__(self, field: str | None = None, remedy: str | None = None, **details: object) -> None:
        self.field = field
        self.remedy = remedy
        self.details = {k: v for k, v in {"field": field, "remedy": remedy, **details}.items() if v is not None}
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The sentence a person reads: the docstring, then what to do."""
        sentence = inspect.cleandoc(type(self).__doc__ or "").format_map(_Known(self.details))
        return f"{sentence} {self.remedy}" if self.remedy else sentence


class _Known(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


class UnknownProgramme(DataError):
    """There is no programme called {value}."""


class UnknownArea(DataError):
    """There is no area with the code {value} in this programme."""


class UnknownFacility(DataError):
    """There is no facility with the code {value} in this programme."""


class UnknownProduct(DataError):
    """There is no product with the code {value} in this programme."""


class UnknownLot(DataError):
    """There is no lot {value} of this product on record."""


class UnknownAttachment(DataError):
    """There is no attachment {value} at this facility."""


class InvalidEvent(DataError):
    """The field {field} of this stock event cannot be used: {reason}."""


class Overdraw(DataError):
    """{facility} holds {balance} usable doses of {product}, fewer than the {doses} to take out."""


class Overfull(DataError):
    """{facility} would hold {balance} doses of {product}, more than any place does."""


class ConflictingRepeat(DataError):
    """The event {source} / {source_id} is recorded already, with other content."""


class Changed(DataError):
    """{product} at {facility} has changed since you looked: it holds {balance} usable doses now."""


class Contradicted(DataError):
    """This cannot stand beside what is on record: {reason}."""


#: What the constraints say that no check before them can promise, by their names.
CONSTRAINTS = {
    "fk_stock_event_position": "an event is of a facility and a product of which there is no position",
    "fk_stock_event_lot": "an event is of a lot that its product does not have",
    "fk_stock_event_partner_id": "an event names a facility at its other end that is not there",
    "fk_stock_event_attachment_id": "an event names an attachment that is not there",
    "fk_stock_event_shipment_id": "an event is of a shipment that is not there",
    "fk_lot_balance_lot_id": "a balance is of a lot that its product does not have",
    "ex_campaign_overlap": "two campaigns of one product in one area overlap",
}


class PackError(DataError):
    """The pack cannot be loaded: {reason}."""


class DatabaseUnavailable(DataError):
    """The database does not answer."""

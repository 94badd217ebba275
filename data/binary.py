"""How is an array handed to PostgreSQL that is in its binary form already? As a parameter of its own type.

Registered when `data` is imported, because an engine knows what was registered before it was made. A list of Python's
gets the type that its largest number needs, and a list of nothing gets none: the same statement would be planned again
for each of them. What is packed here has one type always, and takes a fraction of the time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format


@dataclass(frozen=True, slots=True)
class Array:
    """An array as PostgreSQL receives it; each type of element has a class of its own."""

    sent: bytes


class _Dumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj.sent


def _array_of(element: str) -> type[Array]:
    kind = type(f"{element.title()}Array", (Array,), {"__slots__": ()})
    known = psycopg.adapters.types[element]
    psycopg.adapters.register_dumper(kind, type(f"_{element.title()}Dumper", (_Dumper,), {"oid": known.array_oid}))
    return kind


Int4Array, Float4Array = _array_of("int4"), _array_of("float4")

# Dimensions, whether there are nulls, type of the elements; then for the one dimension its length and where it begins.
_HEAD = struct.Struct(">iiIii")
_NULL = b"\xff\xff\xff\xff"
_SIZE = struct.Struct(">i").pack
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_DAY = date(2000, 1, 1).toordinal()


def _packer(element: str, pack: Callable[[Any], bytes]) -> Callable[[Sequence[Any]], Array]:
    """A function that packs a list of values, of which any may be None."""
    kind, oid = _array_of(element) if element != "int4" else Int4Array, psycopg.adapters.types[element].oid

    def item(value: object) -> bytes:
        return _NULL if value is None else pack(value)

    def packed(values: Sequence[Any]) -> Array:
        if not values:
            return kind(_HEAD.pack(0, 0, oid, 0, 1)[:12])
        first = values[0]
        # Most columns of a submission say the same of all its events, or nothing.
        if all(value is first for value in values):
            body = item(first) * len(values)
        else:
            body = b"".join([_NULL if value is None else pack(value) for value in values])
        return kind(_HEAD.pack(1, 1, oid, len(values), 1) + body)

    return packed


def _fixed(form: str) -> Callable[[Any], bytes]:
    packer = struct.Struct(f">i{form}")
    size, pack = packer.size - 4, packer.pack
    return lambda value: pack(size, value)


def _sized(sent: bytes) -> bytes:
    return _SIZE(len(sent)) + sent


_day, _moment = _fixed("i"), _fixed("q")

ints, bigints, smallints, bools = (
    _packer(element, _fixed(form)) for element, form in (("int4", "i"), ("int8", "q"), ("int2", "h"), ("bool", "?"))
)
texts = _packer("text", lambda value: _sized(value.encode()))
octets = _packer("bytea", _sized)
days = _packer("date", lambda value: _day(value.toordinal() - _FIRST_DAY))
moments = _packer("timestamptz", lambda value: _moment((value - _EPOCH) // _MICROSECOND))

"""How is an array handed to PostgreSQL that is in its binary form already? As a parameter of its own type.

Registered when `data` is imported, because an engine knows what was registered before it was made.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format


@dataclass(frozen=True, slots=True)
class Int4Array:
    """An int[] as PostgreSQL receives it."""

    sent: bytes


@dataclass(frozen=True, slots=True)
class Float4Array:
    """A real[] as PostgreSQL receives it."""

    sent: bytes


class _Dumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Int4Array | Float4Array) -> bytes:
        return obj.sent


class _Int4Dumper(_Dumper):
    oid = psycopg.adapters.types["int4"].array_oid


class _Float4Dumper(_Dumper):
    oid = psycopg.adapters.types["float4"].array_oid


psycopg.adapters.register_dumper(Int4Array, _Int4Dumper)
psycopg.adapters.register_dumper(Float4Array, _Float4Dumper)

"""How do columns of numbers travel between numpy and PostgreSQL? In binary both ways.

As text, to write a nation's numbers takes longer than to work them out.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import psycopg
import sqlalchemy as sa
from numpy.typing import ArrayLike, NDArray

from data.binary import Array, Float4Array, Int4Array

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Stands for null in a column of integers; in a column of floats NaN does.
NULL = -(2**31)

# One dimension that counts from 1; no nulls.
_HEAD = struct.Struct(">iiIii")
_INT4, _FLOAT4 = (psycopg.adapters.types[name].oid for name in ("int4", "float4"))
_INT4_ITEM = np.dtype([("size", ">i4"), ("value", ">i4")])
_FLOAT4_ITEM = np.dtype([("size", ">i4"), ("value", ">f4")])


def read(row: sa.Row[Any], floats: frozenset[str]) -> dict[str, NDArray[Any]]:
    """Columns that PostgreSQL packed as big-endian bytes of four each; an empty result is empty columns."""
    return read_packed(dict(row._mapping), floats)


def read_packed(packed: Mapping[Any, Any], floats: frozenset[str]) -> dict[str, NDArray[Any]]:
    """The same of a part of a row, by name."""
    return {
        name: np.frombuffer(value or b"", dtype=">f4" if name in floats else ">i4").astype(
            np.float64 if name in floats else np.int64
        )
        for name, value in packed.items()
    }


def arrays(packed: bytes | None, width: int) -> Floats:
    """Arrays of `width` reals each, as `array_send` packs them: [n, width]."""
    row = np.dtype([("head", "V20"), ("items", [("size", ">i4"), ("value", ">f4")], width)])
    return np.frombuffer(packed or b"", dtype=row)["items"]["value"].astype(np.float64)


def nullable(values: Ints) -> Floats:
    """Integers with NaN where PostgreSQL has null."""
    return np.where(values == NULL, np.nan, values)


def ints(values: ArrayLike) -> Array:
    """A parameter for `CAST(:x AS int[])`."""
    return Int4Array(_sent(np.asarray(values), _INT4_ITEM, _INT4))


def floats(values: ArrayLike) -> Array:
    """A parameter for `CAST(:x AS real[])`; NaN stays NaN."""
    return Float4Array(_sent(np.asarray(values), _FLOAT4_ITEM, _FLOAT4))


def whole(values: Floats) -> Array:
    """Whole numbers kept as floats, with `NULL` where they are NaN."""
    return ints(np.where(np.isnan(values), NULL, values))


def _sent(values: NDArray[Any], item: np.dtype[Any], oid: int) -> bytes:
    items = np.empty(values.size, dtype=item)
    items["size"] = 4
    items["value"] = values
    return _HEAD.pack(1, 0, oid, values.size, 1) + items.tobytes()

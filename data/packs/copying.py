"""How do many rows get into a table? COPY, from columns that Arrow writes as text; indexes after the rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa
from psycopg import sql

from data import queries

SQL = queries.read(Path(__file__).parent / "sql" / "movements.sql")

#: Rows written at a time: what is held in memory as text stays small.
BATCH = 200_000


def copy(conn: sa.Connection, table: str, frame: pd.DataFrame) -> None:
    """Add the rows of a frame to the columns of the same names; missing values become null."""
    rows = pa.Table.from_pandas(frame, preserve_index=False)
    for place, column in enumerate(rows.schema):
        if pa.types.is_dictionary(column.type):
            rows = rows.set_column(place, column.name, rows.column(place).cast(column.type.value_type))
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    )
    with _driver(conn).cursor() as cursor:
        for start in range(0, rows.num_rows, BATCH):
            text = pa.BufferOutputStream()
            pyarrow.csv.write_csv(rows.slice(start, BATCH), text, pyarrow.csv.WriteOptions(include_header=False))
            # Each by itself: what is still to be checked of a statement's rows is kept in memory until it ends.
            with cursor.copy(statement) as stream:
                stream.write(text.getvalue().to_pybytes())


@contextmanager
def filling(conn: sa.Connection, table: str) -> Iterator[None]:
    """While a table that is still empty is filled, it has no indexes and foreign keys: they are made once, at the end.

    A million monthly reports take 4 s so, and 15 s row by row. Readers of the table wait; a table that has rows is
    left as it is, since theirs matter more.
    """
    with _driver(conn).cursor() as cursor:
        if cursor.execute(sql.SQL("select from {} limit 1").format(sql.Identifier(table))).rowcount:
            yield
            return
        keys = conn.execute(SQL["constraints"], {"name": table}).all()
        indexes = conn.execute(SQL["indexes"], {"name": table}).all()
        alter = sql.SQL("alter table {} ").format(sql.Identifier(table))
        for key in reversed(keys):
            cursor.execute(alter + sql.SQL("drop constraint {}").format(sql.Identifier(key.name)))
        for index in indexes:
            cursor.execute(sql.SQL("drop index {}").format(sql.Identifier(index.name)))
        yield
        for key in keys:
            definition = sql.SQL("add constraint {} {}").format(sql.Identifier(key.name), sql.SQL(key.definition))
            cursor.execute(alter + definition)
        for index in indexes:
            cursor.execute(index.definition)


def _driver(conn: sa.Connection) -> Any:
    return conn.connection.driver_connection


def array(values: pd.Series) -> pd.Series:
    """Lists of plain words or numbers as PostgreSQL writes arrays."""
    return pd.Series(["{" + ",".join(map(str, v)) + "}" for v in values], index=values.index, dtype="str")

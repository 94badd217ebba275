"""How do many rows get into a table? COPY, from columns that Arrow writes as text."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa
from psycopg import sql

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
    driver: Any = conn.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as stream:
        for start in range(0, rows.num_rows, BATCH):
            text = pa.BufferOutputStream()
            pyarrow.csv.write_csv(rows.slice(start, BATCH), text, pyarrow.csv.WriteOptions(include_header=False))
            stream.write(text.getvalue().to_pybytes())


def array(values: pd.Series) -> pd.Series:
    """Lists of plain words or numbers as PostgreSQL writes arrays."""
    return pd.Series(["{" + ",".join(map(str, v)) + "}" for v in values], index=values.index, dtype="str")

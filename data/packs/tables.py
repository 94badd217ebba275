"""What is in the files of a pack? Rows as text with their row numbers, columns picked as the pack says.

Nothing is converted here without being asked for: a cell is the text that the file holds, without blanks around it.
"""

from __future__ import annotations

import difflib
import string
import unicodedata
import warnings
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import geopandas as gpd
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from data import errors
from data.packs import pack as packs
from data.packs.country import Finding

#: Files that hold shapes; everything else is read as delimited text.
SHAPES = (".geojson", ".json", ".gpkg", ".shp")
EXAMPLES = 5
_APOSTROPHES = "'`\u2018\u2019"
LARGEST = 2**31 - 1
_WHOLE = r"[+-]?\d{1,12}(?:\.0*)?"
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"


@dataclass
class Reading:
    """One reading of a pack: its files, and what was found so far."""

    pack: packs.Pack
    root: Path
    findings: list[Finding] = field(default_factory=list)

    def note(
        self,
        severity: Literal["kept", "refused", "flagged"],
        table: str,
        reason: str,
        rows: pd.Series | int,
        remedy: str = "",
    ) -> None:
        """Add a finding; `rows` are labels, or just how many. None at all is no finding.

        Labels are indexed by the row numbers of the file, or by text where they are not rows of a file.
        """
        count = rows if isinstance(rows, int) else len(rows)
        if not count:
            return
        labels = [] if isinstance(rows, int) else list(rows.head(EXAMPLES).items())
        shown = [f"row {n}: {text}" if isinstance(n, int) else str(text) for n, text in labels]
        self.findings.append(Finding(severity, table, reason, count, remedy, tuple(shown)))

    def path(self, name: str) -> Path:
        """The file of that name in [files]; raises `PackError` where it is not there."""
        found = self.root / self.pack.files[name].path
        if not found.is_file():
            raise errors.PackError(
                field=f"files.{name}.path",
                reason=f"there is no file {found}",
                remedy="Correct the path in pack.toml, or the folder named on the command line.",
            )
        return found

    def table(self, name: str, where: str, joins: Sequence[packs.Join] = ()) -> pd.DataFrame:
        """A file's rows as text, indexed by row number, with the columns of `joins` beside them.

        A file of shapes is a GeoDataFrame with its `geometry` in EPSG:4326, and its rows are numbered from 1; in
        delimited text the first row after the header is row 2.
        """
        table = self._read(name)
        for join in joins:
            table = self._beside(table, name, where, join)
        return table

    def _beside(self, table: pd.DataFrame, name: str, where: str, join: packs.Join) -> pd.DataFrame:
        """The table with the columns of a second file that it does not have itself."""
        other = self._read(join.file)
        self.need(table, name, {f"{where}.join.on": join.on})
        self.need(other, join.file, {f"{where}.join.key": join.key})
        self.need(other, join.file, {f"{where}.join.where.{column}": column for column in join.where})
        for column, value in join.where.items():
            other = other[other[column] == value]
        repeated = other[join.key].duplicated()
        self.note(
            "flagged", where, f"{join.file} has more than one row for the same {join.key}; the first was used",
            other.loc[repeated, join.key], f"Name the rows that count with where = {{...}} in the join of {where}.",
        )  # fmt: skip
        other = other[~repeated].set_index(join.key)
        for column in other.columns.difference([*table.columns, "geometry"], sort=False):
            table[column] = table[join.on].map(other[column]).fillna("").astype("str")
        return table

    def _read(self, name: str) -> pd.DataFrame:
        path, file = self.path(name), self.pack.files[name]
        try:
            return _shapes(path) if path.suffix in SHAPES else _text(path, file)
        except (ValueError, LookupError, OSError, RuntimeError) as error:
            raise errors.PackError(
                field=f"files.{name}", reason=f"{path.name} cannot be read: {error}",
                remedy="Check that it is the file meant, and its encoding and delimiter.",
            ) from error  # fmt: skip

    def need(self, table: pd.DataFrame, file: str, specs: Dict[str, packs.From | None]) -> None:
        """Raise `PackError` that names every field of `specs` whose column the table does not have."""
        lacking = [
            (where, column)
            for where, spec in specs.items()
            for column in columns(spec)
            if column not in table.columns or column == "geometry"
        ]
        if not lacking:
            return
        there = [str(c) for c in table.columns if c != "geometry"]
        said = []
        for where, column in lacking:
            close = difflib.get_close_matches(column, there, n=1, cutoff=0.5)
            said.append(f'"{column}" ({where})' + (f', perhaps "{close[0]}"' if close else ""))
        raise errors.PackError(
            field=lacking[0][0],
            reason=f"{self.pack.files[file].path} has no column {'; '.join(said)}",
            remedy=f"Its columns are {', '.join(there)}. Name the right one in pack.toml, or add it to the file.",
        )


def _text(path: Path, file: packs.File) -> pd.DataFrame:
    """Delimited text, plain or gzipped. Every row has as many cells as the header, or none is read."""
    how = {
        "read_options": csv.ReadOptions(encoding=file.encoding),
        "parse_options": csv.ParseOptions(delimiter=file.delimiter, newlines_in_values=True),
    }
    with csv.open_csv(path, **how) as stream:
        names = stream.schema.names
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(f'two columns are called "{repeated[0]}"')
    as_text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    table = csv.read_csv(path, convert_options=as_text, **how).to_pandas()
    return pd.DataFrame({name: table[name].astype("str").str.strip() for name in names}).set_axis(_numbers(2, table))


def _shapes(path: Path) -> gpd.GeoDataFrame:
    with warnings.catch_warnings():
        # A property that is text in one feature and a number in another is text, as everything here.
        warnings.filterwarnings("ignore", "Could not parse column", UserWarning)
        frame = gpd.read_file(path, on_invalid="ignore")
    if frame.crs is None:
        raise ValueError("it does not say its coordinate system")
    frame = frame.to_crs(4326)
    for column in frame.columns.drop("geometry"):
        values = frame[column]
        frame[column] = values.map(lambda v: "" if pd.isna(v) else str(v).strip()).astype("str")
    return gpd.GeoDataFrame(frame.set_axis(_numbers(1, frame)))


def _numbers(first: int, table: pd.DataFrame) -> pd.RangeIndex:
    return pd.RangeIndex(first, first + len(table))


def columns(spec: packs.From | None) -> list[str]:
    """The columns that a field is made from."""
    if spec is None:
        return []
    if isinstance(spec, packs.Mapping):
        return [] if spec.column is None else [spec.column]
    return [name for _, name, _, _ in string.Formatter().parse(spec) if name] if "{" in spec else [spec]


def pick(table: pd.DataFrame, spec: packs.From) -> pd.Series:
    """The text of a field for every row."""
    if isinstance(spec, packs.Mapping):
        if spec.column is None:
            return pd.Series(str(spec.value), index=table.index, dtype="str")
        return table[spec.column].replace(spec.values)
    if "{" not in spec:
        return table[spec]
    rows = table[columns(spec)].to_dict("records")
    return pd.Series([spec.format_map(row) for row in rows], index=table.index, dtype="str")


def write(values: pd.Series, form: str) -> pd.Series:
    """Each value as text in that form; also where there are none."""
    return pd.Series([form.format(value) for value in values], index=values.index, dtype="str")


def number(text: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Numbers (NaN where blank), and which rows hold something else."""
    fits = text.str.fullmatch(_NUMBER)
    return pd.to_numeric(text.where(fits), errors="coerce").astype("float64"), (text != "") & ~fits


def whole(text: pd.Series) -> tuple[pd.Series, dict[str, pd.Series]]:
    """Whole numbers (<NA> where blank or unusable), and which rows hold what cannot be used, by reason.

    "24000.0" is a whole number; "1,200" and "12.5" are not, and neither is rounded or guessed at.
    """
    values, unreadable = number(text)
    is_whole = text.str.fullmatch(_WHOLE)
    large = values.abs() > LARGEST
    bad = {
        "is not a number": unreadable,
        "is not a whole number": values.notna() & ~is_whole & ~large,
        "is larger than any stock": large,
    }
    return values.where(is_whole & ~large).astype("Int64"), bad


def fold(text: str) -> str:
    """A name without accents, capitals, hyphens and apostrophes: "N'Zi" and "NZI " fold alike."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(c for c in plain if not unicodedata.combining(c) and c not in _APOSTROPHES)
    return " ".join("".join(c if c.isalnum() else " " for c in letters).split())

"""What country does a pack describe? pack.toml and its files in, one Country and what was found out; nothing stored."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from data.packs import areas, events, facilities, history, opening, plans, products, tables
from data.packs import pack as packs
from data.packs.country import Country, Programme, check

#: Raise it when the same files would be read differently than before: they are then no longer "the same pack".
READING = "1"


def read(pack_toml: Path, folder: Path | None = None, *, now: datetime | None = None) -> Country:
    """Read a country; paths in [files] are relative to `folder`, or to the pack's `root`.

    Raises `PackError` for a pack that cannot be used at all. A row that cannot be used is a refused `Finding`, and
    the others are kept. `now` says which months are over.
    """
    now = now or datetime.now(UTC)
    path = packs.locate(pack_toml)
    pack = packs.parse(path)
    reading = tables.Reading(pack, _root(path, pack, folder))
    for name in pack.files:
        reading.path(name)
    found_areas = areas.read(reading)
    found_facilities = facilities.read(reading, found_areas)
    found_products = products.read(reading)
    reports = history.read(reading, found_facilities, found_products, now)
    lots, counts = opening.read(reading, found_facilities, found_products, reports, now)
    happened = events.read(reading, reports)
    order = {"kept": 0, "refused": 1, "flagged": 2}
    country = Country(
        programme=_programme(pack),
        areas=found_areas,
        facilities=found_facilities,
        products=found_products,
        lots=lots,
        reports=reports,
        events=pd.concat([happened, counts], ignore_index=True) if len(counts) else happened,
        sessions=plans.sessions(reading, found_facilities, found_products, now),
        policies=plans.policies(reading, found_products),
        campaigns=plans.campaigns(reading, found_areas, found_products),
        findings=sorted(reading.findings, key=lambda finding: order[finding.severity]),
    )
    check(country)
    return country


def digest(pack_toml: Path, folder: Path | None = None) -> str:
    """The SHA-256 of a pack: of its pack.toml and every file it names. Raises `PackError` as `read` does."""
    path = packs.locate(pack_toml)
    pack = packs.parse(path)
    reading = tables.Reading(pack, _root(path, pack, folder))
    total = hashlib.sha256(READING.encode())
    for file in [path, *(reading.path(name) for name in sorted(pack.files))]:
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _root(path: Path, pack: packs.Pack, folder: Path | None) -> Path:
    return folder if folder is not None else path.parent / pack.root


def _programme(pack: packs.Pack) -> Programme:
    words = pack.programme
    sources = dict.fromkeys(f"{file.source} ({file.licence})" for file in pack.files.values())
    return Programme(
        words.code, words.name, words.timezone, words.level_names, words.preset, False, words.notice, list(sources)
    )

"""Vectors held for a moment: never an older one than somebody knows of, never more than there is room for."""

from __future__ import annotations

import time

import pytest

from geo import held
from geo.held import Finished, Held, Which


def which(product: int = 0, *, version: int = 1) -> Which:
    return Which(1, version, None, product, None)


def finished(seq: int, content: bytes = b"zip") -> Finished:
    return Finished(content, f"{seq:x}", seq)


def test_a_vector_is_given_while_it_is_fresh_to_who_knows_no_later_push() -> None:
    kept, now = Held(1 << 20), time.monotonic() + 3600
    kept.put(which(), finished(5), now)
    assert kept.get(which(), 0) == kept.get(which(), 5) == finished(5)
    assert kept.get(which(), 6) is None
    assert kept.get(which(1), 0) is None
    assert kept.get(which(version=2), 0) is None


def test_a_moment_counts_from_when_it_was_asked_for() -> None:
    kept = Held(1 << 20)
    kept.put(which(), finished(5), time.monotonic() - held.MOMENT)
    assert kept.get(which(), 0) is None


def test_a_slow_reader_does_not_bring_back_what_was_before() -> None:
    kept, now = Held(1 << 20), time.monotonic() + 3600
    kept.put(which(), finished(6), now)
    kept.put(which(), finished(5), now)
    assert kept.get(which(), 0) == finished(6)
    kept.put(which(), finished(7), now)
    assert kept.get(which(), 0) == finished(7)


def test_what_counts_from_elsewhere_replaces_what_is_past_its_moment() -> None:
    kept = Held(1 << 20)
    kept.put(which(), finished(900), time.monotonic() - 1)
    kept.put(which(), finished(3), time.monotonic() + 3600)
    assert kept.get(which(), 0) == finished(3)


@pytest.mark.parametrize("size", [0, 1_000, 50_000])
def test_there_is_never_more_than_there_is_room_for(size: int) -> None:
    kept, now, room = Held(100_000), time.monotonic() + 3600, 100_000
    for product in range(2_000):
        for seq in (1, 2):
            kept.put(which(product), finished(seq, b"x" * size), now)
        assert kept.get(which(product), 2) is not None
        there = [p for p in range(product + 1) if kept.get(which(p), 0)] if product % 97 == 0 else []
        assert len(there) * size <= room + size
        assert len(there) < 300

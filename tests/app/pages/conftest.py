"""What a reader gets from Dash components: their words, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dash.development.base_component import Component

LAGOS = ZoneInfo("Africa/Lagos")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=LAGOS)

Find = Callable[[Any, str], list[Component]]


def _walk(node: Any) -> Iterator[Any]:
    if node is None:
        return
    if isinstance(node, (list, tuple)):
        for one in node:
            yield from _walk(one)
        return
    yield node
    if isinstance(node, Component):
        yield from _walk(getattr(node, "children", None))


@pytest.fixture
def text() -> Callable[[Any], str]:
    """All that can be read, with one space between elements."""

    def read(node: Any) -> str:
        words = [str(n) for n in _walk(node) if not isinstance(n, Component)]
        return " ".join(" ".join(words).split())

    return read


@pytest.fixture
def find() -> Find:
    """Every component of a kind (`A`, `Tr`, `Graph`), in order."""

    def look(node: Any, kind: str) -> list[Component]:
        return [n for n in _walk(node) if isinstance(n, Component) and type(n).__name__ == kind]

    return look


@pytest.fixture
def now() -> datetime:
    return NOW

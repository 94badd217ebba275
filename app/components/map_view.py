"""What does Dash know of the map? A component whose work is done by assets/modules; Python only says where to look."""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component

#: Where a place lies: `{"area": code, "facility": code or None, "bounds": [west, south, east, north]}`.
Target = dict[str, Any]


class MapView(Component):
    """The map. It owns the view and the socket; boot.js registers it as `vaxtrace.MapView` before Dash starts.

    `target` is the only property that Python writes; the map moves there only when the reader asked for that place.
    """

    _namespace = "vaxtrace"
    _type = "MapView"
    # Class attributes, because Dash's metaclass and its callback checks read them from the class.
    _children_props: list[str] = []  # noqa: RUF012
    _base_nodes: list[str] = ["children"]  # noqa: RUF012
    _prop_names: list[str] = ["id", "target"]  # noqa: RUF012
    _valid_wildcard_attributes: list[str] = []  # noqa: RUF012
    available_properties: list[str] = ["id", "target"]  # noqa: RUF012
    available_wildcard_properties: list[str] = []  # noqa: RUF012

    def __init__(self, id: str, target: Target | None = None) -> None:
        super().__init__(id=id, **({} if target is None else {"target": target}))  # type: ignore[no-untyped-call]

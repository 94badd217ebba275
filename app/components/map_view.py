"""What does Dash know of the map? A component whose work is done by assets/modules; Python only says where to look."""

from __future__ import annotations

from typing import Any, ClassVar

from dash.development.base_component import Component

#: Where a place lies: `{"area": code, "facility": code or None, "bounds": [west, south, east, north]}`.
Target = dict[str, Any]


class MapView(Component):
    """The map. It owns the view and the socket; boot.js registers it as `vaxtrace.MapView` before Dash starts.

    `target` is the only property that Python writes; the map moves there only when the reader asked for that place.
    """

    _namespace = "vaxtrace"
    _type = "MapView"
    _children_props: ClassVar[list[str]] = []
    _base_nodes: ClassVar[list[str]] = ["children"]
    _prop_names: ClassVar[list[str]] = ["id", "target"]
    _valid_wildcard_attributes: ClassVar[list[str]] = []
    available_properties: ClassVar[list[str]] = ["id", "target"]
    available_wildcard_properties: ClassVar[list[str]] = []

    def __init__(self, id: str, target: Target | None = None) -> None:
        super().__init__(id=id, **({} if target is None else {"target": target}))

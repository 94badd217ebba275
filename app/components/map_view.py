"""What does Dash know of the map? A component whose work is done by assets/modules; Python only says where to look."""

from __future__ import annotations

from typing import Any

from app.components.own import OwnComponent

#: Where a place lies: `{"area": code, "facility": code or None, "bounds": [west, south, east, north]}`.
Target = dict[str, Any]


class MapView(OwnComponent):
    """The map. It owns the view and the socket; boot.js registers it as `vaxtrace.MapView` before Dash starts.

    `target` is the only property that Python writes; the map moves there only when the reader asked for that place.
    """

    _namespace = "vaxtrace"
    _children_props = OwnComponent._children_props

    def __init__(self, id: str, target: Target | None = None) -> None:
        super().__init__(id=id, target=target)

"""How does much text come cheaply? A tree of plain elements as one component, which Dash hands to React as it is.

Each `dash.html` component costs a browser about a millisecond whenever it is rendered, so that a nation's table of
states stops the page for half a second. What no callback names needs none of that.
"""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component

from app.components.own import OwnComponent


class Elements(OwnComponent):
    """`dash.html` components without ids, at any depth; boot.js registers it as `vaxtrace.Elements`."""

    _namespace = "vaxtrace"
    _children_props = OwnComponent._children_props

    def __init__(self, tree: Any) -> None:
        super().__init__(tree=plain(tree))


def plain(node: Any) -> Any:
    """Elements as the browser makes them: `[tag, attributes, [child, ...]]`, and words as they are.

    Raises `TypeError` for a component that is more than an element.
    """
    if not isinstance(node, Component):
        return node
    if node._namespace != "dash_html_components":
        raise TypeError(f"{type(node).__name__} is no plain element")
    attributes = dict(node.to_plotly_json()["props"])  # type: ignore[no-untyped-call]
    children = attributes.pop("children", None)
    listed = children if isinstance(children, list | tuple) else [children]
    return [type(node).__name__.lower(), attributes, [plain(child) for child in listed if child is not None]]


def light(node: Any) -> Any:
    """The same with as much of it as one component as can be: all but what holds more than elements, such as charts."""
    if not isinstance(node, Component):
        return node
    if _only_elements(node):
        return Elements(node)
    children = getattr(node, "children", None)
    if isinstance(children, list | tuple):
        node.children = [light(child) for child in children]
    return node


def _only_elements(node: Any) -> bool:
    if not isinstance(node, Component):
        return True
    if node._namespace != "dash_html_components":
        return False
    children = getattr(node, "children", None)
    return all(_only_elements(child) for child in (children if isinstance(children, list | tuple) else [children]))

"""What is a component of ours to Dash? A name that boot.js registers, and the properties that its `__init__` takes."""

from __future__ import annotations

import inspect
from typing import Any

from dash.development.base_component import Component


class OwnComponent(Component):
    """A component without `children`, whose properties are the parameters of its `__init__`.

    Dash's metaclass reads `_namespace` and `_children_props` from the class that is being made and from no other: each
    of ours says them itself.
    """

    _namespace = "vaxtrace"
    _children_props = Component._children_props
    # There are no names such as `data-*`.
    _valid_wildcard_attributes = available_wildcard_properties = Component._children_props

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._type = cls.__name__
        cls._prop_names = list(inspect.signature(cls.__init__).parameters)[1:]

    def __init__(self, **properties: Any) -> None:
        given = {name: value for name, value in properties.items() if value is not None}
        super().__init__(**given)  # type: ignore[no-untyped-call]  # Dash has no types for it

"""Which part of the page follows which? Each module has `register(dash, services)`; nothing happens at import."""

from __future__ import annotations

from dash import Dash

from app.callbacks import panel
from app.services import Services


def register(dash: Dash, services: Services) -> None:
    """Every callback of the map's page."""
    panel.register(dash, services)

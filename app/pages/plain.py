"""How does a page without the map look? One frame around a template, written by the server: no JavaScript needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from flask import current_app, has_app_context
from markupsafe import Markup

from app import services, vendor
from app.components import words
from data.programmes import Programme

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
#: On each page of an installation in demo mode, so that nobody takes it for one that keeps anything.
DEMO_WORDS = "Demo, open to anybody: enter nothing real."


def _demo_mode() -> bool:
    return has_app_context() and services.NAME in current_app.extensions and services.services().settings.demo


_TEMPLATES.globals.update(
    words=words, query=lambda **view: urlencode(view), demo_mode=_demo_mode, DEMO_WORDS=DEMO_WORDS
)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, in words; `csrf` is the token of the sign-out form."""

    name: str
    role: str
    csrf: str


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the rail."""

    name: str
    icon: str
    href: str
    here: bool


def rail(programme: str, here: str) -> list[Section]:
    """The sections that exist; `here` is the name of the one that is open."""
    sections = (
        ("Map", "map", f"/{programme}"),
        ("Ahead", "next", f"/{programme}/next"),
        ("Alerts", "alerts", f"/{programme}/alerts"),
        ("Counts", "counts", f"/{programme}/counts"),
        ("Orders", "orders", f"/{programme}/orders"),
        ("Indicators", "kpis", f"/{programme}/kpis"),
        ("Accuracy", "predictions", f"/{programme}/calibration"),
        ("About", "reports", f"/{programme}/about"),
    )
    return [Section(name, icon, href, name == here) for name, icon, href in sections]


@cache
def head(programme: str | None = None) -> Markup:
    """The tags of stylesheets and modules; with a programme's code those of its map too."""
    return Markup(vendor.head_tags(f"/assets/{_digest()}", programme))  # nosec B704  # made here, of names of files


@cache
def _digest() -> str:
    return vendor.digest()


def render(template: str, **values: Any) -> str:
    """A template by its name."""
    return _TEMPLATES.get_template(template).render(**({"head": head()} | values))


def framed(template: str, here: str, programme: Programme, person: Person, **values: Any) -> str:
    """A page inside the frame with rail, bar and the mark of simulated data."""
    return render(template, programme=programme, person=person, rail=rail(programme.code, here), **values)

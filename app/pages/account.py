"""How does somebody's own account look? Sessions, password, second factor, tokens; plain forms without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import segno
from markupsafe import Markup

from app.auth.principal import Principal
from app.pages import plain

#: The first that is found: others' names stand in many a browser's.
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "Mac"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def page(template: str, who: Principal, csrf: str, now: datetime, **values: Any) -> str:
    """One of the account's pages."""
    return plain.render(template, who=who, csrf=csrf, now=now, device=device, **values)


def device(agent: str) -> str:
    """What somebody calls their browser: `Chrome on Android`."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    if browser is None:
        return re.split(r"[/ ]", agent, maxsplit=1)[0] or "An unknown device"
    return f"{browser} on {system}" if system else browser


def picture(uri: str) -> Markup:
    """What an authenticator app scans, as a drawing; dark on light in either theme, for not every app reads it else."""
    drawing = segno.make(uri, error="m", micro=False).svg_inline(scale=5, border=4, dark="#000", light="#fff")
    label = 'role="img" aria-label="A picture for the authenticator app; the key in words is below" '
    # Drawn by us: nothing typed is in it but modules.
    return Markup(drawing.replace("<svg ", f"<svg {label}", 1))  # nosec B704


def typed(form: Mapping[str, Any], rights: list[str]) -> dict[str, Any]:
    """What was typed for a new token, or what stands there at first."""
    return {
        "label": form.get("label", ""), "programme": form.get("programme", ""), "area": form.get("area", ""),
        "days": form.get("days", "90"), "rights": rights,
    }  # fmt: skip

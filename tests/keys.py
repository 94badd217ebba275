"""A secret key as an installation has one, the same in every run, and what it seals with."""

from typing import Any

from app.auth import sealed
from app.settings import Settings

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


def settings(database_url: str = "postgresql://none", redis_url: str = "redis://none", **more: Any) -> Settings:
    """What a process with this key is told."""
    return Settings(database_url=database_url, redis_url=redis_url, secret_key=KEY, **more)  # type: ignore[arg-type]


BOX = sealed.box(settings())

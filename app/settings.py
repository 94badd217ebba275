"""What was this process told? The only reader of the environment; built once in the entry point and passed on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

#: What `make run` started from this checkout writes down, so that commands typed beside it work on the same country.
RUNNING = Path(__file__).resolve().parent.parent / ".local" / "run" / "environment"
_FROM_FILES = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")


class Settings(BaseSettings):
    """Every setting, with its default; the environment variable has the field's name in capitals.

    DATABASE_URL, REDIS_URL and SECRET_KEY may also be given as files: `SECRET_KEY_FILE=/run/secrets/key`. Where a
    variable is not set, what runs from this checkout answers for it.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file=RUNNING)

    database_url: SecretStr = Field(description="PostgreSQL 15+ with PostGIS: postgresql://user@host/name")
    redis_url: SecretStr = Field(description="Redis 6+: redis://host:6379/0 or unix:///path?db=0")
    secret_key: SecretStr = Field(description="At least 32 characters; signs form tokens.")
    host: str = Field("127.0.0.1", description="The address that web and live listen on.")
    port: int = Field(8000, description="The port that web or live listens on.")
    demo: bool = Field(False, description="Demo mode: simulated data and published logins work. Never on real data.")
    release: str = Field("dev", description="Prefix of every cache key, so that a release reads only its own.")
    threads: int = Field(8, description="Threads of the web process; each may hold one database connection.")
    api: str | None = Field(None, description="Where the API is, for the simulated day: http://127.0.0.1:8050")
    api_token: SecretStr | None = Field(None, description="A token that may record stock, for the simulated day.")
    secure_cookies: bool = Field(False, description="Mark cookies Secure: set wherever TLS ends in front of this.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @field_validator("secret_key")
    @classmethod
    def _strong(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError(
                'is shorter than 32 characters; make one with: python -c "import secrets; print(secrets.token_hex(32))"'
            )
        return value


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment, with `NAME_FILE` standing in for a secret's NAME."""
    files = {name: environ[f"{name}_FILE"] for name in _FROM_FILES if f"{name}_FILE" in environ}
    secrets = {name.lower(): SecretStr(Path(path).read_text(encoding="utf-8").strip()) for name, path in files.items()}
    return Settings(**secrets)  # type: ignore[arg-type]  # the other fields come from the environment

"""What was this process told? The only reader of the environment; built once in the entry point and passed on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import limits
from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

#: What `make run` started from this checkout writes down, so that commands typed beside it work on the same country.
RUNNING = Path(__file__).resolve().parent.parent / ".local" / "run" / "environment"
_FROM_FILES = (
    "DATABASE_URL", "WEB_DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "SMTP_URL", "OIDC_CLIENT_SECRET",
)  # fmt: skip


#: A key of fewer different characters was typed by hand; one with these words was copied from a page.
LEAST_DIFFERENT = 10
PUBLISHED = r"change.?me|example|secret.?key|password|default"
#: So short a password of a server is guessed; many are called like what they open.
LEAST_PASSWORD, COMMON = 12, rf"{PUBLISHED}|vaxtrace|postgres|redis|admin"


class Settings(BaseSettings):
    """Every setting, with its default; the environment variable has the field's name in capitals.

    What is secret may also be given as a file: `SECRET_KEY_FILE=/run/secrets/key`, and so DATABASE_URL,
    WEB_DATABASE_URL, REDIS_URL, ENCRYPTION_KEYS, SMTP_URL and OIDC_CLIENT_SECRET. Where a variable is not set, what
    runs from this checkout answers for it.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file=RUNNING)

    database_url: SecretStr = Field(description="PostgreSQL 15+ with PostGIS: postgresql://user@host/name")
    redis_url: SecretStr = Field(description="Redis 6+: redis://host:6379/0 or unix:///path?db=0")
    web_database_url: SecretStr | None = Field(
        None, description="The DATABASE_URL of web and live, whose login is made by migrate and owns nothing."
    )
    secret_key: SecretStr = Field(description="At least 32 characters; signs form tokens.")
    host: str = Field("127.0.0.1", description="The address that web and live listen on.")
    port: int = Field(8000, description="The port that web or live listens on.")
    demo: bool = Field(False, description="Demo mode: simulated data and published logins work. Never on real data.")
    release: str = Field("dev", description="Prefix of every cache key, so that a release reads only its own.")
    threads: int = Field(8, description="Threads of the web process; each may hold one database connection.")
    api: str | None = Field(None, description="Where the API is, for the simulated day: http://127.0.0.1:8050")
    api_token: SecretStr | None = Field(None, description="A token that may record stock, for the simulated day.")
    secure_cookies: bool = Field(False, description="Mark cookies Secure: set wherever TLS ends in front of this.")
    rate_person: str = Field("1200/minute", description="Requests of one person, over all their browsers.")
    rate_token: str = Field("60000/minute", description="Requests with one token.")
    rate_work: str = Field(
        "240/minute", description="Past moments and other presets of a nation, worked out anew for one person or token."
    )
    rate_address: str = Field("300/minute", description="Requests of strangers from one address.")
    most_sockets: int = Field(100, description="Sockets that one session holds open at once; a page has one.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    proxies: int = Field(
        0, description="How many proxies of ours a request comes through: whose word on addresses counts."
    )
    public_url: str | None = Field(None, description="Where people reach us: https://stock.example.org; in every link.")
    encryption_keys: SecretStr | None = Field(None, description="Fernet keys, the current first; else from SECRET_KEY.")
    breached_passwords: Path | None = Field(None, description="SHA-1 of breached passwords, one a line, in order.")
    smtp_url: SecretStr | None = Field(
        None, description="smtp[s]://user:password@host:587 that sends links; else none."
    )
    mail_from: str = Field("vaxtrace@localhost", description="Who those e-mails come from.")
    oidc_issuer: str | None = Field(None, description="The ministry's OpenID provider: https://login.example.org")
    oidc_name: str = Field("the ministry's sign-in", description="What people call that provider.")
    oidc_client_id: str = Field("vaxtrace", description="What that provider calls us.")
    oidc_client_secret: SecretStr | None = Field(None, description="What proves it to the provider.")
    oidc_scopes: str = Field("openid email profile", description="What is asked of the provider.")
    oidc_groups_claim: str = Field("groups", description="The claim that lists the groups of a person.")
    oidc_roles: dict[str, str] = Field(
        {}, description='Role by group: {"epi": "national@nigeria", "kano": "area@nigeria/KN"}'
    )

    @field_validator("secret_key")
    @classmethod
    def _strong(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value()
        wrong = "is shorter than 32 characters" if len(key) < 32 else "is of too few different characters"
        if len(key) < 32 or len(set(key)) < LEAST_DIFFERENT:
            raise ValueError(f'{wrong}; make one with: python -c "import secrets; print(secrets.token_hex(32))"')
        return value

    @model_validator(mode="after")
    def _own(self) -> Settings:
        if not self.demo and re.search(PUBLISHED, self.secret_key.get_secret_value(), re.IGNORECASE):
            raise ValueError("SECRET_KEY is an example; outside a demo it has to be this installation's own")
        for name in ("database_url", "web_database_url", "redis_url"):
            kept: SecretStr | None = getattr(self, name)
            password = unquote(urlsplit(kept.get_secret_value()).password or "") if kept else ""
            # None at all is another way in: a socket in a folder of its own, or a certificate.
            if password and not self.demo and (len(password) < LEAST_PASSWORD or re.search(COMMON, password, re.I)):
                raise ValueError(
                    f"the password in {name.upper()} is weak or an example; take 32 random digits or letters"
                )
        if self.oidc_client_secret and re.search(PUBLISHED, self.oidc_client_secret.get_secret_value(), re.I):
            raise ValueError("OIDC_CLIENT_SECRET is an example")
        return self

    @field_validator("rate_person", "rate_token", "rate_address", "rate_work")
    @classmethod
    def _rate(cls, value: str) -> str:
        try:
            limits.parse(value)
        except ValueError as error:
            raise ValueError(f"is {value!r}; say it as 600/minute") from error
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _keys(cls, value: SecretStr | None) -> SecretStr | None:
        for key in value.get_secret_value().replace(",", " ").split() if value else ():
            try:
                Fernet(key)
            except ValueError as error:
                made = "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"
                raise ValueError(f'holds what is no key; make one with: python -c "{made}"') from error
        return value

    @field_validator("oidc_issuer", "public_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value is None or parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1"}:
            return value and value.rstrip("/")
        raise ValueError("has to begin with https://")

    @field_validator("oidc_roles")
    @classmethod
    def _roles(cls, value: dict[str, str]) -> dict[str, str]:
        for role in value.values():
            if not re.fullmatch(r"[a-z]+@[^/@]+(/[^/]+)?", role):
                raise ValueError("gives each group ROLE@PROGRAMME or ROLE@PROGRAMME/AREA")
        return value


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment, with `NAME_FILE` standing in for a secret's NAME."""
    files = {name: environ[f"{name}_FILE"] for name in _FROM_FILES if f"{name}_FILE" in environ}
    secrets = {name.lower(): SecretStr(Path(path).read_text(encoding="utf-8").strip()) for name, path in files.items()}
    return Settings(**secrets)  # type: ignore[arg-type]  # the other fields come from the environment

"""Is this the code that the authenticator app shows? RFC 6238 (SHA-1, 30 seconds, 6 digits); pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote

STEP = 30
DIGITS = 6
#: Codes of the step before and the one after are good too: clocks differ, and fingers are slow.
WINDOW = 1


def new_secret() -> bytes:
    """A secret of 160 bits, as the RFC recommends."""
    return secrets.token_bytes(20)


def step(seconds: float) -> int:
    """The time step at a moment in seconds since 1970."""
    return int(seconds // STEP)


def code(secret: bytes, at: int) -> str:
    """The code of a time step."""
    digest = hmac.digest(secret, at.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def match(secret: bytes, given: str, seconds: float, after: int) -> int | None:
    """The time step whose code this is, if it is a newer one than `after`: no code is good twice."""
    digits = "".join(given.split())
    now = step(seconds)
    for at in range(now - WINDOW, now + WINDOW + 1):
        if hmac.compare_digest(code(secret, at).encode(), digits.encode(errors="replace")) and at > after:
            return at
    return None


def words(secret: bytes) -> str:
    """The secret as it is typed into an app that cannot read the picture, in groups of four."""
    text = base64.b32encode(secret).decode("ascii")
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def uri(secret: bytes, email: str, issuer: str) -> str:
    """What the picture says to the app."""
    text = base64.b32encode(secret).decode("ascii")
    label = f"{quote(issuer)}:{quote(email)}"
    return f"otpauth://totp/{label}?secret={text}&issuer={quote(issuer)}&digits={DIGITS}&period={STEP}"

"""How is a secret kept that has to be read again? Sealed with a key that is not in the database.

The first key seals; each of them opens. To change it, put a new one in front, run `python -m app seal`, and take the
old one away.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.settings import Settings
from data import errors


class Unopened(errors.DataError):
    """Something that was sealed cannot be opened with the keys of this installation."""


class Box:
    """What seals and opens with the keys of one installation."""

    def __init__(self, keys: list[Fernet]) -> None:
        self._fernet = MultiFernet(keys)

    def seal(self, content: bytes) -> str:
        """Sealed text that may be stored anywhere."""
        return self._fernet.encrypt(content).decode("ascii")

    def open(self, sealed: str) -> bytes:
        """What was sealed; raises `Unopened`."""
        try:
            return self._fernet.decrypt(sealed.encode())
        except InvalidToken as error:
            raise Unopened(remedy="ENCRYPTION_KEYS has to hold the key that it was sealed with.") from error

    def renew(self, sealed: str) -> str:
        """The same content, sealed with the first key; raises `Unopened`."""
        return self.seal(self.open(sealed))


def box(settings: Settings) -> Box:
    """The box of this installation: with `ENCRYPTION_KEYS`, or else with a key that is made from `SECRET_KEY`.

    The made one goes on opening what it sealed before there were others.
    """
    told = settings.encryption_keys
    given = [] if told is None else [key.encode() for key in told.get_secret_value().replace(",", " ").split()]
    made = HKDF(SHA256(), 32, salt=None, info=b"vaxtrace sealed").derive(
        settings.secret_key.get_secret_value().encode()
    )
    return Box([*map(Fernet, given), Fernet(base64.urlsafe_b64encode(made))])

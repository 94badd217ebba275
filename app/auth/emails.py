"""How is an e-mail address written? In one way, by which somebody is found, recognised and counted; pure.

PostgreSQL and Python do not agree on what the small letter of each letter is, so only Python is asked.
"""

from __future__ import annotations

#: As long as an address may be (RFC 5321).
MOST = 254


def written(said: str) -> str:
    """An address in small letters, without the blanks around it.

    What would only become a letter of a to z by that, as İ and the sign of kelvin do, stays as it is: an address with
    it is another one, and may be somebody else's.
    """
    return "".join(c if _becomes_another(c) else c.lower() for c in said.strip())


def usable(said: str) -> bool:
    """Whether somebody can be let in with an address that was written so."""
    before, at, domain = said.partition("@")
    plain = said.isprintable() and not any(c.isspace() or _becomes_another(c) for c in said)
    return bool(before and at and domain) and "@" not in domain and plain and len(said) <= MOST


def _becomes_another(letter: str) -> bool:
    return not letter.isascii() and any(small.isascii() for small in letter.lower())

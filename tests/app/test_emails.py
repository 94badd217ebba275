"""How an e-mail address is written: the same for everybody who asks for it, and never somebody else's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth import emails, throttle


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (" Amina.Yusuf@Example.ORG ", "amina.yusuf@example.org"),
        ("ÉLODIE@example.org", "élodie@example.org"),
        ("amİna@example.org", "amİna@example.org"),
        ("\u212aano@example.org", "\u212aano@example.org"),
    ],
)
def test_letters_become_small_unless_that_makes_another_address_of_it(said: str, written: str) -> None:
    assert emails.written(said) == written


@given(st.text(max_size=40))
def test_what_is_written_stays_so_and_no_letter_of_another_alphabet_becomes_a_to_z(said: str) -> None:
    written = emails.written(said)
    assert emails.written(written) == written
    plain = [c for c in written if c.isascii() and c.isalpha()]
    assert len(plain) == sum(c.isascii() and c.isalpha() for c in said)


@pytest.mark.parametrize(
    "said",
    ["", "amina", "@example.org", "amina@", "a@b@example.org", "am ina@example.org", "am\nina@example.org",
     "amİna@example.org", "\u212aano@example.org", f"{'a' * 250}@example.org"],
)  # fmt: skip
def test_what_is_no_address_lets_nobody_in(said: str) -> None:
    assert not emails.usable(said)


def test_an_account_is_counted_once_however_its_address_is_typed() -> None:
    [own, _] = throttle.of_password("amina@example.org", "192.0.2.1")
    assert throttle.of_password(" AMINA@Example.org", "192.0.2.1")[0] == own

"""Tables are made once in a process: no single example is to be charged for them."""

import numpy as np
import pytest

from data.insight import chance


@pytest.fixture(scope="session", autouse=True)
def _tables() -> None:
    one = np.ones(1, dtype=np.float32)
    chance.takes_all(one, one, one, one)
    chance.cover_days(one, one, one, one)

"""Which learned model does a programme have? Those that `train` wrote, by the programme's code.

A model is weights and cuts, without a row of data; docs/model-card.md says of each where it comes from.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from data.insight import learned
from data.monthly import first_day

FOLDER = Path(__file__).parent / "insight" / "models"


def path(programme: str, folder: Path | None = None) -> Path:
    """Where the model of a programme lies, or would lie."""
    return (folder or FOLDER) / f"{programme}.npz"


def stored(programme: str, folder: Path | None = None) -> tuple[learned.Model, str] | None:
    """The model of a programme and how it is called, or None where it has none and the count model answers alone.

    Its name says which months it learnt from and how its file's digest begins: "2016-01 to 2018-12, 1b9f03c2". Raises
    `learned.UnreadableModel` for one that another version wrote.
    """
    file = path(programme, folder)
    if not file.is_file():
        return None
    kept = file.read_bytes()
    model = learned.load(kept)
    first, last = (f"{first_day(month):%Y-%m}" for month in (model.told.first_month, model.told.last_month))
    return model, f"{first} to {last}, {hashlib.sha256(kept).hexdigest()[:8]}"

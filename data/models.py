"""Which learned model does a programme have? Those that `train` wrote, by the programme's code.

A model is weights and cuts, without a row of data; docs/model-card.md says of each where it comes from.
"""

from __future__ import annotations

from pathlib import Path

from data.insight import learned

FOLDER = Path(__file__).parent / "insight" / "models"


def path(programme: str, folder: Path = FOLDER) -> Path:
    """Where the model of a programme lies, or would lie."""
    return folder / f"{programme}.npz"


def stored(programme: str, folder: Path = FOLDER) -> learned.Model | None:
    """The model of a programme, or None where it has none and the count model answers alone.

    Raises `learned.UnreadableModel` for one that another version wrote.
    """
    file = path(programme, folder)
    return learned.load(file.read_bytes()) if file.is_file() else None

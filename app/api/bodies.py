"""What did a request send? Its JSON body as an object, and the words in it; said once for the whole API."""

from __future__ import annotations

import re
from typing import Annotated, Any

from flask import request
from pydantic import AfterValidator, Field

from app.errors import InvalidBody

# Control characters but for tab and line ends, halves of characters, and what nobody sees: blanks without a width, and
# marks that turn the direction of what follows, by which one lot would look like another.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def printable(text: str) -> bool:
    """Whether everything in a text is seen as it is."""
    return not _UNPRINTABLE.search(text)


def _printable(text: str) -> str:
    if not printable(text):
        raise ValueError("it holds a character that cannot be printed")
    return text


def _trimmed(text: str) -> str:
    if text != text.strip():
        raise ValueError("it begins or ends with blanks; take them off")
    return text


Words = Annotated[str, AfterValidator(_printable)]
#: Blanks around a word would make it another one, unseen: "B1 " would be a second lot beside "B1".
Trimmed = Annotated[Words, AfterValidator(_trimmed)]
Text = Annotated[Trimmed, Field(min_length=1, max_length=200)]


def written(moment: object) -> object:
    """A moment as it is sent, before it is parsed; raises `ValueError` where it is no ISO 8601 in full."""
    # A number, also one in quotes, would be taken for seconds since 1970.
    if not isinstance(moment, str) or moment[4:5] != "-":
        raise ValueError("it is not ISO 8601 with its offset, such as 2026-03-04T09:30:00+01:00")
    return moment


def json_object() -> dict[str, Any]:
    """The body of this request, which has to be a JSON object; raises `InvalidBody`."""
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # brackets within brackets, a hundred thousand deep
        body = None
    if not isinstance(body, dict):
        raise InvalidBody(
            remedy="Send a JSON object with Content-Type: application/json.", reason="it is not a JSON object"
        )
    return body


def words_of(problem: Any) -> str:
    """What is wrong, in a few words and without the value: it may be anything."""
    known = {"missing": "it is missing", "extra_forbidden": "there is no such field"}
    return known.get(problem["type"], str(problem["msg"]).removeprefix("Value error, ")[:200])

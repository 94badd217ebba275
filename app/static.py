"""What is public? The files of assets/, below their digest, compressed ahead of time; nginx serves the same itself."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request, send_from_directory

from app import vendor
from app.auth import rights

blueprint = Blueprint("static", __name__)

_SHOWN = ("boot.js", "css/icon.svg", "vendor/")
_TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@blueprint.get("/assets/<digest>/<path:path>")
@rights.open_to_all
def asset(digest: str, path: str) -> Response:
    """A file, for ever: another content has another digest."""
    if not path.startswith(_SHOWN) or path.endswith((".br", ".gz")):
        abort(404)
    answer = twin(path)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if digest == vendor.digest() else "no-cache"
    return answer


def twin(path: str) -> Response:
    """A file of assets/ in the smallest form that the browser takes."""
    file = vendor.ASSETS / path
    kind = _TYPES.get(file.suffix, "application/octet-stream")
    for ending, encoding in ((".br", "br"), (".gz", "gzip")):
        if request.accept_encodings.quality(encoding) > 0 and file.with_name(file.name + ending).is_file():
            answer = send_from_directory(vendor.ASSETS, path + ending, mimetype=kind)
            answer.headers["Content-Encoding"] = encoding
            break
    else:
        answer = send_from_directory(vendor.ASSETS, path, mimetype=kind)
    answer.headers["Vary"] = "Accept-Encoding"
    return answer

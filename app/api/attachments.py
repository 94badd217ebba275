"""Papers that go with the record: sent by who may record there, taken away by who may see it and take files away."""

from __future__ import annotations

import io

from flask import Blueprint, Response, jsonify, request, send_file

from app import recorder, services
from app.auth import rights
from app.errors import InvalidBody
from data import errors
from data.record import attachments, submission

blueprint = Blueprint("attachments", __name__, url_prefix="/api/v1")


@blueprint.post("/<programme>/facilities/<code>/attachments")
@rights.needs("record", rights.Where.INSIDE)
def post(programme: str, code: str) -> tuple[Response, int]:
    """Keep the `file` of a form; 201 with its id, 200 where the same file was kept there before."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        place = submission.facilities(conn, found.id, [code]).get(code)
        if place is None:
            raise errors.UnknownFacility("facility", "Search for it by name to find its code.", value=code)
        who = services.principal()
        recorder.check(who, found.id, place)
        sent = request.files.get("file")
        if sent is None:
            raise InvalidBody("file", "Send multipart/form-data with one file.", reason="it has no field called file")
        content = sent.stream.read(attachments.MOST_BYTES + 1)
        kept, new = attachments.keep(conn, found.id, place.id, sent.filename or "", content, who.user_id)
    return jsonify({"id": kept, "repeated": not new}), 201 if new else 200


@blueprint.get("/<programme>/facilities/<code>/attachments/<int:number>")
@rights.needs("see", rights.Where.FACILITY)
def get(programme: str, code: str, number: int) -> Response:
    """The file as it came, to be saved and never to be shown as a page of ours."""
    rights.check(rights.Rule("export", rights.Where.FACILITY), {"programme": programme, "code": code})
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        place = submission.facilities(conn, found.id, [code]).get(code)
        if place is None:
            raise errors.UnknownFacility("facility", "Search for it by name to find its code.", value=code)
        kept = attachments.read(conn, place.id, number)
    answer = send_file(
        io.BytesIO(kept.content), kept.media_type, as_attachment=True, download_name=kept.name,
        etag=kept.sha256.hex(), last_modified=kept.created_at,
    )  # fmt: skip
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer

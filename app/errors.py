"""Which HTTP status is this error? One table, one body: `{"error", "message", "details"}`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, jsonify, request
from sqlalchemy.exc import DataError as Unstorable
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from data import errors
from geo.errors import NotThere

log = structlog.get_logger()


class NotSignedIn(errors.DataError):
    """Nobody is signed in."""


class NotAllowed(errors.DataError):
    """You may not do this here."""


class InvalidBody(errors.DataError):
    """This request cannot be read: {reason}."""


#: The first that matches; what is not listed is the record's refusal of something well-formed.
STATUS: tuple[tuple[type[errors.DataError], HTTPStatus], ...] = (
    (NotSignedIn, HTTPStatus.UNAUTHORIZED),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (InvalidBody, HTTPStatus.BAD_REQUEST),
    (errors.UnknownProgramme, HTTPStatus.NOT_FOUND),
    (errors.UnknownArea, HTTPStatus.NOT_FOUND),
    (errors.UnknownFacility, HTTPStatus.NOT_FOUND),
    (errors.UnknownProduct, HTTPStatus.NOT_FOUND),
    (NotThere, HTTPStatus.NOT_FOUND),
    (errors.Overdraw, HTTPStatus.CONFLICT),
    (errors.ConflictingRepeat, HTTPStatus.CONFLICT),
    (errors.DatabaseUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.DataError, HTTPStatus.UNPROCESSABLE_ENTITY),
)


def status(error: errors.DataError) -> HTTPStatus:
    """The status of one of our errors."""
    return next(code for kind, code in STATUS if isinstance(error, kind))


def body(error: errors.DataError) -> dict[str, Any]:
    """The body of one of our errors."""
    return {"error": type(error).__name__, "message": error.message, "details": error.details}


def unforeseen(path: str, error: Exception) -> dict[str, Any]:
    """The body of a defect of ours, which is logged with its trace."""
    log.error("request.failed", path=path, exc_info=error)
    message = "Something went wrong on our side; it has been logged. Nothing was recorded. Try again."
    return {"error": "Unforeseen", "message": message, "details": {}}


def register(app: Flask) -> None:
    """Answer every error of a request in the one shape."""

    @app.errorhandler(errors.DataError)
    def ours(error: errors.DataError) -> tuple[Response, int]:
        return jsonify(body(error)), status(error)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> tuple[Response, int]:
        name = type(error).__name__
        return jsonify({"error": name, "message": error.description, "details": {}}), error.code or 500

    @app.errorhandler(Unstorable)
    def unstorable(error: Unstorable) -> tuple[Response, int]:
        log.warning("request.unstorable", path=request.path, exc_info=error)
        return ours(InvalidBody(remedy="Look for control characters.", reason="it holds what no database can"))

    @app.errorhandler(SQLAlchemyError)
    def database(error: SQLAlchemyError) -> tuple[Response, int]:
        log.error("request.database", path=request.path, exc_info=error)
        return ours(errors.DatabaseUnavailable(remedy="Try again in a moment."))

    @app.errorhandler(Exception)
    def defect(error: Exception) -> tuple[Response, int]:
        return jsonify(unforeseen(request.path, error)), 500

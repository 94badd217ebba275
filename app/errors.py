"""Which HTTP status is this error? One table, one body: `{"error", "message", "details"}`; a browser gets a page."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, jsonify, make_response, request
from sqlalchemy.exc import DataError as Unstorable
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from app.auth.links import LinkGone
from app.auth.people import UnknownPerson
from app.auth.throttle import TooOften
from app.auth.tokens import UnknownSession
from data import doubts, errors, kpis
from data.record import counts, orders, recorded
from data.record.shipments import UnknownShipment
from geo.errors import NotThere

log = structlog.get_logger()


class NotSignedIn(errors.DataError):
    """Nobody is signed in."""


class NotAllowed(errors.DataError):
    """You may not do this here."""


class NoProgramme(errors.UnknownProgramme):
    """You have no programme to look at yet."""


class InvalidBody(errors.DataError):
    """This request cannot be read: {reason}."""


class TooLarge(errors.DataError):
    """This request is larger than the {value} that is read here."""


class TooManyRequests(errors.DataError):
    """More was asked than one caller may ask in a minute: {value}."""


#: The first that matches; what is not listed is the record's refusal of something well-formed.
STATUS: tuple[tuple[type[errors.DataError], HTTPStatus], ...] = (
    (NotSignedIn, HTTPStatus.UNAUTHORIZED),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (InvalidBody, HTTPStatus.BAD_REQUEST),
    (errors.UnknownProgramme, HTTPStatus.NOT_FOUND),
    (errors.UnknownArea, HTTPStatus.NOT_FOUND),
    (errors.UnknownFacility, HTTPStatus.NOT_FOUND),
    (errors.UnknownProduct, HTTPStatus.NOT_FOUND),
    (errors.UnknownLot, HTTPStatus.NOT_FOUND),
    (errors.UnknownAttachment, HTTPStatus.NOT_FOUND),
    (doubts.UnknownFlag, HTTPStatus.NOT_FOUND),
    (doubts.InvalidVerdict, HTTPStatus.BAD_REQUEST),
    (kpis.InvalidPeriod, HTTPStatus.BAD_REQUEST),
    (UnknownShipment, HTTPStatus.NOT_FOUND),
    (recorded.UnknownEvent, HTTPStatus.NOT_FOUND),
    (NotThere, HTTPStatus.NOT_FOUND),
    (UnknownSession, HTTPStatus.NOT_FOUND),
    (UnknownPerson, HTTPStatus.NOT_FOUND),
    (LinkGone, HTTPStatus.NOT_FOUND),
    (TooOften, HTTPStatus.TOO_MANY_REQUESTS),
    (counts.UnknownCount, HTTPStatus.NOT_FOUND),
    (counts.NotAnother, HTTPStatus.FORBIDDEN),
    (counts.AlreadyCounted, HTTPStatus.CONFLICT),
    (counts.NotOpen, HTTPStatus.CONFLICT),
    (counts.SavedByAnother, HTTPStatus.PRECONDITION_FAILED),
    (counts.Moved, HTTPStatus.PRECONDITION_FAILED),
    (orders.UnknownOrder, HTTPStatus.NOT_FOUND),
    (orders.NotAnother, HTTPStatus.FORBIDDEN),
    (orders.NotNow, HTTPStatus.CONFLICT),
    (orders.TooLittle, HTTPStatus.CONFLICT),
    (orders.DocumentUsed, HTTPStatus.CONFLICT),
    (orders.OtherReference, HTTPStatus.CONFLICT),
    (orders.OrderChanged, HTTPStatus.PRECONDITION_FAILED),
    (errors.Overdraw, HTTPStatus.CONFLICT),
    (errors.ConflictingRepeat, HTTPStatus.CONFLICT),
    (errors.Contradicted, HTTPStatus.CONFLICT),
    (errors.Changed, HTTPStatus.PRECONDITION_FAILED),
    (errors.DatabaseUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS),
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


#: What a browser sends a form as.
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def wants_page() -> bool:
    """Whether a browser asks for something to show, rather than a program for something to read."""
    # Not `.best`: browsers also accept signed exchanges, which sort before pages for being more specific.
    accepts = request.accept_mimetypes
    shown = request.method == "GET" or request.mimetype in FORMS
    return shown and accepts.quality("text/html") > accepts.quality("application/json")


def register(app: Flask, page: Callable[[str, int], str]) -> None:
    """Answer every error of a request in the one shape, or with the `page` of its message and status."""

    def answer(said: dict[str, Any], code: int) -> Response:
        content = page(said["message"], code) if wants_page() else jsonify(said)
        response = make_response(content, code)
        response.vary.add("Accept")
        if "seconds" in said["details"]:
            response.headers["Retry-After"] = str(said["details"]["seconds"])
        return response

    @app.errorhandler(errors.DataError)
    def ours(error: errors.DataError) -> Response:
        return answer(body(error), status(error))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        name = type(error).__name__
        return answer({"error": name, "message": error.description, "details": {}}, error.code or 500)

    @app.errorhandler(Unstorable)
    def unstorable(error: Unstorable) -> Response:
        log.warning("request.unstorable", path=request.path, exc_info=error)
        return ours(InvalidBody(remedy="Look for control characters.", reason="it holds what no database can"))

    @app.errorhandler(SQLAlchemyError)
    def database(error: SQLAlchemyError) -> Response:
        log.error("request.database", path=request.path, exc_info=error)
        return ours(errors.DatabaseUnavailable(remedy="Try again in a moment."))

    @app.errorhandler(Exception)
    def defect(error: Exception) -> Response:
        return answer(unforeseen(request.path, error), 500)

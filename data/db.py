"""How is the database reached? Engine and transactions, and the one border where driver errors become ours."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg.types.array import ListBinaryDumper
from sqlalchemy.exc import DisconnectionError, IntegrityError, OperationalError

from data import errors


def connect_url(url: str) -> str:
    """Name psycopg 3 as the driver of a plain `postgresql://` address."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1) if url.startswith("postgresql://") else url


#: Statements take the same plan whatever is asked for: to plan a tile takes half as long as to make it.
_OPTIONS = "-c timezone=UTC -c jit=off -c plan_cache_mode=force_generic_plan"
#: What waits or works longer than this for one request is given up: a thread that hangs is a page that hangs.
PATIENT = "-c lock_timeout=8s -c statement_timeout=30s"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a transaction may see, for `data.walls`: arrays and multiranges of ids as PostgreSQL writes them.

    `whole` are the programmes of which all is seen; `facilities` and `areas` those that are seen, wherever they are.
    `first` to `last` are facilities too, all of which are seen: a run of ids that is quickly compared.
    """

    programmes: str = "{}"
    whole: str = "{}"
    facilities: str = "{}"
    areas: str = "{}"
    first: str = ""
    last: str = ""


#: What somebody sees who has not said who they are.
NOTHING = Seen()


def engine(
    url: str, *, pool_size: int = 8, application: str = "vaxtrace", patience: str = "", role: str | None = None
) -> sa.Engine:
    """Open an engine; what a restarted PostgreSQL has closed is noticed before it is used, and opened again silently.

    `patience` is how long a statement may take, such as `PATIENT`; without it nothing is given up. `role` is whose
    rights every connection has, from its first statement on: `walls.APP` for whatever people reach.
    """
    acting = "" if role is None else f"-c role={role}"
    made = sa.create_engine(
        connect_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        # The one used last first: its server process has read the catalogues and planned the statements already.
        pool_use_lifo=True,
        # Errors are logged; what people sent is not.
        hide_parameters=True,
        connect_args={"application_name": application, "options": f"{_OPTIONS} {patience} {acting}"},
    )
    sa.event.listen(made, "connect", _send_lists_in_binary)
    sa.event.listen(made, "checkout", _notice_the_closed)
    return made


def _send_lists_in_binary(connection: Any, _: object) -> None:
    # As text every word of a list is searched for what has to be escaped: ten times as long as to send it as it is.
    connection.adapters.register_dumper(list, ListBinaryDumper)


def _notice_the_closed(connection: Any, *_: object) -> None:
    # All that PostgreSQL says on an idle connection is that it closed it: a look instead of a way there and back.
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError


@contextmanager
def transaction(engine: sa.Engine, seen: Seen | None = None, *, role: str | None = None) -> Iterator[sa.Connection]:
    """One transaction: commits at the end, rolls back on any error.

    `seen` is what it may see, where the engine's role has walls; `role` is another one for this transaction alone.
    Raises `DatabaseUnavailable` where PostgreSQL does not answer, and `Contradicted` where one of `errors.CONSTRAINTS`
    says no.
    """
    with _errors_are_ours(), engine.begin() as conn:
        if role is not None:
            conn.exec_driver_sql("select set_config('role', %s, true)", (role,))
        if seen is not None:
            told = (seen.programmes, seen.whole, seen.facilities, seen.areas, seen.first, seen.last)
            conn.exec_driver_sql(_TELL, told)
        yield conn


_TELL = (
    "select set_config('vaxtrace.programmes', %s, true), set_config('vaxtrace.whole', %s, true),"
    " set_config('vaxtrace.facilities', %s, true), set_config('vaxtrace.areas', %s, true),"
    " set_config('vaxtrace.first', %s, true), set_config('vaxtrace.last', %s, true)"
)


@contextmanager
def single(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection on which each statement is its own transaction: a lone read spares the ways for BEGIN and COMMIT.

    Raises `DatabaseUnavailable` where PostgreSQL does not answer.
    """
    with _errors_are_ours(), engine.connect() as conn:
        yield conn.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def _errors_are_ours() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if name not in errors.CONSTRAINTS:
            raise
        raise errors.Contradicted(remedy="Nothing was recorded.", reason=errors.CONSTRAINTS[name]) from error
    except OperationalError as error:
        if error.connection_invalidated or error.orig is None or getattr(error.orig, "sqlstate", None) is None:
            raise errors.DatabaseUnavailable(remedy="Try again in a moment; nothing was recorded.") from error
        raise

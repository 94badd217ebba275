"""How do many who record at once share a commit? Single events that arrive while another is being written go together.

Who comes while a transaction of the programme is under way waits for the next one, and whoever leads it takes all who
wait; where several went together just before, it gives them a moment to come again. Each event is judged by itself, and
none waits longer than it would behind the others one by one. A list of events has a transaction of its own.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa

from app.auth.principal import Principal
from app.errors import NotAllowed
from data import db, errors
from data.db import Seen
from data.record import ledger, partitions, submission
from data.record.ledger import Answer
from data.record.submission import Entry, Facility, Refused
from data.types import StockEvent

#: So many events share a commit at most.
MOST = 200
#: So long, in seconds, a transaction waits for those who were in the last ones: a commit takes longer.
GATHER = 0.002


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Events that somebody sent together; `partial` keeps the good ones although others are refused."""

    principal: Principal
    programme: str
    events: Sequence[StockEvent]
    partial: bool = False
    answers: Future[list[Answer]] = field(default_factory=Future)
    #: Set when its answers are there, or it is its turn to lead.
    called: threading.Event = field(default_factory=threading.Event)


class Recorder:
    """The way of this process into the ledger."""

    def __init__(self, engine: sa.Engine, whole: Callable[[int], Seen] | None = None) -> None:
        self._engine = engine
        #: What PostgreSQL is told, where the engine's role has walls: a shipment has an end outside the area of who
        #: records, and events of several people share a commit. Each is judged by the rights of its sender below.
        self._whole = whole
        #: Single events that wait, by programme; and the programmes in which somebody leads a transaction of such.
        self._waiting: dict[str, list[Job]] = defaultdict(list)
        self._led: set[str] = set()
        #: How many went together the last two times.
        self._sizes: dict[str, tuple[int, int]] = defaultdict(lambda: (1, 1))
        self._came = threading.Condition()

    def record(self, job: Job) -> list[Answer]:
        """Record a job durably. Raises its error where it is not partial; then nothing of it is on record."""
        if len(job.events) != 1:
            return self._record([job])[0] if job.events else []
        with self._came:
            self._waiting[job.programme].append(job)
            leads = job.programme not in self._led
            self._led.add(job.programme)
            self._came.notify_all()
        if not leads:
            job.called.wait()
        if not job.answers.done():
            self._lead(job.programme)
        [answer] = job.answers.result()
        if isinstance(answer, errors.DataError):
            answer.details["index"] = 0
            if not job.partial:
                raise answer
        return [answer]

    def _lead(self, programme: str) -> None:
        """Record all who wait, in one transaction; then whoever came meanwhile leads the next."""
        jobs = self._gather(programme)
        try:
            self._together(jobs)
        finally:
            with self._came:
                if following := self._waiting[programme]:
                    following[0].called.set()
                else:
                    self._led.discard(programme)
            for job in jobs:
                job.called.set()

    def _gather(self, programme: str) -> list[Job]:
        """Those who wait, the first of them first; as many as went together lately are given a moment to come."""
        with self._came:
            before, last = self._sizes[programme]
            self._came.wait_for(lambda: len(self._waiting[programme]) >= max(before, last), GATHER)
            waiting = self._waiting[programme]
            jobs, self._waiting[programme] = waiting[:MOST], waiting[MOST:]
            self._sizes[programme] = (last, len(jobs))
            return jobs

    def _together(self, jobs: Sequence[Job]) -> None:
        try:
            for job, answers in zip(jobs, self._record(jobs), strict=True):
                job.answers.set_result(answers)
        except BaseException as error:
            if len(jobs) == 1:
                jobs[0].answers.set_exception(error)
                return
            # What nobody foresaw of one must not become the others' error: each by itself.
            for job in jobs:
                self._together([job])

    def _record(self, jobs: Sequence[Job]) -> list[list[Answer]]:
        """One transaction for all of these jobs, which are of one programme; several are judged event by event."""
        partial = len(jobs) > 1 or jobs[0].partial
        owners = [job.principal for job in jobs for _ in job.events]
        events = [event for job in jobs for event in job.events]
        refused: dict[int, errors.DataError] = {}

        def refuse(index: int, error: errors.DataError) -> None:
            if not partial:
                raise error
            refused[index] = error

        now = datetime.now(UTC)
        programme_id = jobs[0].principal.programme_id(jobs[0].programme)
        if programme_id is None:
            raise errors.UnknownProgramme("programme", value=jobs[0].programme)
        partitions.make_late(self._engine, events, now)
        with db.transaction(self._engine, None if self._whole is None else self._whole(programme_id)) as conn:
            entries = submission.resolve(conn, programme_id, events, now, refuse)
            for entry in entries:
                entry.actor_id = owners[entry.index].user_id
            allowed = [e for e in entries if _may(owners[e.index], programme_id, e, refuse)]
            kept = ledger.keep(conn, programme_id, allowed, now, partial=partial)
        answers: dict[int, Answer] = {**refused, **{e.index: a for e, a in zip(allowed, kept, strict=True)}}
        every = iter([answers[index] for index in range(len(events))])
        return [[next(every) for _ in job.events] for job in jobs]


def check(principal: Principal, programme_id: int, facility: Facility, **details: object) -> None:
    """Raise `NotAllowed`, with these details, where somebody may not record at a facility."""
    if not principal.may("record", programme_id, facility.id, facility.lineage):
        remedy = f"You may not record stock at {facility.name}. Ask its officer, or sign in with a role that may."
        raise NotAllowed("facility", remedy, **details)


def _may(principal: Principal, programme_id: int, entry: Entry, refuse: Refused) -> bool:
    try:
        check(principal, programme_id, entry.facility, index=entry.index)
    except NotAllowed as error:
        refuse(entry.index, error)
        return False
    return True

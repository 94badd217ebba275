"""Which processes did we start, and are they still ours? Start, watch and stop by pid; never by name.

Every child leads its own session, so that a Ctrl-C in the terminal reaches only the process that stops them in order,
and is told by the kernel when that process is killed. Its pid file holds the pid and the moment it started: a number
that was given to another process since is never signalled.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Question = Callable[[], bool]

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class NotStarted(RuntimeError):
    """Something could not be started; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to start. `user` only matters to root; `patience` is how long it may take to stop, in seconds."""

    name: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 5.0


class Child:
    """One process with its log and its pid file, both under `folder`."""

    def __init__(self, command: Command, folder: Path) -> None:
        self.command = command
        self.log = folder / "log" / f"{command.name}.log"
        self.pid_file = folder / "run" / f"{command.name}.pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The name that people and the log file know it by."""
        return self.command.name

    @property
    def pid(self) -> int | None:
        """Its process id, once it was started."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it; its output goes to the end of its log.

        Only ever from the main thread: the kernel ends a child with the *thread* that made it.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        account = _account(self.command.user)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command.argv,
                cwd=self.command.cwd,
                env=self.command.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent(self.command.stop_signal),
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        self.pid_file.write_text(f"{self._process.pid} {started_at(self._process.pid)}\n", encoding="ascii")

    def running(self) -> bool:
        """Whether it still runs."""
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        """How it ended; negative for a signal, None while it runs."""
        return self._process.poll() if self._process else None

    def ask_to_stop(self) -> None:
        """Send the signal that it takes for "finish what you do, then end"."""
        if self._process and self.running():
            self._process.send_signal(self.command.stop_signal)

    def finish(self, deadline: float) -> None:
        """Wait for its end until `deadline` (of `time.monotonic`), then kill it and whatever it started."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.clear_group()
        self.pid_file.unlink(missing_ok=True)

    def clear_group(self) -> None:
        """Kill what a child that ended has left behind in its session (workers of a killed master)."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def last_words(self, lines: int = 12) -> str:
        """The end of its log, for an error message."""
        if not self.log.exists():
            return ""
        text = self.log.read_bytes()[-20_000:].decode("utf-8", "replace")
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def stop(children: Iterable[Child]) -> None:
    """Ask all of them to stop at once, wait for each as long as its patience lasts, then kill."""
    asked = [child for child in children if child.pid is not None]
    for child in asked:
        child.ask_to_stop()
    now = time.monotonic()
    for child in asked:
        child.finish(now + child.command.patience)


def complete(command: Command) -> int:
    """Run a command to its end, its output on the terminal; returns its exit code. An interrupt ends it first."""
    process = subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=command.env,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent(command.stop_signal),
    )
    try:
        return process.wait()
    except BaseException:
        process.send_signal(command.stop_signal)
        try:
            process.wait(command.patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def started_at(pid: int) -> str | None:
    """The kernel's start time of a process, which with its pid names it for good; None when there is none.

    A zombie counts as ended.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def left_over(pid_file: Path) -> int | None:
    """The pid in a pid file, if that very process still runs."""
    try:
        pid, _, when = pid_file.read_text(encoding="ascii").partition(" ")
        return int(pid) if started_at(int(pid)) == when.strip() else None
    except (OSError, ValueError):
        return None


def stop_left_over(folder: Path) -> list[str]:
    """Stop what a killed run left behind, by the pid files under `folder`; returns the names of what still ran."""
    found: list[str] = []
    # The servers last: the others finish what they do with them.
    for pid_file in sorted((folder / "run").glob("*.pid"), key=lambda p: (p.stem in ("postgres", "redis"), p.stem)):
        pid = left_over(pid_file)
        if pid == os.getpid():
            continue
        if pid is not None:
            # SIGINT is PostgreSQL's fast shutdown; the others take SIGTERM as they always do.
            end(pid, signal.SIGINT if pid_file.stem == "postgres" else signal.SIGTERM, patience=8.0)
            found.append(pid_file.stem)
        pid_file.unlink(missing_ok=True)
    return found


def end(pid: int, first: signal.Signals, *, patience: float) -> None:
    """End a process that is not our child: ask, wait, then kill."""
    born = started_at(pid)
    for signum, seconds in ((first, patience), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)
        if wait_until(lambda: born is None or started_at(pid) != born, seconds):
            return


def wait_until(done: Question, seconds: float, *, every: float = 0.05) -> bool:
    """Ask again and again until `done()` or the time is over; returns whether it is done."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def _end_with_parent(signum: signal.Signals) -> Callable[[], None] | None:
    if _libc is None:
        return None
    prctl = _libc.prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)


def _account(user: str | None) -> pwd.struct_passwd | None:
    """The account to give up root for; None where there is nothing to give up."""
    return pwd.getpwnam(user) if user is not None and os.geteuid() == 0 else None

"""Processes that were started: watched, stopped in time, never confused with another one."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from app.local import children
from app.local.children import Child, Command


@pytest.fixture
def folder(tmp_path):
    yield tmp_path
    children.stop_left_over(tmp_path)


def _child(folder, code, *, patience=5.0, name="child"):
    return Child(Command(name, [sys.executable, "-c", textwrap.dedent(code)], cwd=folder, patience=patience), folder)


def test_a_child_that_ignores_its_signal_is_killed_with_what_it_started(folder):
    child = _child(
        folder,
        """
        import signal, subprocess, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
        time.sleep(600)
        """,
        patience=0.2,
    )
    child.start()
    assert children.wait_until(lambda: child.log.read_text().endswith("\n"), 20)
    grandchild = int(child.log.read_text())
    assert children.started_at(grandchild)
    children.stop([child])
    assert child.exit_code() == -signal.SIGKILL
    assert children.wait_until(lambda: children.started_at(grandchild) is None, 10)
    assert not child.pid_file.exists()


def test_the_end_of_the_log_says_why_a_child_died(folder):
    child = _child(folder, "print('one'); raise SystemExit('the cold store is locked')")
    child.start()
    assert children.wait_until(lambda: not child.running(), 20)
    assert child.exit_code() == 1
    assert "the cold store is locked" in child.last_words()


def test_children_end_when_the_process_that_started_them_is_killed(folder):
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                f"""
                import time
                from pathlib import Path
                from app.local.children import Child, Command
                child = Child(Command("sleeper", ["sleep", "600"], cwd=Path("/")), Path({str(folder)!r}))
                child.start()
                print(child.pid, flush=True)
                time.sleep(600)
                """
            ),
        ],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        sleeper = int(parent.stdout.readline())
        assert children.started_at(sleeper)
        parent.kill()
    assert children.wait_until(lambda: children.started_at(sleeper) is None, 10)


def test_what_a_killed_run_left_is_stopped_by_its_pid_file(folder):
    child = _child(folder, "import time; time.sleep(600)", name="web")
    child.start()
    assert children.stop_left_over(folder) == ["web"]
    assert not child.running()
    assert children.stop_left_over(folder) == []


def test_a_pid_that_now_belongs_to_another_process_is_not_signalled(folder):
    child = _child(folder, "import time; time.sleep(600)", name="web")
    child.start()
    try:
        earlier = int(children.started_at(child.pid)) - 1
        child.pid_file.write_text(f"{child.pid} {earlier}\n")
        assert children.stop_left_over(folder) == []
        assert child.running()
    finally:
        children.stop([child])


@pytest.mark.parametrize("text", ["", "not a number", "999999999 1", f"{os.getpid()}"])
def test_a_broken_pid_file_names_nobody(folder, text):
    pid_file = folder / "broken.pid"
    pid_file.write_text(text)
    assert children.left_over(pid_file) is None

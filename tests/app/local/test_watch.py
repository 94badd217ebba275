"""A process that ends by itself is started again, and people are told."""

import os
import signal
import sys

import pytest

from app.local import children, watch
from app.local.children import Child, Command


def test_a_process_that_is_killed_is_started_again(tmp_path):
    child = Child(Command("web", ["sleep", "600"], cwd=tmp_path), tmp_path)
    child.start()
    first = child.pid
    os.kill(first, signal.SIGKILL)
    said = []
    try:
        watch.keep([child], said.append, done=lambda: child.pid != first)
        assert child.running()
    finally:
        children.stop([child])
    assert said == ["web ended (signal 9); starting it again in 0.5 s."]


def test_the_log_of_a_process_that_failed_is_shown(tmp_path):
    code = "raise SystemExit('the tables are older than this release')"
    child = Child(Command("worker", [sys.executable, "-c", code], cwd=tmp_path), tmp_path)
    child.start()
    said = []
    try:
        watch.keep([child], said.append, done=lambda: bool(said))
    finally:
        children.stop([child])
    assert said[0] == "worker ended (exit code 1); starting it again in 0.5 s."
    assert "the tables are older than this release" in said[1]


@pytest.mark.parametrize(("ends", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (5000, 30.0)])
def test_each_end_is_followed_by_a_longer_wait(ends, seconds):
    assert watch.wait_before(ends) == seconds

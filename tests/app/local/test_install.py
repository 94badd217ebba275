"""Installing: done once, seen from its stamp; without rights it says exactly what is missing."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
_STAMPED = (
    "requirements.txt", "requirements-dev.txt", "requirements-infra.txt", "requirements-bootstrap.txt",
    "assets/package-lock.json", "app/vendor.py", "app/local/install.sh", "app/local/packages.sh",
)  # fmt: skip
_TOOLS = (
    "sh", "cat", "sha256sum", "cut", "dirname", "date", "tail", "sed", "sort", "tr", "mkdir", "rm", "printf",
    "dpkg", "apt-get", "apt-cache",
)  # fmt: skip


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "checkout"
    for name in _STAMPED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    return folder


@pytest.fixture
def poor_path(tmp_path):
    """A PATH without Redis, of somebody who is not root and whom sudo asks for a password."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in _TOOLS:
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not on this machine")
        (folder / tool).symlink_to(found)
    (folder / "python3").symlink_to(Path(sys.executable).resolve())
    _script(folder / "id", "echo 1000")
    _script(folder / "sudo", "exit 1")
    return folder


def _script(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def _install(checkout, *, path=None, level="run", **env):
    variables = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "PYTHON")}
    if path is not None:
        variables["PATH"] = str(path)
    return subprocess.run(
        ["/bin/sh", checkout / "app/local/install.sh", level],
        env=variables | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _pretend_installed(checkout, level):
    digest = hashlib.sha256(b"".join((checkout / name).read_bytes() for name in _STAMPED)).hexdigest()
    python = checkout / ".local/venv/bin/python"
    python.parent.mkdir(parents=True)
    _script(python, "exit 0")
    (checkout / f".local/stamp-{level}").write_text(f"{digest}\n")


@pytest.mark.parametrize(("installed", "asked"), [("run", "run"), ("test", "test"), ("test", "run")])
def test_what_is_installed_is_left_alone(checkout, installed, asked):
    _pretend_installed(checkout, installed)
    done = _install(checkout, level=asked)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_rights_it_says_what_to_install(checkout, poor_path):
    done = _install(checkout, path=poor_path)
    assert done.returncode == 1
    line = next(line for line in done.stderr.splitlines() if "apt-get install" in line)
    assert line.split()[:3] == ["sudo", "apt-get", "install"]
    assert "redis-server" in line.split()
    assert "DATABASE_URL" in done.stderr
    assert "REDIS_URL" in done.stderr


def test_a_changed_lock_file_is_noticed(checkout, poor_path):
    _pretend_installed(checkout, "run")
    with (checkout / "requirements.txt").open("a") as lock:
        lock.write("# one more\n")
    assert _install(checkout, path=poor_path).returncode == 1


def test_tests_need_more_than_running(checkout, poor_path):
    _pretend_installed(checkout, "run")
    assert _install(checkout, path=poor_path, level="test").returncode == 1


def test_an_older_python_is_refused_with_the_way_out(checkout, poor_path):
    _script(poor_path / "python3.9", 'case "$1" in -c) exit 1 ;; *) echo Python 3.9.2 ;; esac')
    done = _install(checkout, path=poor_path, PYTHON="python3.9")
    assert done.returncode == 1
    assert "python3.9 is Python 3.9.2" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_elsewhere_than_on_debian_the_programs_are_named(checkout, poor_path):
    (poor_path / "apt-get").unlink()
    done = _install(checkout, path=poor_path)
    assert done.returncode == 1
    assert "apt-get" not in done.stderr
    assert "PostGIS" in done.stderr

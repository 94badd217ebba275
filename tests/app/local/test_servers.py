"""Private servers: made in a folder, private to it, durable, and gone when told."""

import os
import signal
import socket
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa

from app.local import children, servers
from data import db


@pytest.fixture
def folder(tmp_path):
    # Root's PostgreSQL runs as another account: pytest's own folders are closed to it.
    yield tmp_path
    children.stop_left_over(tmp_path)
    servers.remove(tmp_path)


def _scalar(url, statement):
    engine = db.engine(url)
    try:
        with engine.begin() as conn:
            return conn.execute(sa.text(statement)).scalar()
    finally:
        engine.dispose()


def _run(url, statement):
    engine = db.engine(url)
    try:
        with engine.begin() as conn:
            conn.execute(sa.text(statement))
    finally:
        engine.dispose()


def test_a_new_folder_becomes_a_database_with_postgis_at_hand(folder):
    server = servers.start_postgres(folder, durable=False)
    try:
        _run(server.url, "create extension postgis")
        assert _scalar(server.url, "select postgis_lib_version() >= '3.3'")
        assert _scalar(server.url, "show listen_addresses") == ""
    finally:
        server.stop()
    assert not server.child.running()
    assert not server.child.pid_file.exists()


def test_what_was_committed_is_there_after_kill_9_of_postgres(folder):
    server = servers.start_postgres(folder, durable=False)
    _run(server.url, "create table kept as select 7 as doses")
    os.kill(server.child.pid, signal.SIGKILL)
    assert children.wait_until(lambda: not server.child.running(), 10)
    again = servers.start_postgres(folder, durable=False)
    try:
        assert _scalar(again.url, "select doses from kept") == 7
    finally:
        again.stop()


def test_a_postgres_that_a_killed_run_left_behind_is_replaced(folder):
    first = servers.start_postgres(folder, durable=False)
    # As after a kill -9 of the process that started it: nobody stopped it and its pid file is lost.
    first.child.pid_file.unlink()
    second = servers.start_postgres(folder, durable=False)
    try:
        assert not first.child.running()
        assert _scalar(second.url, "select 1") == 1
    finally:
        second.stop()


def test_another_process_with_the_pid_of_a_lost_postgres_is_left_alone(folder):
    server = servers.start_postgres(folder, durable=False)
    server.stop()
    bystander = children.Child(children.Command("bystander", ["sleep", "60"], cwd=Path("/")), folder)
    bystander.start()
    try:
        pid_file = (folder / "pg").resolve() / "data" / "postmaster.pid"
        pid_file.write_text(f"{bystander.pid}\n/somewhere/else\n1\n5432\n\n\n\nready\n")
        again = servers.start_postgres(folder, durable=False)
        again.stop()
        assert bystander.running()
    finally:
        children.stop([bystander])


def test_two_folders_run_side_by_side(folder, postgres):
    other = servers.start_postgres(folder, durable=False)
    try:
        assert other.url != postgres.url
        assert _scalar(other.url, "select 1") == _scalar(postgres.url, "select 1")
    finally:
        other.stop()


def test_a_folder_with_a_path_too_long_for_a_socket_works(tmp_path):
    deep = tmp_path / ("long" * 20) / ("longer" * 10)
    server = servers.start_postgres(deep, durable=False)
    store = servers.start_redis(deep)
    short = Path(store.url.removeprefix("unix://").partition("?")[0]).parent
    try:
        assert _scalar(server.url, "select 1") == 1
        with redis.Redis.from_url(store.url) as client:
            assert client.ping()
        assert short.parent == Path("/tmp")
        assert short.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop()
        store.stop()
        servers.remove(deep)
    assert not short.exists()


def test_a_short_socket_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    link = tmp_path / "link"
    link.symlink_to(theirs)
    monkeypatch.setattr(servers, "_short", lambda wanted: link)
    with pytest.raises(servers.NotStarted, match="belongs to somebody else"):
        servers.start_redis(tmp_path / ("long" * 20) / ("longer" * 10))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its cluster to another account")
def test_root_keeps_its_cluster_where_the_other_account_can_reach_it(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder = closed / "local"
    server = servers.start_postgres(folder, durable=False)
    kept = (folder / "pg").resolve()
    try:
        assert kept.is_relative_to("/var/lib/vaxtrace")
        assert kept.stat().st_uid != 0
        assert kept.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop()
        servers.remove(folder)
    assert not kept.exists()


def test_redis_is_reached_through_its_socket_only(folder):
    server = servers.start_redis(folder)
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("port") == {"port": "0"}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
    finally:
        server.stop()
    path = server.url.removeprefix("unix://").partition("?")[0]
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(OSError, match=r"refused|No such file"):
        client.connect(path)


def test_a_machine_without_redis_is_told_what_to_do(folder, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(servers.NotStarted, match="set REDIS_URL"):
        servers.start_redis(folder)


def test_data_of_a_postgres_that_is_gone_is_named(folder):
    with pytest.raises(servers.NotStarted, match="postgresql-9-postgis-3"):
        servers.find_postgres(9)

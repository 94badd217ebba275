"""The front joins web and live behind one address and serves assets from disk."""

import gzip
import http.server
import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from app.local import children, front
from app.local.ports import free_port


class _Echo(http.server.BaseHTTPRequestHandler):
    """Answers with its server's name and the headers that it was sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self):
        lines = [self.server.name, self.path, *(f"{name.lower()}: {value}" for name, value in self.headers.items())]
        body = "\n".join(lines).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def _server(name):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    server.daemon_threads = True
    server.name = name
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def assets(tmp_path):
    folder = tmp_path / "assets"
    (folder / "vendor").mkdir(parents=True)
    (folder / "node_modules").mkdir()
    script = b"export const doses = 7;\n" * 50
    (folder / "vendor" / "map.mjs").write_bytes(script)
    (folder / "vendor" / "map.mjs.gz").write_bytes(gzip.compress(script))
    for name in ("map.mjs.br", "map.css", "map.css.br"):
        (folder / "vendor" / name).write_bytes(name.encode())
    (folder / "package.json").write_text("{}")
    (folder / ".npmrc").write_text("x")
    (folder / "eslint.config.js").write_text("x")
    (folder / "node_modules" / "index.js").write_text("x")
    return folder


@pytest.fixture
def address(tmp_path, assets):
    port = free_port()
    with _server("web") as web, _server("live") as live:
        nginx = front.child(tmp_path, listen=f"127.0.0.1:{port}", web=web, live=live, assets=assets)
        nginx.start()
        try:
            assert children.wait_until(lambda: _connects(port) or not nginx.running(), 20)
            assert nginx.running(), nginx.last_words()
            yield f"http://127.0.0.1:{port}"
        finally:
            children.stop([nginx])


def _connects(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _ask(url, data=None, **headers):
    request = urllib.request.Request(url, data, {k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_pages_go_to_web_with_where_they_came_from(address):
    _, _, body = _ask(f"{address}/ng?area=NG020")
    lines = body.decode().splitlines()
    assert lines[:2] == ["web", "/ng?area=NG020"]
    assert f"host: {address.removeprefix('http://')}" in lines
    assert "x-forwarded-for: 127.0.0.1" in lines
    assert "x-forwarded-proto: http" in lines


def test_sockets_go_to_live_without_the_compression_that_slows_them(address):
    _, _, body = _ask(f"{address}/socket.io/?EIO=4", Upgrade="websocket", Sec_WebSocket_Extensions="permessage-deflate")
    lines = body.decode().splitlines()
    assert lines[0] == "live"
    assert "upgrade: websocket" in lines
    assert "connection: upgrade" in lines
    assert not [line for line in lines if line.startswith("sec-websocket-extensions")]


def test_an_asset_under_its_digest_is_kept_for_ever_and_sent_compressed(address):
    status, headers, body = _ask(f"{address}/assets/0a1b2c3d4e5f/vendor/map.mjs", Accept_Encoding="gzip")
    assert status == 200
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in headers["Cache-Control"]
    assert gzip.decompress(body).startswith(b"export const doses")


@pytest.mark.parametrize("name", ["map.mjs", "map.css"])
def test_who_takes_brotli_is_sent_the_twin_as_what_it_is(address, name):
    status, headers, body = _ask(f"{address}/assets/0a1b2c3d4e5f/vendor/{name}", Accept_Encoding="gzip, deflate, br")
    assert (status, body) == (200, f"{name}.br".encode())
    assert headers["Content-Encoding"] == "br"
    assert headers["Content-Type"].startswith({"map.mjs": "text/javascript", "map.css": "text/css"}[name])
    assert headers["Vary"] == "Accept-Encoding"
    assert "immutable" in headers["Cache-Control"]


@pytest.mark.parametrize("accepted", ["", "gzip", "br;q=0", "gzip, br;q=0.0"])
def test_who_does_not_take_brotli_is_not_sent_it(address, accepted):
    _, headers, body = _ask(f"{address}/assets/0a1b2c3d4e5f/vendor/map.css", Accept_Encoding=accepted)
    assert (headers["Content-Encoding"], body) == (None, b"map.css")


def test_a_twin_has_no_address_of_its_own(address):
    assert _ask(f"{address}/.twin/vendor/map.css.br")[0] == 404


def test_an_asset_without_a_digest_is_asked_for_again(address):
    status, headers, _ = _ask(f"{address}/assets/vendor/map.mjs")
    assert status == 200
    assert headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("digest", ["", "0a1b2c3d4e5f/"])
@pytest.mark.parametrize(
    "path",
    ["node_modules/index.js", "package.json", ".npmrc", "eslint.config.js", "vendor/..%2fpackage.json", "none.js"],
)
def test_only_assets_are_served_as_assets(address, digest, path):
    status, _, _ = _ask(f"{address}/assets/{digest}{path}")
    assert status in (400, 404)


def test_who_tries_passwords_by_the_dozen_is_slowed_down_and_nobody_else_is(address):
    tries = [_ask(f"{address}/login", b"email=a", X_Forwarded_For="203.0.113.7, 198.51.100.1") for _ in range(60)]
    assert [status for status, _, _ in tries[:20]] == [200] * 20
    _, headers, body = next(answer for answer in tries if answer[0] == 429)
    assert headers["Retry-After"] == "10"
    assert b"Wait ten seconds" in body
    assert _ask(f"{address}/login", X_Forwarded_For="198.51.100.1")[0] == 200
    assert _ask(f"{address}/api/v1/stock-events", b"email=a", X_Forwarded_For="198.51.100.1")[0] == 200
    assert _ask(f"{address}/login", b"email=a", X_Forwarded_For="198.51.100.2")[0] == 200
    assert _ask(f"{address}/login", b"email=a")[0] == 200


def test_who_is_no_proxy_of_ours_does_not_say_where_they_come_from(address, tmp_path):
    (tmp_path / "nginx" / "http.d" / "outer.conf").write_text("set_real_ip_from 192.0.2.0/24;\n")
    os.kill(int((tmp_path / "nginx" / "nginx.pid").read_text()), signal.SIGHUP)
    lines = []

    def told():
        lines[:] = _ask(f"{address}/ng", X_Forwarded_For="198.51.100.1")[2].decode().splitlines()
        return "x-forwarded-for: 198.51.100.1, 127.0.0.1" in lines

    assert children.wait_until(told, 10), lines
    tries = [_ask(f"{address}/login", b"email=a", X_Forwarded_For=f"198.51.100.{n}")[0] for n in range(60)]
    assert 429 in tries


def test_a_body_beyond_eight_mebibytes_is_refused_in_the_form_of_every_error(address):
    request = urllib.request.Request(f"{address}/api/v1/stock-events", data=b" " * (8 * 2**20 + 1), method="POST")
    with pytest.raises((urllib.error.HTTPError, urllib.error.URLError)) as refused:
        urllib.request.urlopen(request, timeout=10)
    if isinstance(refused.value, urllib.error.HTTPError):
        with refused.value:
            assert refused.value.code == 413
            said = json.loads(refused.value.read())
            assert said["error"] == "TooLarge"
            assert said["details"]["remedy"] == "Send it in several parts."


def test_while_web_starts_again_a_person_is_told_to_wait(tmp_path, assets):
    port, nobody = free_port(), free_port()
    nginx = front.child(
        tmp_path, listen=f"127.0.0.1:{port}", web=f"127.0.0.1:{nobody}", live=f"127.0.0.1:{nobody}", assets=assets
    )
    nginx.start()
    try:
        assert children.wait_until(lambda: _connects(port), 20)
        status, headers, body = _ask(f"http://127.0.0.1:{port}/")
    finally:
        children.stop([nginx])
    assert status == 503
    assert headers["Retry-After"] == "2"
    assert b"is starting" in body

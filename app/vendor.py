"""What does the browser get, and how compressed? Libraries out of node_modules, our modules as one; the page's tags.

`python -m app vendor` runs it after `npm ci` in assets/. Nothing is fetched from anywhere else, then or later.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path

import brotli
from plotly.offline import get_plotlyjs_version

ASSETS = Path(__file__).resolve().parents[1] / "assets"

#: What is copied, by package: file in the package -> file in assets/vendor.
_COPIES = {
    "maplibre-gl": {
        "dist/maplibre-gl.mjs": "maplibre-gl/maplibre-gl.mjs",
        "dist/maplibre-gl-worker.mjs": "maplibre-gl/maplibre-gl-worker.mjs",
        "dist/maplibre-gl-shared.mjs": "maplibre-gl/maplibre-gl-shared.mjs",
        "dist/maplibre-gl.css": "maplibre-gl/maplibre-gl.css",
        "LICENSE.txt": "maplibre-gl/LICENSE.txt",
    },
    "socket.io-client": {
        "dist/socket.io.esm.min.js": "socket.io/socket.io.mjs",
        "LICENSE": "socket.io/LICENSE",
    },
    "plotly.js-cartesian-dist-min": {
        "plotly-cartesian.min.js": "plotly-cartesian.min.js",
        "LICENSE": "plotly-cartesian.LICENSE",
    },
}

#: Nine tenths of what a first visit to the map has to fetch.
_HEAVY = ("maplibre-gl.mjs", "maplibre-gl-worker.mjs")

#: Our own modules and stylesheets, each as one file: a browser asks for six at a time, and forty take it a second more
#: on a slow line. An address that a module names relative to itself is the same from vendor/ as from modules/.
_MODULES, _STYLES = "vendor/main.mjs", "vendor/main.css"
_BUNDLE = (
    "modules/main.mjs", "--bundle", "--minify", "--format=esm", "--target=es2022", "--charset=utf8",
    "--external:../vendor/*", "--log-level=warning",
)  # fmt: skip

#: Compressed ahead of time; smaller files gain nothing.
_COMPRESSED = {".mjs", ".js", ".css", ".svg", ".json"}
_SMALLEST = 200


class VendorError(Exception):
    """The browser's libraries cannot be prepared."""


def build(assets: Path = ASSETS) -> list[Path]:
    """Fill assets/vendor from assets/node_modules and our sources, compress everything static; returns the files made.

    Raises `VendorError` when a package is missing, or when Plotly's bundle is not of the version that Python's plotly
    speaks to: charts would then fail in the browser only.
    """
    modules = assets / "node_modules"
    vendor = assets / "vendor"
    _check_plotly(modules)
    made = []
    for package, files in _COPIES.items():
        for source, target in files.items():
            path = modules / package / source
            if not path.is_file():
                raise VendorError(f"{path.relative_to(assets)} is missing. Run `npm ci` in assets/.")
            (vendor / target).parent.mkdir(parents=True, exist_ok=True)
            _copy(path, vendor / target)
            made.append(vendor / target)
    for target, content in ((_MODULES, _bundle(assets)), (_STYLES, _styles(assets))):
        made.append(assets / target)
        if not made[-1].is_file() or made[-1].read_bytes() != content:
            made[-1].write_bytes(content)
    for path in _static(assets):
        _compress(path)
    return made


@cache
def digest(assets: Path = ASSETS) -> str:
    """What everything static amounts to, in 12 letters: part of its address, so that it can be cached for ever.

    Read once per process: files that change under a running server keep their old address.
    """
    total = hashlib.sha256()
    for path in _static(assets):
        total.update(path.relative_to(assets).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:12]


def head_tags(base: str, programme: str | None = None) -> str:
    """The tags of a page's head; `base` is where assets are served, `/assets/<digest>`.

    With a programme the page has a map: MapLibre, our modules and the registry are then asked for at once, before
    anything of Dash. Without one (sign-in, plain pages) only the theme and the stylesheets are; what the map will
    need is fetched when the browser has nothing else to do, for instance while somebody types a password.
    """
    base = escape(base)
    tags = [f'<link rel="stylesheet" href="{base}/{_STYLES}">']
    tags.append(f'<link rel="icon" type="image/svg+xml" href="{base}/css/icon.svg">')
    maplibre = f"{base}/vendor/maplibre-gl"
    if programme is None:
        tags += [f'<link rel="prefetch" href="{maplibre}/{name}">' for name in _HEAVY]
    else:
        code = escape(programme, quote=True)
        tags += [
            f'<meta name="vaxtrace-programme" content="{code}">',
            f'<link rel="preload" as="fetch" crossorigin="anonymous" href="/api/v1/{code}/registry">',
            *[f'<link rel="modulepreload" href="{maplibre}/{name}">' for name in _HEAVY],
            f'<link rel="modulepreload" href="{base}/{_MODULES}">',
            f'<link rel="stylesheet" href="{maplibre}/maplibre-gl.css">',
        ]
    return "\n".join([*tags, f'<script src="{base}/boot.js"></script>'])


def _check_plotly(modules: Path) -> None:
    package = modules / "plotly.js-cartesian-dist-min" / "package.json"
    if not package.is_file():
        raise VendorError("node_modules is missing. Run `npm ci` in assets/.")
    bundled, wanted = json.loads(package.read_text())["version"], get_plotlyjs_version()
    if bundled != wanted:
        raise VendorError(
            f"plotly.js-cartesian-dist-min is {bundled}, but the installed plotly speaks to {wanted}. "
            f"Set {wanted} in assets/package.json and run `npm install` there."
        )


def _bundle(assets: Path) -> bytes:
    """Our modules as one. The compiler is a program of its own: nothing of node is needed."""
    program = next((assets / "node_modules" / "@esbuild").glob("*/bin/esbuild"), None)
    if program is None:
        raise VendorError("node_modules/@esbuild is missing. Run `npm ci` in assets/.")
    done = subprocess.run([program.absolute(), *_BUNDLE], cwd=assets, capture_output=True, check=False)
    if done.returncode:
        raise VendorError(f"The modules in assets/ cannot be joined:\n{done.stderr.decode()}")
    return done.stdout


def _styles(assets: Path) -> bytes:
    """Our stylesheets as one, in the order of their names."""
    return b"\n".join(path.read_bytes() for path in sorted((assets / "css").glob("*.css")))


def _static(assets: Path) -> Iterator[Path]:
    """Everything that the browser may ask for, in a fixed order; never node_modules."""
    yield assets / "boot.js"
    yield assets / "css" / "icon.svg"
    for path in sorted((assets / "vendor").rglob("*")):
        if path.is_file() and path.suffix in _COMPRESSED:
            yield path


def _copy(source: Path, target: Path) -> None:
    """Copy unless it is there already: a compressed twin that is newer than its file is then kept."""
    if not target.is_file() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)


def _compress(path: Path) -> None:
    """Write the `.br` and `.gz` twins, where they are older than the file."""
    if path.stat().st_size < _SMALLEST:
        return
    for suffix, compress in ((".br", _brotli), (".gz", _gzip)):
        twin = path.with_name(path.name + suffix)
        if not twin.is_file() or twin.stat().st_mtime_ns < path.stat().st_mtime_ns:
            twin.write_bytes(compress(path.read_bytes()))


def _brotli(content: bytes) -> bytes:
    made: bytes = brotli.compress(content, quality=11)
    return made


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=9, mtime=0)

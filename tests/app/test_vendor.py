from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path

import brotli
import pytest
from plotly.offline import get_plotlyjs_version

from app import vendor


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """A folder like assets/ after `npm ci`, with one module and one stylesheet."""
    for package, files in vendor._COPIES.items():
        for name in files:
            path = tmp_path / "node_modules" / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"// {package} {name}\n" * 20)
    plotly = tmp_path / "node_modules" / "plotly.js-cartesian-dist-min" / "package.json"
    plotly.write_text(json.dumps({"version": get_plotlyjs_version()}))
    for name in ("css/1-base.css", "css/2-page.css", "css/icon.svg", "boot.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"/* {name} */\n" * 40)
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/main.mjs").write_text(
        'import { dose } from "./dose.mjs";\nimport("../vendor/x.mjs").then(dose);\n'
    )
    (tmp_path / "modules/dose.mjs").write_text(f'export const dose = () => "{"one dose " * 40}";\n')
    compiler = vendor.ASSETS / "node_modules/@esbuild"
    if not compiler.is_dir():
        pytest.skip("the browser's libraries are not installed: run `make test`")
    (tmp_path / "node_modules/@esbuild").symlink_to(compiler)
    return tmp_path


def test_every_library_is_copied_and_compressed_both_ways(assets: Path) -> None:
    copied = vendor.build(assets)
    assert copied
    for path in [*(p for p in copied if p.suffix in {".mjs", ".js", ".css"}), assets / "boot.js"]:
        content = path.read_bytes()
        assert brotli.decompress(path.with_name(path.name + ".br").read_bytes()) == content
        assert gzip.decompress(path.with_name(path.name + ".gz").read_bytes()) == content


def test_our_modules_become_one_and_the_libraries_stay_apart(assets: Path) -> None:
    vendor.build(assets)
    joined = (assets / "vendor/main.mjs").read_text()
    assert "one dose" in joined
    assert '"../vendor/x.mjs"' in joined
    assert "dose.mjs" not in joined


def test_our_stylesheets_become_one_in_their_order(assets: Path) -> None:
    vendor.build(assets)
    joined = (assets / "vendor/main.css").read_text()
    assert 0 <= joined.index("1-base.css") < joined.index("2-page.css")


def test_a_module_that_cannot_be_joined_is_named(assets: Path) -> None:
    (assets / "modules/main.mjs").write_text('import "./absent.mjs";')
    with pytest.raises(vendor.VendorError, match=r"absent\.mjs"):
        vendor.build(assets)


def test_a_changed_file_is_compressed_again(assets: Path) -> None:
    vendor.build(assets)
    (assets / "boot.js").write_text("/* newer */\n" * 40)
    vendor.build(assets)
    assert b"newer" in brotli.decompress((assets / "boot.js.br").read_bytes())


def test_a_missing_package_says_what_to_run(assets: Path) -> None:
    (assets / "node_modules/maplibre-gl/dist/maplibre-gl.mjs").unlink()
    with pytest.raises(vendor.VendorError, match="npm ci"):
        vendor.build(assets)


def test_a_plotly_bundle_of_another_version_is_refused(assets: Path) -> None:
    package = assets / "node_modules/plotly.js-cartesian-dist-min/package.json"
    package.write_text(json.dumps({"version": "1.0.0"}))
    with pytest.raises(vendor.VendorError, match=r"1\.0\.0"):
        vendor.build(assets)


def test_another_content_has_another_address(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    vendor.build(assets)
    for name in ("vendor", "css"):
        shutil.copytree(assets / name, other / name)
    shutil.copy(assets / "boot.js", other / "boot.js")
    assert vendor.digest(assets) == vendor.digest(other)
    vendor.digest.cache_clear()
    (other / "vendor/main.mjs").write_text("changed")
    assert vendor.digest(assets) != vendor.digest(other)


def test_a_page_with_a_map_asks_for_everything_that_is_ours_and_nothing_else() -> None:
    tags = vendor.head_tags("/assets/abc", "demo")
    for name in ("main.mjs", "main.css", "maplibre-gl/maplibre-gl.mjs"):
        assert f'href="/assets/abc/vendor/{name}"' in tags
    addresses = re.findall(r'(?:href|src)="([^"]*)"', tags)
    assert all(address.startswith(("/assets/abc/", "/api/v1/demo/")) for address in addresses)


def test_a_page_without_a_map_does_not_wait_for_one() -> None:
    tags = vendor.head_tags("/assets/abc")
    assert "modulepreload" not in tags
    assert "vaxtrace-programme" not in tags


def test_a_programme_code_cannot_write_markup() -> None:
    assert "<script>alert" not in vendor.head_tags("/assets/abc", '"><script>alert(1)</script>')

"""How do web and live share one address? nginx, from the template that production uses too."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from app.local.children import Child, Command, NotStarted

TEMPLATE = Path(__file__).with_name("nginx.conf.template")


def render(*, listen: str, web: str, live: str, assets: Path) -> str:
    """The nginx configuration; `web` and `live` are `host:port`, `listen` is what nginx calls so."""
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in {"LISTEN": listen, "WEB": web, "LIVE": live, "ASSETS": str(assets.absolute())}.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def child(folder: Path, *, listen: str, web: str, live: str, assets: Path) -> Child:
    """The front, ready to be started; its configuration and temporary files lie under `folder/nginx`."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise NotStarted("nginx is not installed: run `make run`, which installs it, or install nginx-light.")
    home = (folder / "nginx").absolute()
    (home / "http.d").mkdir(parents=True, exist_ok=True)
    # Only who is on this machine stands in front of it here.
    (home / "http.d" / "outer.conf").write_text("set_real_ip_from 127.0.0.0/8;\n", encoding="ascii")
    (home / "nginx.conf").write_text(render(listen=listen, web=web, live=live, assets=assets), encoding="utf-8")
    argv = [program, "-p", f"{home}/", "-c", str(home / "nginx.conf"), "-e", "stderr"]
    if os.geteuid() == 0:
        # Otherwise its workers become `nobody`, who may not be able to read this folder.
        argv += ["-g", "user root;"]
    return Child(Command("nginx", argv, cwd=home, patience=3.0), folder)

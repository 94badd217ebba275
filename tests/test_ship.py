"""Does what ships agree with the application and with itself? (`.ci/ship` checks each file against its own tool.)"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from app import __main__ as command_line
from app import settings

PROJECT = Path(__file__).resolve().parent.parent
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
TERRAFORM = "\n".join(path.read_text(encoding="utf-8") for path in sorted((PROJECT / "terraform").glob("*.tf")))
COMPOSE: dict[str, Any] = YAML(typ="safe").load(PROJECT / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("build", {}).get("target") == "app"}
PROCESSES = {"web", "live", "worker", "migrate"}
SECRETS = {"database_url", "redis_url", "secret_key"}
#: What people reach does not know the database's owner.
REACHED = {"web", "live"}


def stage(name: str) -> str:
    """The part of the Dockerfile that makes an image, without its comments."""
    stages = re.split(r"^(?=FROM )", DOCKERFILE, flags=re.M)
    (part,) = (part for part in stages if re.match(rf"FROM \S+ AS {name}\n", part))
    return re.sub(r"^#.*\n", "", part, flags=re.M)


def entrypoint(name: str) -> list[str]:
    found = re.search(r"^ENTRYPOINT (\[.*\])$", stage(name), re.M)
    assert found
    command: list[str] = json.loads(found[1])
    return command


def block(kind: str) -> dict[str, str]:
    """Terraform's top-level blocks of one kind: name -> text."""
    return dict(re.findall(rf'^{kind} "(\w+)" \{{\n(.*?)^\}}', TERRAFORM, flags=re.M | re.S))


def test_compose_and_terraform_run_every_process_that_the_command_line_has() -> None:
    assert entrypoint("app") == ["python", "-m", "app"]
    assert {service["command"][0] for service in OURS.values()} == PROCESSES
    sizes = re.findall(r"^    (\w+) += \{ cpu", block("variable")["processes"], re.M)
    assert {*sizes, "migrate"} == PROCESSES
    assert 'command = ["migrate"]' in TERRAFORM
    for process in PROCESSES:
        with pytest.raises(SystemExit) as leaving:
            command_line.main([process, "--help"])
        assert leaving.value.code == 0


@pytest.mark.parametrize("name", ["app", "proxy"])
def test_an_image_runs_as_a_numbered_user_that_is_not_root(name: str) -> None:
    users = re.findall(r"^USER (.*)$", stage(name), re.M)
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_no_more_than_it_needs(service: str) -> None:
    contained = SERVICES[service]
    assert contained["read_only"] is True
    assert contained["cap_drop"] == ["ALL"]
    assert contained["security_opt"] == ["no-new-privileges:true"]
    assert contained["mem_limit"]
    assert contained["pids_limit"]
    assert "privileged" not in contained
    assert ("ports" in contained) == (service == "nginx")


def test_nginx_is_published_on_loopback_unless_told_otherwise() -> None:
    assert SERVICES["nginx"]["ports"] == ["${LISTEN:-127.0.0.1:8080}:8080"]


def test_what_a_service_refers_to_exists() -> None:
    for name, service in SERVICES.items():
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        volumes = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= set(COMPOSE["volumes"]), name
        for other, on in service.get("depends_on", {}).items():
            assert other in SERVICES, name
            if on["condition"] == "service_healthy":
                check = SERVICES[other].get("healthcheck", {})
                # web and nginx are checked as their images say.
                assert "test" in check or (other in {"web", "nginx"} and not check), (name, other)
            else:
                assert on["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"] == "no"


def test_every_process_waits_for_the_migration() -> None:
    for name in OURS.keys() - {"migrate"}:
        assert OURS[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_no_secret_is_written_down_and_none_has_a_default() -> None:
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    secret = re.compile(r"PASSWORD|SECRET|TOKEN|_URL")
    for name, service in SERVICES.items():
        named = [variable for variable in service.get("environment", {}) if secret.search(variable)]
        assert all(variable.endswith("_FILE") for variable in named), name
    set_in_image = re.findall(r"^(?:ENV|ARG|    )\s*(\w+)=", DOCKERFILE, re.M)
    assert "HOST" in set_in_image
    assert not [variable for variable in set_in_image if secret.search(variable)]
    asked = [name for name in block("variable") if re.search(r"password|token|key|url", name)]
    assert asked == []


def test_the_secrets_of_the_deployment_guide_start_the_application(tmp_path: Path) -> None:
    guide = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")
    (script,) = (part for part in re.findall(r"```sh\n(.*?)```", guide, re.S) if "mkdir -p secrets" in part)
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True)
    made = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.values()} == {0o444}
    for service, contained in OURS.items():
        told = {name: path for name, path in contained["environment"].items() if name.endswith("_FILE")}
        assert {f"{name.upper()}_FILE" for name in SECRETS} <= told.keys(), service
        assert {Path(path).name for path in told.values()} == set(contained["secrets"]), service
        read = settings.read({name: str(made[Path(path).name]) for name, path in told.items()})
        user = "vaxtrace_web" if service in REACHED else "vaxtrace"
        assert f"//{user}:" in read.database_url.get_secret_value(), service
        assert made["redis_password"].read_text() in read.redis_url.get_secret_value()
        assert (service in REACHED) == ("database_url" not in contained["secrets"]), service
    assert made["database_password"].read_text() in made["database_url"].read_text()
    assert "//vaxtrace_web:" in made["web_database_url"].read_text()
    assert OURS["migrate"]["environment"]["WEB_DATABASE_URL_FILE"] == "/run/secrets/web_database_url"
    assert len({path.read_text() for path in made.values()}) == len(made)


def test_the_proxy_fills_in_every_variable_of_the_shared_template() -> None:
    template = (PROJECT / "app" / "local" / "nginx.conf.template").read_text(encoding="utf-8")
    wanted = set(re.findall(r"\$\{(\w+)\}", template))
    filled = re.search(r"envsubst '([^']*)'", entrypoint("proxy")[2])
    assert filled
    assert {name.lstrip("$") for name in filled[1].split()} == wanted
    in_image = set(re.findall(r"^(?:ENV|   ) (\w+)=", stage("proxy"), re.M))
    assert wanted - in_image == {"WEB", "LIVE"} <= SERVICES["nginx"]["environment"].keys()
    assert re.search(r'^ +OUTER="[0-9a-f.:/ ]+"', stage("proxy"), re.M)
    assert "set_real_ip_from $network;" in entrypoint("proxy")[2]
    assert "include http.d/*.conf" in template
    assert all(f'{{ name = "{name}", value' in TERRAFORM for name in ("WEB", "LIVE"))


def test_the_proxy_is_checked_with_a_file_that_exists() -> None:
    checked = re.search(r"/assets/([\w./-]+)", stage("proxy")[stage("proxy").index("HEALTHCHECK") :])
    assert checked
    assert (PROJECT / "assets" / checked[1]).is_file()


def test_the_image_gets_every_package_and_lock_file_past_dockerignore() -> None:
    ignore = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()
    allowed = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--from)(.*) \S+$", stage("build"), re.M)
    copied = {source for line in copies for source in line.split()}
    assert {"app/", "data/", "geo/", "requirements.txt", "requirements-bootstrap.txt"} <= copied
    assert {source if source in allowed else source.split("/")[0] + "/" for source in copied} == allowed
    assert all((PROJECT / source).exists() for source in copied)


@pytest.mark.parametrize("kind", ["variable", "output"])
def test_terraforms_readme_lists_every_variable_and_output(kind: str) -> None:
    readme = (PROJECT / "terraform" / "README.md").read_text(encoding="utf-8")
    section = readme[readme.index(f"## {kind.capitalize()}s") :].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    rows = {row[0].strip("`"): row for row in cells}
    blocks = block(kind)
    assert rows.keys() == blocks.keys()
    for name, text in blocks.items():
        described = re.search(r'^  description = "(.*)"$', text, re.M)
        assert described, name
        assert rows[name][-1] == described[1]
        if kind == "variable":
            assert (rows[name][2] == "required") == (not re.search(r"^  default ", text, re.M)), name


def test_terraforms_readme_lists_every_file() -> None:
    readme = (PROJECT / "terraform" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(\w+\.tf)`", readme)) == {path.name for path in (PROJECT / "terraform").glob("*.tf")}


def test_every_skipped_finding_says_why() -> None:
    skipped = re.findall(r"checkov:skip=(\S*)", TERRAFORM + DOCKERFILE)
    assert skipped
    for skip in re.findall(r"checkov:skip=(.*)$", TERRAFORM + DOCKERFILE, re.M):
        identifier, _, reason = skip.partition(":")
        assert re.fullmatch(r"CKV2?_\w+_\d+", identifier)
        assert len(reason.split()) >= 5, skip


def test_the_check_fails_on_a_fault_in_each_file(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(PROJECT / ".ci" / "ship", tmp_path / ".ci" / "ship")
    (tmp_path / ".local").symlink_to(PROJECT / ".local")
    shutil.copytree(PROJECT / "terraform", tmp_path / "terraform")
    network = tmp_path / "terraform" / "network.tf"
    network.write_text(network.read_text() + 'resource "aws_s3_bucket" "open" {\nacl="public-read"\n}\n')
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp\n")
    (tmp_path / "compose.yaml").write_text("services: {web: {image: x, memory: 1g}}\n")
    ran = subprocess.run(["sh", ".ci/ship"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert re.findall(r"^(FAILED|ok) +([\w ]+):", ran.stdout, re.M) == [
        ("FAILED", "hadolint"),
        ("FAILED", "Compose specification"),
        ("FAILED", "terraform fmt"),
        ("FAILED", "checkov"),
        ("FAILED", "checkov"),
    ]

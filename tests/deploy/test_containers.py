"""The Dockerfile and compose.yaml speak of what is there. Nothing here builds or runs them: see deploy/README.md."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from monitor.service import LOOPBACK
from monitor.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
PORT = Settings.model_fields["port"].default


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    compose = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    used = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service["volumes"]
        if not volume.startswith(".")
    }
    assert used == set(compose["volumes"])
    found: dict[str, Any] = compose["services"]
    return found


def test_what_is_copied_exists_and_may_be_seen() -> None:
    copied = [
        path
        for line in re.findall(r"^COPY (?!--)(.+)$", DOCKERFILE, re.MULTILINE)
        for path in line.split()[:-1]
    ]
    seen = re.findall(
        r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(copied) == sorted(seen)
    assert all((ROOT / path).exists() for path in copied)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"][
        "targets"
    ]
    assert set(packages["wheel"]["packages"]) <= set(copied)


def test_everything_fetched_has_a_hash_and_it_does_not_run_as_root() -> None:
    steps = DOCKERFILE.replace("\\\n", "").replace(" && ", "\n").splitlines()
    fetched = [step for step in steps if re.search("pip (install|wheel)", step)]
    assert len(fetched) == 4
    for command in fetched:
        assert "--require-hashes" in command or "--no-index" in command or command.endswith("-w /wheels .")
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE) == ["driftglass"]
    assert f"http://127.0.0.1:{PORT}/livez" in DOCKERFILE


def test_the_tools_that_build_are_in_the_lock() -> None:
    (names,) = re.findall(r'names=" (.+?) "', DOCKERFILE)
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    assert set(names.split()) <= locked


def test_the_only_way_in_leads_past_the_password(services: dict[str, Any]) -> None:
    assert services["driftglass"]["network_mode"] == "service:proxy"
    published = [port for service in services.values() for port in service.get("ports", [])]
    (address,) = published
    host, _, inside = address.split(":")
    assert host in LOOPBACK
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert f"listen {inside};" in site
    assert set(re.findall(r"proxy_pass (\S+);", site)) == {f"http://127.0.0.1:{PORT}"}


def test_files_and_names_of_the_composition_exist(services: dict[str, Any]) -> None:
    made = {"./htpasswd", "./contracts", "./data"}  # by whoever follows the README
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    for service in services.values():
        mounted = {volume.split(":")[0] for volume in service["volumes"] if volume.startswith(".")}
        assert all((DEPLOY / path).is_file() or path in made for path in mounted)
        assert set(service.get("depends_on", {})) <= set(services)
    assert all(path.removeprefix("./") in readme for path in made)
    build = services["driftglass"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    names = {name.removeprefix("DRIFTGLASS_").lower() for name in services["driftglass"]["environment"]}
    assert names <= set(Settings.model_fields)


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    # Not `missing`: nginx is not among what .ci/run installs.
    if shutil.which("nginx") is None:
        pytest.skip("no nginx is installed (apt-get install nginx-light)")
    site = (
        (DEPLOY / "nginx.conf")
        .read_text(encoding="utf-8")
        .replace("listen 8080", f"listen unix:{tmp_path}/s")
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {places} {site} }}",
        encoding="utf-8",
    )
    tested = subprocess.run(["nginx", "-t", "-c", str(config)], capture_output=True, text=True, timeout=60)
    assert tested.returncode == 0, tested.stderr

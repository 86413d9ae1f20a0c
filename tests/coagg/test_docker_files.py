"""What docker/README.md promises, read from the files; docker/try.sh tries it on an engine."""

import os
import re
import subprocess
import tomllib

import pytest
import yaml

from coagg.settings import PROJECT

DOCKER = PROJECT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def _stages() -> dict[str, list[tuple[str, str]]]:
    """Instructions of each build stage, as (name, rest); those before the first FROM under ''."""
    text = re.sub(r"^\s*#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: dict[str, list[tuple[str, str]]] = {"": []}
    stage = ""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not line.strip():
            continue
        name, rest = line.split(maxsplit=1)
        if name == "FROM":
            stage = rest.split()[-1]
            stages[stage] = []
        stages[stage].append((name, rest))
    return stages


STAGES = _stages()


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_on_loopback_only(service):
    for port in SERVICES[service].get("ports", []):
        assert port.startswith("127.0.0.1:"), port
    assert SERVICES[service].get("network_mode") != "host"
    assert not SERVICES[service].get("privileged")


def test_the_server_is_published_for_the_host_and_the_application_is_not():
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["postgis"]


@pytest.mark.parametrize("file", ["compose.yaml", "Dockerfile", ".env", "start-postgis"])
def test_no_password_is_written_down(file):
    text = (DOCKER / file).read_text()
    for value in re.findall(r"(?:password|secret|PGPASS\w*)['\"]?\s*[=:]\s*(\S+)", text, re.I):
        assert value.startswith("$(od"), value  # drawn at random on the first start
    assert set(re.findall(r"PASSWORD '([^']*)'", text)) <= {"$password"}
    assert not re.search(r"://[^/\s]*:[^/\s]*@", text)


def test_the_server_lets_nobody_in_unproved():
    script = (DOCKER / "start-postgis").read_text()
    rules = [line.split() for line in script.splitlines() if re.match(r"(local|host)\s", line)]
    assert {(kind, words[-1]) for kind, *words in rules} == {
        ("local", "peer"),
        ("host", "scram-sha-256"),
    }
    assert [rule[2] for rule in rules if rule[0] == "host"] == ["coagg_reader"]
    assert "--auth=reject" in script
    assert "/dev/urandom" in script
    assert not re.search(r"CREATE ROLE .*\b(SUPERUSER|CREATEROLE)", script)


def test_the_reader_is_an_analyst():
    script = (DOCKER / "start-postgis").read_text()
    assert "REVOKE pg_read_all_data FROM coagg_reader" in script  # of older releases
    assert not re.search(r"(GRANT|IN ROLE) pg_read_all_data", script)
    assert "GRANT coagg_analyst TO coagg_reader" in script


def test_the_start_script_is_sound_and_executable():
    script = DOCKER / "start-postgis"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", script]).returncode == 0
    assert subprocess.run(["bash", "-n", DOCKER / "try.sh"]).returncode == 0


@pytest.mark.parametrize("service", SERVICES)
def test_containers_run_without_root_and_without_capabilities(service):
    stage = STAGES[SERVICES[service]["build"]["target"]]
    users = [number for number, (name, _) in enumerate(stage) if name == "USER"]
    assert users
    assert stage[users[-1]][1] not in ("root", "0")
    assert not any(name in ("RUN", "COPY", "ADD") for name, _ in stage[users[-1] :])
    assert "user" not in SERVICES[service]
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]


def test_both_images_know_the_application_by_one_number():
    assert [rest for _, rest in STAGES["common"] if "useradd --uid 10001" in rest]
    assert STAGES["postgis"][0] == ("FROM", "common AS postgis")
    assert STAGES["coagg"][0] == ("FROM", "common AS coagg")
    assert not any("useradd" in rest for _, rest in STAGES["postgis"] + STAGES["coagg"])


def test_the_application_waits_for_a_healthy_server():
    test = SERVICES["postgis"]["healthcheck"]["test"]
    assert test[:2] == ["CMD", "pg_isready"]
    assert SERVICES["coagg"]["depends_on"]["postgis"]["condition"] == "service_healthy"
    assert SERVICES["postgis"]["restart"] == "unless-stopped"
    assert SERVICES["coagg"]["restart"].startswith("on-failure")


def test_data_are_in_named_volumes():
    mounts = {
        service: dict(m.split(":") for m in SERVICES[service]["volumes"]) for service in SERVICES
    }
    assert mounts["postgis"] == {"database": "/var/lib/coagg", "socket": "/run/coagg"}
    assert mounts["coagg"] == {"files": "/data", "socket": "/run/coagg"}
    assert set(COMPOSE["volumes"]) == {"database", "socket", "files"}


def test_the_base_is_named_once_and_can_be_replaced():
    assert ("ARG", "BASE=debian:bookworm") in STAGES[""]
    assert STAGES["common"][0] == ("FROM", "${BASE} AS common")
    for service in SERVICES.values():
        assert service["build"]["args"] == {"BASE": "${COAGG_BASE:-debian:bookworm}"}


def test_every_file_copied_exists_and_reaches_the_build():
    allowed = {
        line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = {
        source
        for stage in STAGES.values()
        for name, rest in stage
        if name == "COPY"
        for source in rest.split()[:-1]
    }
    assert copied == allowed
    assert all((PROJECT / source).exists() for source in copied)


def test_packages_are_installed_by_hash():
    (install,) = [
        rest for _, rest in STAGES["coagg"] if "requirements.lock" in rest and "pip" in rest
    ]
    assert "--require-hashes" in install


def test_what_the_links_of_the_package_mean_is_in_the_image():
    copied = dict(
        rest.split() for name, rest in STAGES["coagg"] if name == "COPY" and rest.count(" ") == 1
    )
    links = [path for path in (PROJECT / "coagg").iterdir() if path.is_symlink()]
    assert {link.name for link in links} == {"analysis", "etl", "sql"}
    for link in links:
        # relative, one level up: it means the same folder in the image, where both are copied
        assert os.readlink(link) == f"../{link.name}"
        assert copied[link.name] == link.name
    assert copied["coagg"] == "coagg"


def test_every_file_the_build_reads_is_in_the_image():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    copied = {source for name, rest in STAGES["coagg"] if name == "COPY" for source in rest.split()}
    for file in (project["readme"], *project["license-files"]):
        assert file.split("/")[0] in copied, file

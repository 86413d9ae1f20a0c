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
FILES = ["compose.yaml", "Dockerfile", ".env", "install-packages", "scheduler", "start-postgis"]
SCRIPTS = ["install-packages", "scheduler", "start-postgis"]


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


def test_server_and_maps_are_published_for_the_host_and_the_application_is_not():
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["postgis", "tiles"]


@pytest.mark.parametrize("file", FILES)
def test_no_password_is_written_down(file):
    text = (DOCKER / file).read_text()
    for value in re.findall(r"(?:password|PGPASS\w*)['\"]?[ \t]*[=:][ \t]*(\S+)", text, re.I):
        assert value.startswith("$("), value  # read from a file
    assert set(re.findall(r"PASSWORD '([^']*)'", text)) <= {"$password"}
    assert not re.search(r"://[^/\s]*:[^/\s]*@", text)
    for service in SERVICES.values():
        assert not any("PASS" in name for name in service.get("environment", {}))


def test_the_readers_password_is_a_secret_drawn_at_random_where_none_is_given():
    assert COMPOSE["secrets"] == {
        "reader_password": {"file": "${COAGG_READER_PASSWORD_FILE:-./no_password}"}
    }
    assert [name for name in SERVICES if "secrets" in SERVICES[name]] == ["postgis"]
    assert (DOCKER / "no_password").read_bytes() == b""


def test_every_setting_of_the_services_is_listed_with_the_same_default():
    named = re.findall(r"\$\{(COAGG_\w+):-([^}]*)\}", (DOCKER / "compose.yaml").read_text())
    listed = dict(
        line.split("=", 1) for line in (DOCKER / ".env").read_text().splitlines() if "=" in line
    )
    assert {name: default for name, default in named if name != "COAGG_TAG"} == {
        name: value for name, value in listed.items() if name.startswith("COAGG_")
    }


def test_the_server_lets_nobody_in_unproved():
    script = (DOCKER / "start-postgis").read_text()
    rules = [line.split() for line in script.splitlines() if re.match(r"(local|host)\s", line)]
    assert {(kind, words[-1]) for kind, *words in rules} == {
        ("local", "peer"),
        ("host", "scram-sha-256"),
    }
    assert {rule[2] for rule in rules if rule[0] == "host"} == {"coagg_reader"}
    assert "--auth=reject" in script
    assert "/dev/urandom" in script
    assert not re.search(r"CREATE ROLE .*\b(SUPERUSER|CREATEROLE)", script)


def test_the_reader_is_an_analyst():
    script = (DOCKER / "start-postgis").read_text()
    assert "REVOKE pg_read_all_data FROM coagg_reader" in script  # of older releases
    assert not re.search(r"(GRANT|IN ROLE) pg_read_all_data", script)
    assert "GRANT coagg_analyst TO coagg_reader" in script


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_are_sound_and_executable(name):
    assert os.access(DOCKER / name, os.X_OK)
    assert subprocess.run(["sh", "-n", DOCKER / name]).returncode == 0


def test_the_trial_is_sound_and_executable():
    assert os.access(DOCKER / "try.sh", os.X_OK)
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
    assert SERVICES[service]["read_only"] is True
    assert SERVICES[service]["tmpfs"] == ["/tmp"]


def test_all_images_know_the_users_by_one_number():
    (made,) = [rest for _, rest in STAGES["common"] if "useradd" in rest]
    assert "useradd --uid 10001 --gid coagg " in made
    assert re.search(r"useradd --uid 10002 .* coagg_tiles$", made)
    for service in SERVICES.values():
        stage = service["build"]["target"]
        while stage != "common":
            assert not any("useradd" in rest for _, rest in STAGES[stage])
            stage = STAGES[stage][0][1].split()[0]
    assert STAGES["tiles"][-3] == ("USER", "coagg_tiles")
    assert ("USER", "coagg") in STAGES["coagg"]


def test_the_application_waits_for_a_healthy_server():
    test = SERVICES["postgis"]["healthcheck"]["test"]
    assert test[:2] == ["CMD", "pg_isready"]
    assert SERVICES["coagg"]["depends_on"]["postgis"]["condition"] == "service_healthy"
    assert SERVICES["postgis"]["restart"] == "unless-stopped"
    assert SERVICES["coagg"]["restart"].startswith("on-failure")
    for service in ("scheduler", "tiles"):
        waits = SERVICES[service]["depends_on"]["coagg"]["condition"]
        assert waits == "service_completed_successfully"
        assert SERVICES[service]["healthcheck"]["test"][0] == "CMD"


def test_data_are_in_named_volumes():
    mounts = {service: SERVICES[service]["volumes"] for service in SERVICES}
    assert mounts["postgis"] == ["database:/var/lib/coagg", "socket:/run/coagg"]
    assert mounts["coagg"] == mounts["scheduler"]
    assert mounts["coagg"] == [
        "socket:/run/coagg",
        "files:/data",
        "backups:/backup",
        "${COAGG_SURVEYS:-surveys}:/surveys:ro",
    ]
    assert mounts["tiles"] == ["socket:/run/coagg"]
    assert set(COMPOSE["volumes"]) == {"database", "socket", "files", "backups", "surveys"}


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
        if name == "COPY" and not rest.startswith("--from=")
        for source in rest.split()[:-1]
    }
    assert copied == allowed
    assert all((PROJECT / source).exists() for source in copied)


def test_packages_are_installed_by_hash():
    assert ("RUN", "install-packages /opt/requirements.lock") in STAGES["packages"]
    assert ("RUN", "install-packages /opt/tiles.lock --only-binary :all:") in STAGES["tiles"]
    script = (DOCKER / "install-packages").read_text()
    assert re.findall("pip install.*", script)[0].startswith("pip install --require-hashes ")
    installs = [rest for stage in STAGES.values() for _, rest in stage if "pip install" in rest]
    assert len(installs) == 1  # the program itself
    assert "--no-deps --no-index /opt/wheel/*.whl" in installs[0]


def test_the_tile_servers_packages_are_pinned_by_hash():
    lock = (DOCKER / "tiles.lock").read_text()
    names = re.findall(r"^([\w.-]+)==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", lock, re.MULTILINE)
    assert {"tipg", "uvicorn", "asyncpg"} <= set(names)
    assert len(names) == len(re.findall(r"^\S", lock, re.MULTILINE))


def test_the_application_is_installed_from_a_wheel():
    assert STAGES["wheel"][0] == ("FROM", "packages AS wheel")
    assert any("pip wheel --no-deps" in rest for _, rest in STAGES["wheel"])
    assert STAGES["coagg"][0] == ("FROM", "packages AS coagg")
    assert ("COPY", "--from=wheel /opt/wheel /opt/wheel") in STAGES["coagg"]
    copied = [rest for name, rest in STAGES["coagg"] if name == "COPY"]
    assert not [rest for rest in copied if rest.split()[0] in ("coagg", "etl", "analysis", "sql")]


def test_what_the_links_of_the_package_mean_is_in_the_image():
    copied = dict(
        rest.split() for name, rest in STAGES["wheel"] if name == "COPY" and rest.count(" ") == 1
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
    copied = {source for name, rest in STAGES["wheel"] if name == "COPY" for source in rest.split()}
    for file in (project["readme"], *project["license-files"]):
        assert file.split("/")[0] in copied, file


def _schedule(tmp_path, **environment):
    """Start the scheduler with a coagg that says what it was called with, and takes a minute."""
    program = tmp_path / "coagg"
    program.write_text('#!/bin/sh\necho "called: $*"\nexec sleep 60\n')
    program.chmod(0o755)
    return subprocess.Popen(
        [DOCKER / "scheduler"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "TZ": "UTC", **environment},
    )


def test_the_scheduler_names_the_next_time_in_its_zone_and_stops_at_once(tmp_path):
    process = _schedule(tmp_path, COAGG_SCHEDULE="02:30", TZ="CST-8", COAGG_INPUTS="/a b.toml")
    line = process.stdout.readline()
    assert re.search(
        r"next: coagg rebuild --inputs /a b.toml at \d{4}-\d\d-\d\dT02:30:00\+0800", line
    )
    process.terminate()
    assert process.wait(timeout=5) == 0
    assert process.stdout.read().endswith("scheduler: stopped\n")


@pytest.mark.parametrize("at", ["2:30", "24:00", "02:30:00", "*/5 * * * *", "now"])
def test_the_scheduler_refuses_what_is_no_time_of_day(tmp_path, at):
    process = _schedule(tmp_path, COAGG_SCHEDULE=at)
    assert process.wait(timeout=5) == 2
    assert f"COAGG_SCHEDULE={at}: write hours and minutes, as 02:30" in process.stdout.read()


def test_the_scheduler_fires_when_the_time_comes_and_ends_the_rebuild_when_stopped(tmp_path):
    clock = tmp_path / "date"  # jumps past the next time as soon as that was told
    told = tmp_path / "told"
    clock.write_text(
        f"""#!/bin/sh
case "$*" in
  +%s) [ -e {told} ] && exec /bin/date -d "2 days" +%s; exec /bin/date +%s ;;
  *@*) /bin/date "$@"; touch {told} ;;
  *) exec /bin/date "$@" ;;
esac
"""
    )
    clock.chmod(0o755)
    process = _schedule(tmp_path, COAGG_SCHEDULE="02:30")
    lines = [process.stdout.readline() for _ in range(3)]
    assert "next: " in lines[0]
    assert lines[1].endswith("begins: coagg rebuild\n")
    assert lines[2] == "called: rebuild\n"
    process.terminate()
    assert process.wait(timeout=5) == 0  # 60 seconds if the rebuild were waited for

"""A schedule is written and removed exactly, and never shows a password."""

import shutil
import subprocess

import pytest

from coagg.errors import CoaggError
from coagg.rebuild import schedule

FAKE = """#!/bin/sh
# a crontab program that keeps its table in a file
table="{table}"
case "$1" in
  -l) [ -f "$table" ] && cat "$table" || {{ echo "no crontab for $USER" >&2; exit 1; }} ;;
  -) cat > "$table" ;;
esac
"""


@pytest.fixture
def plan():
    return schedule.Plan(
        "03:15",
        ("--inputs", "/srv/100% new/in puts.toml", "--on-failure", 'mail -s "it failed" $USER'),
        environment={"COAGG_DATA_DIR": "/srv/coagg data"},
    )


@pytest.fixture
def crontab(tmp_path, monkeypatch):
    """A fake crontab program on the path, on a machine without systemd."""
    table = tmp_path / "table"
    program = tmp_path / "bin" / "crontab"
    program.parent.mkdir()
    program.write_text(FAKE.format(table=table))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(schedule, "_has_systemd", lambda: False)
    monkeypatch.setattr(schedule, "SYSTEM", tmp_path / "none")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    return table


def test_units_are_such_as_systemd_takes(plan, tmp_path):
    schedule.install(plan, folder=tmp_path)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["coagg-rebuild.service", "coagg-rebuild.timer"]
    service = (tmp_path / names[0]).read_text()
    assert '"/srv/100%% new/in puts.toml"' in service
    assert '"mail -s \\"it failed\\" $$USER"' in service
    assert 'Environment="COAGG_DATA_DIR=/srv/coagg data"' in service
    assert "OnCalendar=*-*-* 03:15:00" in (tmp_path / names[1]).read_text()
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze: files were read, not verified")
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in names)],
        capture_output=True,
        text=True,
    )
    said = [line for line in done.stderr.splitlines() if "coagg-rebuild" in line]
    assert said == []


def test_install_twice_is_once_and_remove_leaves_nothing(plan, tmp_path):
    schedule.install(plan, folder=tmp_path)
    before = {p.name: p.read_text() for p in tmp_path.iterdir()}
    schedule.install(plan, folder=tmp_path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == before
    (tmp_path / "other.service").write_text("mine")
    assert len(schedule.remove(folder=tmp_path)) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["other.service"]
    assert schedule.remove(folder=tmp_path) == []


def test_a_unit_of_somebody_else_is_neither_overwritten_nor_removed(plan, tmp_path):
    theirs = tmp_path / "coagg-rebuild.service"
    theirs.write_text("[Service]\n")
    with pytest.raises(CoaggError, match="was not written by coagg"):
        schedule.install(plan, folder=tmp_path)
    assert schedule.remove(folder=tmp_path) == []
    assert theirs.read_text() == "[Service]\n"


@pytest.mark.parametrize("before", ["", "# mine\n0 1 * * * true\n", "0 1 * * * true"])
def test_a_crontab_keeps_what_others_wrote(plan, crontab, before):
    if before:
        crontab.write_text(before)
    schedule.install(plan)
    once = crontab.read_text()
    schedule.install(plan)
    assert crontab.read_text() == once
    assert once.startswith(before)
    assert once.splitlines()[-1].startswith("15 3 * * * COAGG_DATA_DIR='/srv/coagg data' ")
    assert r"100\% new" in once
    assert schedule.installed() == ["every day at 03:15 (crontab)"]
    assert schedule.remove() == ["removed from the crontab"]
    assert crontab.read_text().rstrip("\n") == before.rstrip("\n")
    assert schedule.installed() == []
    assert schedule.remove() == []


def test_a_line_of_cron_calls_what_was_asked(plan, crontab, tmp_path):
    schedule.install(plan)
    command = crontab.read_text().splitlines()[-1].split(" ", 5)[5].replace(r"\%", "%")
    heard = tmp_path / "heard"
    words = command.replace(schedule.program()[0], f"{tmp_path}/spy", 1)
    spy = tmp_path / "spy"
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$COAGG_DATA_DIR" "$@" > {heard}\n')
    spy.chmod(0o755)
    subprocess.run(["/bin/sh", "-c", words], check=True)
    assert heard.read_text().splitlines()[-4:] == list(plan.words)
    assert heard.read_text().splitlines()[0] == "/srv/coagg data"


@pytest.mark.parametrize("at", ["2:30", "24:00", "02:60", "noon", "02:30\n"])
def test_a_time_that_is_none_is_one_line(at):
    with pytest.raises(CoaggError, match="02:30"):
        schedule.Plan(at)


def test_a_password_is_refused_and_never_shown():
    secret = {"COAGG_DATABASE_URL": "postgresql://me:hunter2@host/db"}
    with pytest.raises(CoaggError, match="pgpass") as refused:
        schedule.Plan(environment=secret)
    assert "hunter2" not in str(refused.value)


def test_a_line_break_is_refused():
    with pytest.raises(CoaggError, match="line break"):
        schedule.Plan(words=("--inputs", "a\n* * * * * evil"))


def test_print_writes_nothing(coagg_on, server_settings, crontab):
    code, out, _ = coagg_on(server_settings, "schedule", "install", "--print", "--at", "04:00")
    assert code == 0
    assert "OnCalendar=*-*-* 04:00:00" in out
    assert "0 4 * * * " in out
    assert not crontab.exists()

"""Where the data folder is."""

import os
import pwd
from pathlib import Path

import pytest

from coagg.database import server
from coagg.errors import CoaggError
from coagg.settings import PROJECT, Settings, default_data_dir, read_settings


@pytest.fixture(autouse=True)
def _no_place_is_named(monkeypatch):
    for name in ("COAGG_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_a_checkout_keeps_its_data_beside_run():
    assert read_settings().data_dir == PROJECT / "data"


def test_an_installed_program_keeps_them_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_data_dir(checkout=False) == tmp_path / ".local" / "share" / "coagg"


def test_the_xdg_folder_comes_first_when_it_is_absolute(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_dir(checkout=False) == tmp_path / "coagg"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_data_dir(checkout=False) == Path("/home/somebody/.local/share/coagg")


def test_a_user_without_a_home_is_told_what_to_name(monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda number: pwd.getpwnam("no such user"))
    with pytest.raises(CoaggError, match="COAGG_DATA_DIR"):
        default_data_dir(checkout=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server belongs to another user")
def test_the_server_of_roots_closed_home_lives_where_its_user_may_go(tmp_path):
    tmp_path.chmod(0o700)
    there = server.private_server(Settings(tmp_path / ".local" / "share" / "coagg"))
    assert there.home.parent == Path("/var/lib/coagg")
    assert server.private_server(Settings(Path("/var/lib/coagg-open"))).home == Path(
        "/var/lib/coagg-open/server"
    )

"""A data base kept in a file and brought back, equal table by table; nothing overwritten."""

import json

import pytest
from support.table_hashes import table_hashes

from coagg import database
from coagg.database import backup
from coagg.errors import CoaggError


@pytest.fixture
def kept(db_settings, put_firms, tmp_path):
    """A data base with firms, and its backup."""
    with database.connect(db_settings) as connection:
        put_firms(connection, 2013, [104.1, 104.2, 104.3], [30.5, 30.6, 30.7], ["1310"] * 3)
    file = tmp_path / "night.dump"
    made = backup.backup(db_settings, file)
    return db_settings, file, made


def test_what_is_restored_is_equal(kept, databases):
    settings, file, made = kept
    target = databases.empty()
    lines = []
    backup.restore(target, file, lines.append)
    assert made.tables["clean.firm"][0] == 3
    assert any("all counts and hashes equal" in line for line in lines)
    with database.connect(settings) as before, database.connect(target) as after:
        assert (
            backup.hashes(after).items()
            >= {n: h for n, h in made.tables.items() if n != "ops.definitions"}.items()
        )
        assert table_hashes(after) == table_hashes(before)
        rows = after.execute("SELECT count(*) FROM clean.firm_located").fetchone()
    assert rows == (3,)
    assert database.upgrade(target) == []
    with pytest.raises(CoaggError, match="nothing is overwritten"):
        backup.restore(target, file)
    database.drop(target)


def test_hashes_see_one_changed_value(kept):
    settings, _, made = kept
    with database.connect(settings) as connection:
        connection.execute("UPDATE clean.firm SET lon = lon + 1e-9 WHERE row_number = 1")
        now = backup.hashes(connection)
    assert [n for n in now if now[n] != made.tables[n]] == ["clean.firm"]


def test_files_are_their_owners_alone_and_never_overwritten(kept):
    settings, file, _ = kept
    assert [p.stat().st_mode & 0o777 for p in (file, backup.manifest_path(file))] == [0o600] * 2
    assert sorted(p.name for p in file.parent.iterdir()) == ["night.dump", "night.dump.json"]
    with pytest.raises(CoaggError, match="overwrites nothing"):
        backup.backup(settings, file)


def test_a_damaged_or_lonely_file_is_refused(kept, databases):
    _, file, _ = kept
    target = databases.empty()
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.raises(CoaggError, match="not the file that was written"):
        backup.restore(target, file)
    file.write_bytes(whole)
    backup.manifest_path(file).rename(file.with_name("elsewhere"))
    with pytest.raises(CoaggError, match="keep both"):
        backup.restore(target, file)
    assert not database.exists(target)


def test_a_table_that_differs_leaves_no_data_base(kept, databases):
    _, file, _ = kept
    beside = backup.manifest_path(file)
    told = json.loads(beside.read_text())
    told["tables"]["clean.firm"][0] = 4
    beside.write_text(json.dumps(told))
    target = databases.empty()
    with pytest.raises(CoaggError, match=r"clean\.firm has 3 rows, 4 in the backup"):
        backup.restore(target, file)
    assert not database.exists(target)
    assert not database.exists(target.for_database(target.database_name + backup.ASIDE))


def test_the_command_line(kept, coagg_on, databases, tmp_path):
    settings, _, _ = kept
    file = tmp_path / "again.dump"
    code, out, err = coagg_on(settings, "backup", file)
    assert (code, err) == (0, "")
    assert "keep again.dump.json with it" in out
    target = databases.empty()
    code, out, err = coagg_on(
        settings, "restore", file, "--database", target.database_name,
        COAGG_DATABASE_URL=settings.database_url or "",  # of the server's own: it adds PostGIS
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert database.exists(target)
    code, _, err = coagg_on(settings, "restore", file)
    assert (code, err.count("\n")) == (2, 1)
    assert "nothing is overwritten" in err
    database.drop(target)


def test_new_private_servers_notice_damaged_pages(own):
    database.create(own)
    with database.connect(own) as connection:
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)

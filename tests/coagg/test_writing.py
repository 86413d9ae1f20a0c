"""Who may read what is written, cells that are no formulas, and what killed writers leave."""

import csv
import fcntl
import io
import math
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coagg import database, writing
from coagg.analysis.show.maps import draw_map
from coagg.errors import CoaggError
from coagg.etl import ledger
from coagg.etl.matching.review import COLUMNS, export_review, import_review
from coagg.settings import PROJECT, Settings

DAY = 86_400


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


# formulas

EVIL = (
    '=HYPERLINK("http://x/"&A1)', "=cmd|' /C calc'!A0", "+1+cmd|x", "-2+3+cmd|x", "@SUM(1)",
    "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "＝1+1", "＋1", "－1+1", "＠SUM(1)", "'=1+1", "''=x",
    "\u200b=1", "\ufeff=1",
)  # fmt: skip
PLAIN = (
    "成都兴达机床有限公司",
    "-1.5",
    "+86",
    "1e-3",
    "-.5",
    "'s Gravenhage",
    "",
    "a=b",
    "3M",
    "'",
)


@pytest.mark.parametrize("text", EVIL)
def test_what_a_spreadsheet_would_reckon_is_marked_and_comes_back(text: str):
    cell = writing.safe_cell(text)
    assert cell == "'" + text
    assert writing.received_cell(str(cell)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_and_numbers_stay(text: str):
    assert writing.safe_cell(text) == text
    assert writing.received_cell(text) == text


def test_numbers_stay_numbers():
    assert [writing.safe_cell(value) for value in (-1.5, 3, None)] == [-1.5, 3, None]


LETTERS = st.text(st.sampled_from("='+-@\t\r\n ＝＋－＠\ufeff\u200ba1.e中\""), max_size=8)


@example("-0")
@given(st.one_of(LETTERS, st.text()))
def test_every_text_comes_back_and_none_is_a_formula(text: str):
    cell = str(writing.safe_cell(text))
    assert writing.received_cell(cell) == text
    begins = cell.lstrip(" \ufeff\u200b")[:1]
    assert begins not in set("=@＝＋－＠\t\r\n") or cell.strip() == ""
    if begins in ("+", "-"):
        assert math.isfinite(float(cell))  # a number, zero too


@given(st.lists(st.lists(LETTERS, min_size=2, max_size=2), max_size=5))
def test_a_file_of_such_cells_comes_back(rows: list[list[str]]):
    file = io.StringIO(newline="")
    writing.CsvWriter(file).writerows(rows)
    read = list(csv.reader(io.StringIO(file.getvalue(), newline="")))
    assert [[writing.received_cell(cell) for cell in row] for row in read] == rows


def test_names_like_formulas_go_out_for_review_and_come_back(db_settings: Settings, tmp_path: Path):
    names = [*EVIL, *PLAIN[:2]]
    with database.connect(db_settings) as connection:
        for number, name in enumerate(names, 1):
            connection.execute(
                "INSERT INTO clean.firm_panel (country, panel_id, survey_year, row_number) "
                "VALUES ('CN', %s, 2010, %s)",
                (number, number),
            )
            connection.execute(
                "INSERT INTO clean.match_candidate (applicant_name, patents, panel_id, firm_name, "
                "stage, score, reason) VALUES (%s, 1, %s, %s, 'likeness', 0.9, 'x')",
                (name, number, name),
            )
    file = tmp_path / "review.csv"
    assert export_review(db_settings, file) == len(names)
    with file.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    for row in rows:
        assert not re.match(r"\s*[=+@\t\r\n＝＋－＠]", row["applicant_name"])
        assert not re.match(r"\s*[=+@\t\r\n＝＋－＠]", row["firm_name"])
        row["decision"] = "yes"
    with file.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)  # a spreadsheet writes what it shows
        writer.writeheader()
        writer.writerows(rows)
    assert import_review(db_settings, file, "a reader")["firm"] == len(names)
    with database.connect(db_settings) as connection:
        found = connection.execute("SELECT applicant_name FROM clean.match_decision").fetchall()
    assert sorted(name for (name,) in found) == sorted(names)


# who may read


def test_a_received_file_is_its_owners_alone(umask: int, tmp_path: Path):
    settings = Settings(tmp_path / "data")
    for number, given_mode in enumerate((0o600, 0o644, 0o400, 0o666)):
        source = tmp_path / f"{number}.csv"
        source.write_text("a\n")
        source.chmod(given_mode)
        ledger.keep_file(settings, source, f"hash{number}")
        kept = settings.received_dir / f"hash{number}.csv"
        assert kept.read_text() == "a\n"
        assert mode(kept) == given_mode & 0o600
    assert mode(settings.received_dir) == 0o700
    assert mode(settings.data_dir) == 0o711
    assert [file.name for file in settings.received_dir.iterdir() if ".part" in file.name] == []


def test_what_an_older_version_left_open_is_closed(umask: int, tmp_path: Path):
    settings = Settings(tmp_path)
    settings.received_dir.mkdir()
    settings.received_dir.chmod(0o755)
    old = settings.received_dir / "hash.csv"
    old.write_text("a\n")
    old.chmod(0o644)
    source = tmp_path / "source.csv"
    source.write_text("a\n")
    source.chmod(0o640)
    ledger.keep_file(settings, source, "hash")
    assert (mode(settings.received_dir), mode(old)) == (0o700, 0o600)


def test_review_and_map_are_their_owners_alone(
    umask: int, db_settings: Settings, put_firms, tmp_path: Path
):
    with database.connect(db_settings) as connection:
        put_firms(connection, 2013, [104.06, 104.1], [30.66, 30.7], ["366", "361"])
        for name in ("new.png", "old.png"):
            map_ = tmp_path / name
            if name == "old.png":
                map_.write_bytes(b"x" * 1_000_000)
                map_.chmod(0o666)
            assert draw_map(connection, map_, "CN", "CY", ("366",), 2013) == 1
            assert mode(map_) == 0o600
            assert map_.read_bytes().startswith(b"\x89PNG")
            assert map_.stat().st_size < 1_000_000
    review = tmp_path / "review.csv"
    export_review(db_settings, review)
    assert mode(review) == 0o600


def test_a_review_that_cannot_be_written_is_one_line(db_settings: Settings, tmp_path: Path):
    with pytest.raises(CoaggError, match=r"nowhere/a.csv cannot be written: No such file"):
        export_review(db_settings, tmp_path / "nowhere" / "a.csv")


def test_a_folder_that_another_user_linked_away_is_not_used(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("links of another user can be made by root only: run these tests as root")
    (tmp_path / "valuable").mkdir(mode=0o755)
    (tmp_path / "received").symlink_to(tmp_path / "valuable")
    os.lchown(tmp_path / "received", 65534, 65534)
    source = tmp_path / "a.csv"
    source.write_text("a\n")
    with pytest.raises(CoaggError, match="a link that another user made"):
        ledger.keep_file(Settings(tmp_path), source, "hash")
    assert mode(tmp_path / "valuable") == 0o755
    assert list((tmp_path / "valuable").iterdir()) == []


# Every place of the program that writes a file, and who may read it. A new one must be decided on
# here: "private" goes through coagg.writing, "results" are made to be passed on, "made" hold no
# real firm, "memory" are no files.
DECIDED = {
    "analysis/comparison/correlation_figure.py": "results",
    "analysis/comparison/scenarios.py": "results",
    "analysis/panel/read.py": "private",
    "analysis/show/maps.py": "private",
    "analysis/tables/pages/curve.py": "results",
    "analysis/tables/pages/plot.py": "results",
    "analysis/tables/pages/render_csv.py": "memory",
    "analysis/tables/pages/render_docx.py": "results",
    "analysis/tables/pages/write.py": "results",
    "analysis/measurement/comparison.py": "memory",
    "coagg/cli/faults.py": "memory",
    "coagg/cli/inspect.py": "results",  # a layout: headers, and what is guessed of them
    "coagg/cli/sql.py": "memory",
    "coagg/data/examples/make_south_yorkshire.py": "made",
    "coagg/database/adoption.py": "private",
    "coagg/database/answers.py": "private",
    "coagg/database/backup.py": "private",
    "coagg/database/owner.py": "private",
    "coagg/demo/report.py": "made",
    "coagg/frames/files.py": "results",
    "coagg/rebuild/history.py": "memory",
    "coagg/rebuild/schedule.py": "results",
    "coagg/simulation/economy.py": "made",
    "coagg/simulation/files.py": "made",
    "coagg/simulation/input_output.py": "made",
    "coagg/simulation/patents.py": "made",
    "coagg/simulation/truth.py": "made",
    "coagg/simulation/uk.py": "made",
    "coagg/writing.py": "private",
    "etl/data/countries/ES/examples/make_spain.py": "made",
    "etl/files/confined_child.py": "private",  # in a temporary folder, which its owner alone sees
    "etl/files/packed.py": "private",  # the same
    "etl/firms/inspect/file.py": "private",  # the same
    "etl/firms/inspect/layout_text.py": "memory",
    "etl/firms/register.py": "private",
    "etl/ledger.py": "private",
    "etl/matching/review.py": "private",
    "etl/reference/area_shapes.py": "results",
    "etl/reference/country_new.py": "results",
}
WRITES = re.compile(
    r"write_text|write_bytes|\.to_(csv|excel|parquet|file|json|feather|pickle)\(|savefig\(|"
    r"csv\.(writer|DictWriter)\(|ParquetWriter\(|\.write_table\(|copyfile\(|copy2?\(.*path|"
    r"\bopen\([^)]*['\"][wax]b?\+?['\"]|os\.open\(|mkstemp|mkdtemp|NamedTemporaryFile|"
    r"np\.save|document\.save|CsvWriter\(|open_private\("
)
TABLES = re.compile(r"csv\.(writer|DictWriter)\(|\.to_(csv|excel)\(|openpyxl|xlsxwriter")


def sources() -> Iterator[tuple[str, str]]:
    for room in ("coagg", "etl", "analysis"):
        for file in sorted((PROJECT / room).rglob("*.py")):
            name = file.relative_to(PROJECT).as_posix()
            if not name.startswith(("coagg/etl/", "coagg/analysis/")):
                yield name, file.read_text()


def test_of_every_place_that_writes_it_is_decided_who_may_read():
    writers = {name for name, text in sources() if WRITES.search(text)}
    assert writers - set(DECIDED) == set()


def test_every_table_for_people_goes_through_the_one_writer():
    own = {name for name, text in sources() if TABLES.search(text)}
    kept = {name for name in own if DECIDED.get(name) != "made"}
    # to_csv is a hash over text in one; in the other codes and numbers of pairs, read back as text
    assert kept == {
        "coagg/writing.py",
        "analysis/measurement/comparison.py",
        "coagg/frames/files.py",
        "etl/firms/inspect/layout_text.py",  # a header must stand as the file has it
    }


# what killed writers leave


def test_parts_of_killed_writers_go_after_a_day(tmp_path: Path):
    parts = {name: tmp_path / name for name in ("old.part", "held.part", "young.part", "no.csv")}
    for path in parts.values():
        path.write_text("x")
        if path.name != "young.part":
            os.utime(path, (time.time() - 2 * DAY,) * 2)
    with parts["held.part"].open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert writing.remove_abandoned(tmp_path) == [parts["old.part"]]
    assert writing.remove_abandoned(tmp_path) == [parts["held.part"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["no.csv", "young.part"]


def test_the_next_file_kept_removes_them(tmp_path: Path):
    settings = Settings(tmp_path / "data")
    settings.received_dir.mkdir(parents=True)
    left = settings.received_dir / "abc.csv.part"
    left.write_text("half")
    os.utime(left, (time.time() - 2 * DAY,) * 2)
    source = tmp_path / "a.csv"
    source.write_text("a\n")
    ledger.keep_file(settings, source, "hash")
    assert [file.name for file in settings.received_dir.iterdir()] == ["hash.csv"]


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path):
    target = tmp_path / "a.csv"
    target.write_text("before")
    with pytest.raises(ValueError), writing.aside(target) as part:  # noqa: PT012
        part.write_text("half")
        raise ValueError
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]

"""The register of a day: its arithmetic, its order, what fits nowhere, and what is an error."""

import datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coagg.errors import CoaggError
from coagg.etl.files.dates import day_of, needs_order, order_of
from coagg.etl.firms.register import Columns, register_of_day, write_register

DAY = datetime.date(2013, 12, 31)
BASE = "firm_id,firm_name,lon\n0001,A,104.1\n0002,B,104.2\n0003,C,104.3\n"
ADDED = "firm_id,firm_name,lon,added\n0004,D,104.4,2013-01-05\n0005,E,104.5,2014-01-05\n"
DELETED = "firm_id,deleted\n0001,2013-02-01\n"


@pytest.fixture
def put(tmp_path):
    def write(name: str, text: str, encoding: str = "utf-8") -> Path:
        (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path / name

    return write


def ids(table) -> list[str]:
    return table["firm_id"].to_pylist()


def refusal(*arguments, **columns) -> str:
    with pytest.raises(CoaggError) as error:
        register_of_day(*arguments, DAY, Columns(**columns))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_base_plus_added_minus_deleted(put):
    files = put("b.csv", BASE), [put("a.csv", ADDED)], [put("d.csv", DELETED)]
    table, report = register_of_day(*files, DAY)
    assert ids(table) == ["0002", "0003", "0004"]
    assert table.column_names == ["firm_id", "firm_name", "lon"]
    assert (report.base, report.added, report.deleted, report.rows) == (3, 1, 1, 3)
    assert report.later == (1, "a.csv row 2, id 0005, 2014-01-05")
    assert (report.added_twice.rows, report.unknown.rows, report.notes) == (0, 0, [])
    table, report = register_of_day(*files, datetime.date(2014, 12, 31))
    assert ids(table) == ["0002", "0003", "0004", "0005"]
    table, report = register_of_day(*files, datetime.date(2012, 12, 31))
    assert (ids(table), report.later.rows) == (["0001", "0002", "0003"], 3)


def test_what_fits_nowhere_is_told(put):
    added = ADDED + "0002,B again,104.2,2013-03-01\n0004,D,104.4,2013-04-01\n"
    deleted = DELETED + "0099,2013-05-01\n0001,2013-06-01\n"
    table, report = register_of_day(
        put("b.csv", BASE), [put("a.csv", added)], [put("d.csv", deleted)], DAY
    )
    assert table["firm_name"].to_pylist() == ["B", "C", "D"]
    assert report.added_twice == (2, "a.csv row 3, id 0002, 2013-03-01")
    assert report.unknown == (2, "d.csv row 2, id 0099, 2013-05-01")
    assert report.base + report.added - report.deleted == report.rows == 3


def test_files_in_any_order_give_the_same(put):
    one = put("a1.csv", "firm_id,firm_name,lon,on\n0004,D,1,2013-01-05\n0001,A2,2,2013-08-01\n")
    two = put("a2.csv", "firm_id,firm_name,lon,on\n0004,D2,3,2013-09-01\n")
    gone = put("d1.csv", "firm_id,on\n0001,2013-07-01\n0004,2013-08-31\n")
    base = put("b.csv", BASE)
    first, _ = register_of_day(base, [one, two], [gone], DAY)
    second, _ = register_of_day(base, [two, one], [gone], DAY)
    rows = sorted(zip(*first.to_pydict().values(), strict=True))
    assert rows == sorted(zip(*second.to_pydict().values(), strict=True))
    assert ("0001", "A2", "2") in rows
    assert ("0004", "D2", "3") in rows


def test_changes_of_one_day(put):
    """Deleted and added: there, with the new row. Added and deleted: not there."""
    added = put("a.csv", "firm_id,firm_name,lon,on\n0001,A2,9,2013-07-01\n0009,Z,9,2013-07-01\n")
    gone = put("d.csv", "firm_id,on\n0001,2013-07-01\n0009,2013-07-01\n")
    table, report = register_of_day(put("b.csv", BASE), [added], [gone], DAY)
    assert table["firm_name"].to_pylist() == ["B", "C", "A2"]
    assert (report.added, report.deleted) == (2, 2)
    assert (report.added_twice.rows, report.unknown.rows) == (0, 0)


@pytest.mark.parametrize(
    ("base", "told"),
    [
        (BASE + "0002,B,1\n", "b.csv: id 0002 stands in row 2 and in row 4"),
        (BASE + ",B,1\n", "1 rows have no id under firm_id, row 4 has None"),
        (BASE + "n/a,B,1\n", "1 rows have no id under firm_id, row 4 has "),
        (BASE.replace("firm_id", "nummer"), "name it with --id"),
    ],
)
def test_a_base_without_ids_is_refused(put, base, told):
    assert told in refusal(put("b.csv", base), [], [put("d.csv", DELETED)])


@pytest.mark.parametrize(
    ("deleted", "told"),
    [
        (DELETED + "0002,31.31.2013\n0003,soon\n0004,2013-01-01\n" + "7,2013-01-01\n" * 40,
         "2 rows have no day under deleted that can be read, row 2 has '31.31.2013'"),
        (DELETED + "0002,\n", "1 rows have no day under deleted that can be read, row 2 has None"),
        ("firm_id,on\n0001,03/04/2013\n", "on '03/04/2013' may be two days"),
        ("firm_id,on\n0001,x\n", "no column holds days; name the one of the change with"),
        ("firm_id,on,born\n0001,2013-01-01,2000-01-01\n", "on, born all hold days"),
        ("firm_id,on\n0001,2013-01-01\n0002,2013-01-01,,,\n", "1 rows cannot be split"),
    ],
)  # fmt: skip
def test_changes_that_cannot_be_followed_are_refused(put, deleted, told):
    assert told in refusal(put("b.csv", BASE), [], [put("d.csv", deleted)])


def test_named_columns_orders_and_zeros(put):
    base = put("b.csv", BASE.replace("firm_id", "nummer"))
    deleted = put("d.csv", "nummer,on,born\n1,03/04/2013,2000-01-01\n")
    told = Columns(firm_id="Nummer", deleted_on="ON", date_order="dmy", id_digits=4)
    table, report = register_of_day(base, [], [deleted], DAY, told)
    assert (report.deleted, table.num_rows) == (1, 2)
    lost = Columns(firm_id="Nummer", deleted_on="ON", date_order="dmy")
    _, report = register_of_day(base, [], [deleted], DAY, lost)
    assert report.unknown == (1, "d.csv row 1, id 1, 2013-04-03")
    said = refusal(base, [], [deleted], firm_id="numer", deleted_on="on", date_order="dmy")
    assert "has no header 'numer'; the nearest is 'nummer'" in said
    said = refusal(base, [], [deleted], firm_id="nummer", deleted_on="onn", date_order="dmy")
    assert "--deleted-on onn: no header 'onn'; the nearest is 'on'" in said


def test_columns_that_the_added_lack_are_told(put):
    added = put("a.csv", "FIRM_ID,lon,web,on\n0004,104.4,x,2013-01-05\n")
    table, report = register_of_day(put("b.csv", BASE), [added], [], DAY)
    assert table.to_pylist()[-1] == {"firm_id": "0004", "firm_name": None, "lon": "104.4"}
    assert report.notes == [
        "a.csv lacks firm_name: empty in the firms it adds",
        "a.csv has web, which the base lacks: left out",
    ]


def test_the_file_says_what_it_was_made_from_and_is_private(put, tmp_path):
    files = put("b.csv", BASE), [put("a.csv", ADDED)], []
    for out in (tmp_path / "one.parquet", tmp_path / "two.parquet"):
        write_register(*register_of_day(*files, DAY), out)
        assert out.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    made = pq.read_schema(out).metadata[b"coagg_register"].decode()
    assert '"as_of": "2013-12-31"' in made
    assert '"file": "a.csv", "kind": "added", "sha256": "' in made
    with pytest.raises(CoaggError, match=r"ends in \.parquet or \.csv"):
        write_register(*register_of_day(*files, DAY), tmp_path / "one.xlsx")


DAYS = st.integers(0, 60).map(lambda n: datetime.date(2013, 1, 1) + datetime.timedelta(n))
# a firm's life: registered on a day, and perhaps deleted later
LIVES = st.lists(st.tuples(DAYS, st.none() | st.integers(1, 40)), min_size=3, max_size=25)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lives=LIVES, split=DAYS, as_of=DAYS, shuffle=st.randoms(use_true_random=False))
def test_deltas_give_the_register_filtered_by_its_days(put, lives, split, as_of, shuffle):
    frame = pd.DataFrame(
        [
            (f"F{n}", start, None if days is None else start + datetime.timedelta(days))
            for n, (start, days) in enumerate(lives)
        ],
        columns=["firm_id", "start", "end"],
        dtype=object,
    )

    def standing(day):
        return frame[(frame.start <= day) & (frame.end.isna() | (frame.end > day))]

    as_of = max(as_of, split)
    base = standing(split)
    added = frame[frame.start > split].sample(frac=1, random_state=shuffle.randrange(99))
    deleted = frame[frame.end.notna() & (frame.end.fillna(split) > split)]
    if base.empty or added.empty or deleted.empty:
        return
    halves = added.iloc[::2], added.iloc[1::2]
    files = [
        put(f"a{n}.csv", half[["firm_id", "start"]].to_csv(index=False))
        for n, half in enumerate(halves)
        if len(half)
    ]
    gone = put("d.csv", deleted[["firm_id", "end"]].to_csv(index=False))
    table, report = register_of_day(
        put("b.csv", base[["firm_id"]].assign(x="1").to_csv(index=False)), files, [gone], as_of
    )
    assert sorted(ids(table)) == sorted(standing(as_of).firm_id)
    assert report.base + report.added - report.deleted == report.rows
    assert (report.added_twice.rows, report.unknown.rows) == (0, 0)


@pytest.mark.parametrize(
    "text",
    ["2013-12-31", "2013/12/31", "2013.12.31", "20131231", "2013-12-31T00:00:00", "31-Dec-2013",
     "31 December 2013", "Dec 31, 2013", "2013年12月31日", "２０１３-12-31", "31.12.2013 10:00"],
)  # fmt: skip
def test_spellings_of_a_day(text):
    assert day_of(text, "dmy") == DAY


@pytest.mark.parametrize("text", ["", "2013", "2013-13-01", "2013-02-30", "41639", "31/12/13", "x"])
def test_what_is_no_day(text):
    assert day_of(text, "dmy") is None


def test_what_comes_first_is_told_by_the_file():
    assert order_of(["01/02/2013", "12/31/2013"]) == "mdy"
    assert order_of(["01.02.2013"]) == "dmy"
    assert order_of(["31/12/2013", "12/31/2013"]) is None
    assert needs_order(["31/12/2013", "12/31/2013"]) is None
    assert needs_order(["01/02/2013"]) == "01/02/2013"

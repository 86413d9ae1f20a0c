"""docs/country.md is true: each of its commands runs, from an empty data base to the report."""

from __future__ import annotations

import json
import re
import shlex
import shutil

import pytest

from coagg import database
from coagg.settings import PROJECT

PAGE = (PROJECT / "docs" / "country.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]


def test_the_worked_country_from_nothing(empty_settings, coagg_on, tmp_path, monkeypatch):
    settings = empty_settings
    monkeypatch.chdir(tmp_path)
    place = {"COAGG_COUNTRIES": str(tmp_path / "own")}
    said = {}
    for line in COMMANDS:
        if line.startswith("cp "):
            assert line == 'cp "$(coagg country show ES --folder)/examples/spain_2024.csv" .'
            shutil.copy(f"{said['coagg country show ES --folder'].strip()}/examples/spain_2024.csv",
                        tmp_path)  # fmt: skip
            continue
        command, _, note = line.partition("#")
        program, *words = shlex.split(command)
        assert program == "coagg"
        code, out, fault = coagg_on(settings, *words, **place)
        expected = int(note.split("exit code ")[1][0]) if "exit code" in note else 0
        assert code == expected, (line, out, fault)
        said[command.strip()] = out
    assert "name is 'FILL IN'" in said["coagg country check mine/MX"]
    example = said["coagg country check ES --example spain_2024.csv --survey-year 2024"]
    usable, inside = re.findall(r"points (?:of the example|in an area) (\d+)", example)
    assert usable == inside != "0"
    assert "classification of the example nace2" in example
    assert (tmp_path / "barcelona.png").read_bytes().startswith(b"\x89PNG")
    assert "<table" in "".join(path.read_text() for path in (tmp_path / "report").rglob("*.html"))
    with database.connect(settings) as connection:
        near = connection.execute(
            "SELECT min(index) FROM coagglomeration.pair_index WHERE country = 'ES' "
            "AND (from_industry, to_industry) IN (('291', '293'), ('293', '291'))"
        ).fetchone()
        firms = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE flags <> '{}') FROM clean.firm "
            "WHERE country = 'ES'"
        ).fetchone()
    assert near is not None
    assert near[0] > 0.9  # vehicles and their parts share their parks
    assert firms is not None
    assert firms[0] > 2000
    assert firms[1] == 0


@pytest.fixture
def facts(coagg_on, empty_settings):
    """What `coagg country show ES --json` says."""
    code, out, fault = coagg_on(empty_settings, "country", "show", "ES", "--json")
    assert code == 0, fault
    return json.loads(out)


def test_the_page_shows_the_description_that_is_shipped(facts):
    assert facts["classifications"] == "nace2"
    (shown,) = [b for b in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[areas]" in b]
    text = (PROJECT / "etl/data/countries/ES/country.toml").read_text(encoding="utf-8")
    for line in shown.splitlines():
        entry = line.split("#")[0].strip()
        if entry and not entry.startswith(("source", "datums", "[")):
            assert entry in text, entry

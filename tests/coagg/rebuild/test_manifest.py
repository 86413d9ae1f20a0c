"""The list of input files: read, checked, faults named."""

import pytest

from coagg.errors import CoaggError
from coagg.rebuild.manifest import read_manifest


def write(folder, text):
    (folder / "survey_2013.csv").write_text("x\n")
    path = folder / "inputs.toml"
    path.write_text(text)
    return path


def test_reads_files_beside_itself(tmp_path):
    path = write(
        tmp_path,
        '[[firms]]\nfile = "survey_2013.csv"\nsurvey_year = 2013\n'
        "[index]\nyears = [2013]\ndraws = 200\n",
    )
    manifest = read_manifest(path)
    (firms,) = manifest.firms
    assert (firms.file, firms.survey_year, firms.country) == (
        tmp_path / "survey_2013.csv", 2013, "CN",
    )  # fmt: skip
    assert (manifest.index.years, manifest.index.draws) == ((2013,), 200)
    assert manifest.index.classification == "gbt4754_2002"
    assert manifest.input_output is None


def test_columns_may_be_named_without_a_layout(tmp_path):
    path = write(
        tmp_path,
        '[[firms]]\nfile = "survey_2013.csv"\nsurvey_year = 2013\n'
        'map = { lon = "Longitude", "@country" = "CN" }\n',
    )
    (firms,) = read_manifest(path).firms
    assert firms.map == {"lon": "Longitude", "@country": "CN"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[firms]]\nfile = "a.csv"\nsurvey_year = 2013\nmap = { lon = 1 }\n', "is wanted"),
        ('[[firms]]\nfile = "a.csv"\nsurvey_year = 2013\nmap = "lon=x"\n', "is wanted"),
        ("[[firm]]\n", "do you mean firms"),
        ('[[firms]]\nfile = "survey_2013.csv"\n', "firms lacks survey_year"),
        ('[[firms]]\nfile = "survey_2013.csv"\nsurvey_year = "2013"\n', "int is wanted"),
        ("[firms]\nfile = 1\n", r"write \[\[firms\]\]"),
        ("[index]\ndraw = 5\n", "do you mean draws"),
        ("[index\n", "is no TOML"),
        (
            '[[firms]]\nfile = "survey_2013.csv"\nsurvey_year = 2013\n' * 2,
            "two files of CN 2013",
        ),
    ],
)
def test_faults_are_named(tmp_path, text, says):
    with pytest.raises(CoaggError, match=says):
        read_manifest(write(tmp_path, text))


def test_a_missing_manifest_is_one_line(tmp_path):
    with pytest.raises(CoaggError, match="no such file"):
        read_manifest(tmp_path / "inputs.toml")

"""Pages made of stored estimates: structure, escapes, files, the command line."""

import csv
import io
import json
import shutil
import subprocess

import docx
import pytest
from support.made_panel import put_panel

from coagg import database
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.pages import (
    grid,
    layout,
    render_csv,
    render_latex,
    render_markdown,
    truth,
)
from coagg.analysis.tables.pages.paper import paper_values
from coagg.analysis.tables.pages.write import table_grids, write_tables
from coagg.analysis.tables.specification import load_specifications
from coagg.analysis.tables.store import read_latest
from coagg.errors import CoaggError


@pytest.fixture(scope="module")
def stored(databases, schema_template):
    """Every table of a made panel as stored, by name."""
    settings = databases.copy(schema_template)
    with database.connect(settings) as connection:
        number = put_panel(connection)
    estimate_tables(settings, load_specifications())
    with database.connect(settings) as connection:
        return {
            name: read_latest(connection, name, number, "CN")[0] for name in load_specifications()
        }


def test_rows_of_table_1_are_laid_out_like_the_paper(stored):
    (one,) = table_grids(stored["table1"])
    labels = [row.label for row in one.rows if row.kind == "coefficient"]
    assert labels[:2] == [
        "Knowledge pool, outward, by scale",
        "Knowledge pool, outward, by quality",
    ]
    assert [bool(cell) for cell in one.rows[0].cells] == [True, False, True, False]
    assert "Industry fixed effects" in [row.label for row in one.rows]
    assert "Table 1." in one.title
    assert any("reghdfe" in note for note in one.notes)


def test_the_paper_stands_beside(stored):
    scale, quality = table_grids(stored["table1"], beside_paper=True)
    assert scale.width == quality.width == 4
    assert scale.heads[-1][1::2] == ("paper",) * 2
    assert scale.rows[0].cells[1::2] == ("0.288", "")
    assert quality.rows[0].cells[1::2] == ("0.374", "")
    assert scale.rows[1].cells[1] == "(0.0110)"
    assert (bool(scale.title), bool(scale.notes)) == (True, False)
    assert (bool(quality.title), bool(quality.notes)) == (False, True)
    for name, columns in paper_values().items():
        for number, column in columns.items():
            mine = stored[name].columns[number - 1]
            assert {n for n in column.values if mine.get(n) is None} == set(), (name, number)


def test_wide_tables_stand_in_panels(stored):
    outward, inward = table_grids(stored["robustness"])
    assert (outward.panel, inward.panel) == ("Panel A. Outward", "Panel B. Inward")
    assert outward.width == inward.width == 6
    assert outward.heads[1] == ("φ at 0.90",) * 2 + ("φ at 0.99",) * 2 + ("one-way pairs",) * 2
    assert inward.heads[0] == tuple(f"({n})" for n in range(7, 13))
    text = render_markdown.markdown([outward, inward])
    assert text.count("## ") == 1
    assert text.index("**Panel A. Outward**") < text.index("**Panel B. Inward**")
    assert text.index("**Panel B. Inward**") < text.index("Standard errors")
    for beside in (False, True):
        for table in stored.values():
            assert max(g.width for g in table_grids(table, beside)) <= layout.MOST


def test_long_labels_are_carried_on_beside_the_error():
    rows = [grid.Row("coefficient", "Economies of scale through coagglomeration", ("1",)),
            grid.Row("error", "", ("(2)",)), grid.Row("statistic", "N" * 60, ("3",))]  # fmt: skip
    assert [row.label for row in grid.folded(rows)] == [
        "Economies of scale", "through coagglomeration", "N" * 60
    ]  # fmt: skip


def test_regressors_of_one_label_share_a_row(stored):
    (one,) = table_grids(stored["table6"])
    triple = [row for row in one.rows if row.label == "IO × φ × Innovation of k"]
    assert len(triple) == 1
    assert all(triple[0].cells)


def test_latex_has_as_many_cells_as_columns(stored):
    for name, table in stored.items():
        for one in table_grids(table, beside_paper=True):
            text = render_latex.latex([one])
            body = text.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
            rows = [line for line in body.splitlines() if line.endswith(r"\\")]
            plain = [line for line in rows if "multicolumn" not in line]
            counts = {line.replace(r"\&", "").count("&") for line in plain}
            assert counts == {one.width}, name
            assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert render_latex.escape("an option --like-this") == "an option -{}-like-this"
    assert render_latex.escape("50% of a_b & φ") == r"50\% of a\_b \& $\varphi$"
    with pytest.raises(CoaggError, match="pdflatex cannot set"):
        render_latex.escape("创新")


def test_latex_compiles(stored, tmp_path):
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex on this machine")
    write_tables(tmp_path, list(stored.values()), ["tex"], beside_paper=True)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1500:]
    assert (tmp_path / "tables.pdf").stat().st_size > 10_000


def test_csv_holds_full_precision(stored):
    rows = list(csv.DictReader(io.StringIO(render_csv.table_csv(stored["table1"]))))
    first = stored["table1"].columns[0].main[0]
    assert float(rows[0]["estimate"]) == first.coefficient
    assert float(rows[0]["standard_error"]) == first.standard_error


def test_all_formats_are_written(stored, tmp_path):
    made = write_tables(
        tmp_path, list(stored.values()), ["md", "html", "docx", "csv"], plots=["png"]
    )
    assert {file.name for file in made} >= {"tables.md", "tables.html", "tables.docx", "table7.png"}
    document = docx.Document(str(tmp_path / "table1.docx"))
    (one,) = table_grids(stored["table1"])
    words = [cell.text for cell in document.tables[0].rows[3].cells]
    assert words == ["Knowledge pool, outward, by scale", *one.rows[0].cells]
    page = (tmp_path / "tables.html").read_text()
    assert page.count("<figure") == page.count("</figure>") == 11
    assert "src=" not in page
    assert render_markdown.escape("a|b* ln_x _y p < 0.1 <b>") == r"a\|b\* ln_x \_y p < 0.1 \<b>"


def test_numbers_are_shown_in_three_digits():
    shown = [layout.three(x) for x in (0.011, -0.00705, 0.288, 12.34, 1234.5, 0.0, float("nan"))]
    assert shown == ["0.0110", "-0.00705", "0.288", "12.3", "1,234", "0.00", ""]


def test_truth_beside_estimate(stored, tmp_path):
    file = tmp_path / "coefficients.json"
    file.write_text(json.dumps({"table1": {"ln_kp_outward_scale": 0.3}, "table1.3": {
        "ln_kp_outward_scale": 9.0}, "seed": 3}))  # fmt: skip
    found = truth.verdicts(stored["table1"], truth.read_truth(file))
    assert [(v.column, v.truth, v.covered) for v in found] == [(1, 0.3, True), (3, 9.0, False)]
    assert "1 of 2" in truth.truth_grid(found).notes[0]


def test_the_command_line(run_coagg, db_settings, tmp_path):
    with database.connect(db_settings) as connection:
        put_panel(connection)
    code, _, said = run_coagg("tables", "table1")
    assert (code, said.count("\n")) == (2, 1)
    assert "table1 is not estimated: coagg estimate table1" in said
    code, _, said = run_coagg("estimate", "tabel1")
    assert code == 2
    assert "unknown table tabel1; do you mean table1?" in said
    code, _, said = run_coagg("estimate", "table1")
    assert code == 0, said
    code, _, said = run_coagg("tables", "table1", "--format", "all", "--out", tmp_path / "t")
    assert code == 0, said
    assert (tmp_path / "t" / "table1.docx").exists()

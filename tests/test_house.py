"""The README's picture of the house is the house: a stranger finds every room and file in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from coagg.database.sql_text import statements
from coagg.settings import PROJECT
from coagg.version import VERSION

README = (PROJECT / "README.md").read_text(encoding="utf-8")
HOUSE = README.split("## The house", 1)[1].split("\n## ", 1)[0]
PICTURE = HOUSE.split("```")[1]
ROOMS = ("etl", "analysis", "coagg")

# what a stranger asks -> the file that must be named in answer
QUESTIONS = {
    "a datum converted": "etl/coordinates.py",
    "a year swapped in": "etl/firms/year.py",
    "the name of a firm normalised": "etl/matching/names.py",
    "a cell's firms read": "analysis/cells/read.py",
    "the transport problem solved": "analysis/coagglomeration/network_simplex.py",
    "a pool given its threshold": "sql/transforms/panel/60_cells.sql",
    "a table of the paper given its columns": "analysis/tables/specifications",
    "it decided that a result is stale": "coagg/database/fingerprint.py",
    "the private server started": "coagg/database/server.py",
    "an option of a command defined": "coagg/cli/options.py",
}
# words that only the file which truly does it holds
PROOFS = {
    "a datum converted": "def to_wgs84(",
    "a year swapped in": "clean.publish_year",
    "the name of a firm normalised": "def normalise(",
    "a cell's firms read": "clean.cell_firm",
    "the transport problem solved": "def network_simplex(",
    "a pool given its threshold": ">= 0.95",
    "the private server started": "def start(",
}


def _drawn() -> dict[str, str]:
    """Folders of the picture by path, each with its rule."""
    found: dict[str, str] = {}
    above: list[str] = []
    for line in PICTURE.splitlines():
        match = re.match(r"( *)([a-z_]+)/ +(\S.*)$", line)
        if match and len(match[1]) % 2 == 0:
            above = [*above[: len(match[1]) // 2], match[2]]
            found["/".join(above)] = match[3]
    return found


DRAWN = _drawn()


def test_every_room_is_drawn():
    rooms = {
        str(init.parent.relative_to(PROJECT))
        for top in ROOMS
        for init in (PROJECT / top).rglob("__init__.py")
        if init.relative_to(PROJECT).parts[1] not in ROOMS  # the links, seen again
    }
    assert {"etl/firms", "coagg/database/revisions"} <= rooms
    assert rooms - set(DRAWN) == set()


@pytest.mark.parametrize("room", DRAWN)
def test_what_is_drawn_is_there(room: str):
    assert (PROJECT / room).is_dir()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_files_that_are_named_exist(document: str):
    text = (PROJECT / document).read_text(encoding="utf-8")
    linked = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    quoted = re.findall(r"`((?:\.ci|analysis|bench|coagg|docs|etl|sql|tests)/[^`\s<>]+)`", text)
    named = [name for name in {*linked, *quoted} if not re.search("NNNN", name)]
    assert len(named) > 10
    gone = [
        name
        for name in named
        if not (any(PROJECT.glob(name)) if "*" in name else (PROJECT / name).exists())
    ]
    assert gone == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_readme_answers(question: str):
    (row,) = [line for line in HOUSE.splitlines() if line.startswith(f"| {question} |")]
    answer = QUESTIONS[question]
    assert f"]({answer})" in row
    assert (PROJECT / answer).exists()
    if question in PROOFS:
        assert PROOFS[question] in (PROJECT / answer).read_text(encoding="utf-8")


def test_the_order_of_imports_is_the_one_that_is_checked():
    chain = re.search(r"`(cli > [^`]+)`", HOUSE)
    assert chain
    contract = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.search(r'containers = \["coagg"\].*?layers = \[(.*?)\]', contract, re.DOTALL)
    assert layers
    order = [set(re.findall(r"\w+", line)) for line in layers[1].splitlines() if line.strip()]
    places = [
        next(number for number, layer in enumerate(order) if set(re.findall(r"\w+", part)) <= layer)
        for part in chain[1].split(">")
    ]
    assert places == sorted(places)


def test_the_citation_is_of_this_version_and_names_the_paper():
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert citation["version"] == VERSION
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Billings", "Johnson"]
    assert (paper["journal"], paper["volume"]) == ("Journal of Urban Economics", 91)


# ---- countries are data


CODES = re.compile(r"(?<![A-Za-z0-9_])(?:CN|GB|UK|ES)(?![A-Za-z0-9_])|gbt4754|uksic")
# units of bytes, numbers of patent offices, and names of classifications that people write in front
NOT_OF_COUNTRIES = (
    "etl/files/limits.py", "etl/firms/code_text.py", "coagg/database/space.py",
    "etl/matching/evaluate.py", "etl/patents/values.py",
)  # fmt: skip
SETTING = "coagg/settings.py"


def _strings(path: Path) -> list[tuple[int, str]]:
    """String constants of a module that are no docstrings, with their lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def test_no_country_stands_in_the_code():
    """One default, and one instrument, in the settings; all else is in folders of data."""
    found, settings = [], []
    for room in ROOMS:
        for path in sorted((PROJECT / room).rglob("*.py")):
            name = str(path.relative_to(PROJECT))
            data = name.startswith(("etl/data/", "coagg/simulation/", "coagg/data/"))
            linked = name.split("/")[1] in (*ROOMS, "sql")
            if data or linked or name in NOT_OF_COUNTRIES or "/revisions/" in name:
                continue
            named = [
                f"{name}:{line}: {text[:60]!r}"
                for line, text in _strings(path)
                if CODES.search(text) and not _is_label(text)
            ]
            (settings if name == SETTING else found).extend(named)
    for path in sorted((PROJECT / "sql").rglob("*.sql")):
        name = str(path.relative_to(PROJECT))
        if name.startswith("sql/migrations/"):
            continue
        for statement in statements(path.read_text(encoding="utf-8")):
            found += [f"{name}: {quoted}" for quoted in re.findall(r"'[^']*'", statement)
                      if CODES.search(quoted) and not _is_label(quoted)]  # fmt: skip
    assert found == []
    assert len(settings) == 3  # the default, and the instrument's country and agglomeration


def _is_label(text: str) -> bool:
    """Words for readers about the column of the instrument, which is called UK as in the paper."""
    return re.search(r"\bUK (?:index|Coagg|φ)|uk_", text) is not None

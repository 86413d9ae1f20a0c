"""Every option of every command with what it cannot be: one line, exit code 2, no traceback."""

import inspect
from pathlib import Path
from typing import get_args

import pytest
import typer

from coagg.cli import app, main

SENSELESS = ("-3", "1000000000000", "nan", "-inf", "three")
BUILT = typer.main.get_command(app)


def commands(group=app, path=()):
    """Every command with its words."""
    for one in group.registered_commands:
        yield (*path, one.name or one.callback.__name__), one.callback
    for one in group.registered_groups:
        yield from commands(one.typer_instance, (*path, one.name))


def options(*kinds):
    """Words of a command, an option whose values are of these types, and its description."""
    for words, function in commands():
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
            kind, *described = get_args(parameter.annotation) or (None,)
            inner = [one for part in (kind, *get_args(kind)) for one in (part, *get_args(part))]
            if not described or not set(kinds) & set(inner):
                continue
            info = described[0]
            if isinstance(info, type(typer.Option())):
                declared = info.default  # where Annotated is used it holds the option's name
                own = isinstance(declared, str) and declared.startswith("--")
                option = declared if own else f"--{name.replace('_', '-')}"
                yield words, option, info


NUMBERS = list(options(int, float))
TEXTS = list(options(str))
FILES = list(options(Path))


@pytest.fixture
def refusal(monkeypatch, capsys):
    """Call the command line; the one line that it was refused with."""

    monkeypatch.setattr("coagg.cli.app", BUILT)  # the same, built once for all these calls

    def call(*words):
        monkeypatch.setattr("sys.argv", ["coagg", *words])
        with pytest.raises(SystemExit) as leave:
            main()
        out, err = capsys.readouterr()
        assert (leave.value.code, out) == (2, "")
        assert err.startswith("coagg: ")
        assert err.count("\n") == 1
        return err

    return call


def test_all_numbers_are_found():
    found = {(*words, option) for words, option, _ in NUMBERS}
    assert ("show", "pairs", "--top") in found
    assert ("panel", "--survey-year") in found
    assert ("estimate", "--conley") in found
    assert ("match", "patents", "--slip-odds") in found
    assert len(found) > 40


@pytest.mark.parametrize(
    ("words", "option", "info"), NUMBERS, ids=[f"{' '.join(w)} {o}" for w, o, _ in NUMBERS]
)
def test_a_number_that_cannot_be_is_one_line(refusal, words, option, info):
    assert info.min is not None
    assert info.max is not None
    for value in SENSELESS:
        assert option in refusal(*words, f"{option}={value}")


@pytest.mark.parametrize(
    ("words", "option"),
    [one[:2] for one in NUMBERS if one[2].min and one[2].min > 0],
    ids=str,
)
def test_nought_is_refused_where_it_has_no_sense(refusal, words, option):
    assert option in refusal(*words, option, "0")


@pytest.mark.parametrize(("words", "option"), [one[:2] for one in TEXTS + FILES], ids=str)
def test_an_empty_word_is_refused(refusal, words, option):
    assert f"an empty word after {option}" in refusal(*words, option, "")
    assert f"an empty word after {option}" in refusal(*words, f"{option}=")


@pytest.mark.parametrize(("words", "option"), [one[:2] for one in FILES], ids=str)
def test_a_folder_is_no_file_and_a_file_no_folder(refusal, tmp_path, words, option):
    file = tmp_path / "file"
    file.write_text("")
    wrong = (
        file
        if option in ("--out", "--specifications")
        and words[0] not in ("map", "index", "sql", "areas", "register")
        else tmp_path
    )
    said = refusal(*words, option, str(wrong))
    assert "is a " in said
    assert str(wrong) in said


WITH_COUNTRY = [
    words for words, function in commands() if "country" in inspect.signature(function).parameters
]


@pytest.mark.parametrize("words", WITH_COUNTRY, ids=str)
def test_an_unknown_country_is_refused(refusal, words):
    assert "'XX' is not one of CN, ES, GB" in refusal(*words, "--country", "XX")


def test_a_wrong_command_names_the_nearest(refusal):
    assert "Did you mean 'rebuild'?" in refusal("rebiuld")
    assert "Did you mean 'pairs'?" in refusal("show", "pears")
    assert "--help" in refusal("frobnicate")


def test_psql_may_have_empty_words(run_coagg):
    code, _, err = run_coagg("db", "psql", "-c", "")
    assert "empty word" not in err
    assert code in (0, 2)


OUTPUTS = [one[:2] for one in FILES if one[1] in ("--out", "--figure", "--scenarios", "--export")]


@pytest.mark.parametrize(("words", "option"), OUTPUTS, ids=str)
def test_what_cannot_be_written_is_refused_before_the_work(refusal, tmp_path, words, option):
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "out.png"
    said = refusal(*words, option, str(below))
    assert f"{below} cannot be written: {tmp_path / 'file'} is no folder" in said

"""What stands below a table: sample, errors, what was left out, options, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coagg.analysis.panel.variables import EFFECT_LABELS
from coagg.analysis.tables.pages.grid import three
from coagg.analysis.tables.store import StoredTable

CONVENTION_WORDS = {
    "reghdfe": "reghdfe's, (N-1)/(N-k-effects-1) × G/(G-1)",
    "ivreghdfe": "ivreghdfe's, (N-1)/(N-k-effects) × G/(G-1)",
    "fixest": "fixest's, (N-1)/(N-k-effects-1) × G/(G-1), singletons kept",
    "ppmlhdfe": "ppmlhdfe's, G/(G-1)",
}
STARS_NOTE = "*** p < 0.01, ** p < 0.05, * p < 0.1."
TEST_WORDS = {
    "wild": "p of the wild cluster bootstrap (Webb weights, null imposed, {draws:,} draws)",
    "randomisation": (
        "p of randomisation inference (t under {draws:,} permutations of the industries' places "
        "in φ within agglomeration and year)"
    ),
}
TEST_MARKS = {"wild": ("[", "]"), "randomisation": ("{", "}")}


def table_notes(table: StoredTable) -> tuple[str, ...]:
    """Notes of a table of regressions, a sentence or a few each."""
    notes = [str(table.specification["note"])] if table.specification["note"] else []
    notes.append(_errors(table))
    notes += _tests(table)
    notes.append(STARS_NOTE)
    notes += sample_notes(table)
    notes += _dropped(table)
    weak: dict[str, list[int]] = {}
    unrelated = []
    for column in table.columns:
        f, bound = column.diagnostics.get("kp_f"), column.diagnostics.get("stock_yogo_10")
        if f is not None and bound is not None and f < bound:
            weak.setdefault(three(bound), []).append(column.number)
        if (column.diagnostics.get("kp_lm_p") or 0.0) >= 0.1:
            unrelated.append(column.number)
    if unrelated:
        notes.append(
            f"Instrument unrelated to the regressor in column{numbers(unrelated)}, as far as the "
            "data tell: the rk LM test does not reject at 10%, and the estimate means nothing."
        )
    for bound, columns in weak.items():
        notes.append(
            f"Weak instrument in column{numbers(columns)}: rk Wald F below {bound}; read the "
            "Anderson-Rubin set."
        )
    notes.append(trace(table))
    return tuple(notes)


def trace(table: StoredTable) -> str:
    """Where a table comes from: set of results, measurement, run, code, data, time."""
    return (
        f"Results {table.results}; measurement {table.measurement_id} of the index; "
        f"run {table.run_id} of coagg {table.code_version}, data {table.data_sha256[:12]}, "
        f"{table.estimated_at:%Y-%m-%d %H:%M}."
    )


def numbers(columns: Sequence[int]) -> str:
    """Column numbers after the word column."""
    return ("s " if len(columns) > 1 else " ") + ", ".join(f"({n})" for n in columns)


def _errors(table: StoredTable) -> str:
    cutoff = table.options.get("conley")
    if cutoff is not None:
        said = (
            f"Standard errors in parentheses: Conley (1999), Bartlett weights of the distance "
            f"between the centres of agglomerations up to {cutoff:g} km, rows of one agglomeration "
            "freely correlated; no small-sample factor, t with agglomerations - 1 degrees of "
            "freedom."
        )
        columns = [c for c in table.specification["columns"] if c["instruments"]]
        by = " or ".join(dict.fromkeys(_clusters(c["cluster"]) for c in columns))
        more = f" First stages and statistics of instruments: clustered by {by}."
        return said + (more if columns else "")
    conventions = dict.fromkeys(column.convention for column in table.columns)
    factor = (
        f"small-sample factor: {'; '.join(CONVENTION_WORDS.get(c, c) for c in conventions)}; k "
        "coefficients, effects not nested in clusters, G clusters, t with G-1 degrees of freedom."
    )
    if table.options.get("dyadic"):
        return (
            "Dyadic standard errors in parentheses: pairs that share an industry on either side "
            f"may be correlated; {factor}"
        )
    clusters = dict.fromkeys(tuple(column.clusters) for column in table.columns)
    by = " or ".join(map(_clusters, clusters))
    return f"Standard errors clustered by {by} in parentheses; {factor}"


def _clusters(names: Sequence[str]) -> str:
    words = [EFFECT_LABELS.get(name, name) for name in names]
    return " and ".join(word[0].lower() + word[1:] for word in words)


def _tests(table: StoredTable) -> list[str]:
    notes = []
    for kind, words in TEST_WORDS.items():
        draws = {
            int(one["draws"])
            for column in table.columns
            for one in column.diagnostics.get(kind, {}).values()
        }
        if draws:
            opening, closing = TEST_MARKS[kind]
            notes.append(f"In {opening} {closing}: {words.format(draws=max(draws))}.")
            without = [c.number for c in table.columns if kind not in c.diagnostics]
            if without:
                notes.append(
                    f"Not of column{numbers(without)}: it is of OLS columns that have such a "
                    "regressor."
                )
    return notes


def _dropped(table: StoredTable) -> list[str]:
    said: dict[str, list[int]] = {}
    for column in table.columns:
        for text in column.dropped:
            said.setdefault(text, []).append(column.number)
    return [f"Left out of column{numbers(at)}: {text}." for text, at in said.items()]


def _words(conditions: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(
        f"{c['column']} {c['operator']} {c['value']:g}"
        if isinstance(c["value"], float)
        else f"{c['column']} {c['operator']} {c['value']}"
        for c in conditions
    )


def sample_notes(table: StoredTable) -> list[str]:
    """Sample, missing rows and options, in words."""
    notes = []
    missing: dict[str, list[int]] = {}
    samples: dict[str, list[int]] = {}
    for column in table.columns:
        for name, count in column.diagnostics.get("missing", {}).items():
            missing.setdefault(f"{count:,} rows without {name}", []).append(column.number)
        for key, words in (
            ("singletons", "rows alone in a fixed effect"),
            ("separated", "rows whose effect has no positive amount, which Poisson cannot use"),
        ):
            count = column.diagnostics.get(key) or 0
            if count:
                missing.setdefault(f"{count:,.0f} {words}", []).append(column.number)
        if words := _words(table.specification["columns"][column.number - 1]["sample"]):
            samples.setdefault(words, []).append(column.number)
    unit = "pairs" if table.specification["level"] == "pair" else "cells"
    if table.columns and len(samples) != 1:
        whole = [
            c.number for c in table.columns if not any(c.number in n for n in samples.values())
        ]
        if whole:
            of = "" if not samples else f" of column{numbers(whole)}"
            notes.append(
                f"Sample{of}: all {unit} of the panel, country {table.options['country']}."
            )
    for words, columns in samples.items():
        notes.append(f"Sample of column{numbers(columns)}: {unit} with {words}.")
    for words, columns in missing.items():
        notes.append(f"Left out of column{numbers(columns)}: {words}.")
    return [*notes, *_option_notes(table.options)]


def _option_notes(options: Mapping[str, Any]) -> list[str]:
    notes = []
    if "min_firms" in options:
        notes.append(
            f"Only industries with {options['min_firms']} firms or more in the cell; pools are "
            "those of the panel."
        )
    if "threshold" in options:
        words = (
            "at 0.95 without bidirectional pairs"
            if options["threshold"] == "one-way"
            else f"at {options['threshold']}"
        )
        notes.append(f"φ and the pools made of it {words}; instruments at 0.95.")
    if options.get("transposed"):
        notes.append("Direction read the other way: j→k and k→j of the index are exchanged.")
    if "leave_out" in options:
        notes.append(f"Without agglomeration {options['leave_out']}.")
    return notes

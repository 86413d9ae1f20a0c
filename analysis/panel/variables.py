"""Names of variables: which exist, how they are derived from the panel, what a reader calls them.

| name | meaning |
|---|---|
| `x` | a column of the panel; booleans count 0 and 1 |
| `x_j`, `x_k` | pair level: column x of the cell of industry j or k, same agglomeration and year |
| `ln_x` | ln(1 + x) of any of these |
| `a:b:c` | product of any of these |
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from coagg.errors import CoaggError

CELL_KEYS = ("survey_year", "agglomeration_code", "industry")
PAIR_KEYS = ("survey_year", "agglomeration_code", "from_industry", "to_industry")

OWN = (
    "firms", "output_thousand_cny", "employment", "location_quotient", "location_quotient_output",
    "innovation_scale", "innovation_quality",
)  # fmt: skip
VARIANTS = ("", "_90", "_99", "_oneway", "_uk")
POOLS = tuple(
    f"{what}_{way}ward{of}{variant}"
    for variant in VARIANTS
    for way in ("out", "in")
    for what, of in (("kp", "_scale"), ("kp", "_quality"), ("output", ""), ("employment", ""))
)
CELL_COLUMNS = (*OWN, *POOLS)
PAIR_COLUMNS = (
    "index", "index_back", "phi_90", "phi_95", "phi_99", "phi_back_90", "phi_back_95",
    "phi_back_99", "uk_index", "uk_index_back", "uk_phi", "uk_phi_back", "citations",
    "citations_back", "io", "io_back", "tech", "tech_back", "same_division",
)  # fmt: skip
COLUMNS = {"cell": CELL_COLUMNS, "pair": PAIR_COLUMNS}
KEYS = {"cell": CELL_KEYS, "pair": PAIR_KEYS}

_OWN_LABELS = {
    "firms": "Firms",
    "output_thousand_cny": "Enterprise size (output)",
    "employment": "Employment",
    "location_quotient": "Industry agglomeration (LQ)",
    "location_quotient_output": "Industry agglomeration (LQ of output)",
    "innovation_scale": "Innovation scale",
    "innovation_quality": "Innovation quality",
}
_POOL_LABELS = {
    "kp": "Knowledge pool",
    "output": "Economies of scale through coagglomeration",
    "employment": "Labour pool through coagglomeration",
}
_VARIANT_LABELS = {
    "": "", "_90": ", φ at 0.90", "_99": ", φ at 0.99", "_oneway": ", one-way pairs",
    "_uk": ", UK index",
}  # fmt: skip
_PAIR_LABELS = {
    "index": "Coagg(j→k)", "index_back": "Coagg(k→j)",
    "phi_90": "φ(j→k) at 0.90", "phi_95": "φ(j→k)", "phi_99": "φ(j→k) at 0.99",
    "phi_back_90": "φ(k→j) at 0.90", "phi_back_95": "φ(k→j)", "phi_back_99": "φ(k→j) at 0.99",
    "uk_index": "UK Coagg(j→k)", "uk_index_back": "UK Coagg(k→j)",
    "uk_phi": "UK φ(j→k)", "uk_phi_back": "UK φ(k→j)",
    "citations": "Citations(j→k)", "citations_back": "Citations(j←k)",
    "io": "IO(j→k)", "io_back": "IO(j←k)", "tech": "Tech(j→k)", "tech_back": "Tech(j←k)",
    "same_division": "Same two-digit division",
}  # fmt: skip
EFFECT_LABELS = {
    "industry": "Industry",
    "from_industry": "Industry j",
    "to_industry": "Industry k",
    "survey_year": "Year",
    "agglomeration_code": "Urban agglomeration",
    "member": "Industry on either side",
}
TRANSPOSED = {  # the other reading of direction: every index-bearing column and its mirror
    **{p: p.replace("outward", "IN").replace("inward", "outward").replace("IN", "inward")
       for p in POOLS},
    **{name: mirror for a, b in (
        ("index", "index_back"), ("phi_90", "phi_back_90"), ("phi_95", "phi_back_95"),
        ("phi_99", "phi_back_99"), ("uk_index", "uk_index_back"), ("uk_phi", "uk_phi_back"),
    ) for name, mirror in ((a, b), (b, a))},
}  # fmt: skip


def near_match(name: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the nearest known one, or all of them."""
    known = list(known)
    match = difflib.get_close_matches(name, known, 1, 0.5)
    return f"do you mean {match[0]}?" if match else f"known are {', '.join(known)}"


def parts(name: str) -> list[str]:
    """Factors of a product."""
    return name.split(":")


def _side(name: str) -> tuple[str, str | None]:
    """Column and side (j, k or None) of `x_j`."""
    if name[-2:] in ("_j", "_k") and name[:-2] in CELL_COLUMNS:
        return name[:-2], name[-1]
    return name, None


def base_columns(name: str) -> list[str]:
    """Panel columns (with their side) that a variable is derived from."""
    return [part.removeprefix("ln_") for part in parts(name)]


def unknown_part(name: str, level: str) -> str | None:
    """None for a variable that exists at the level, else the end of a sentence saying what not."""
    known = list(COLUMNS[level])
    if level == "pair":
        known += [f"{column}_{side}" for side in "jk" for column in CELL_COLUMNS]
    for part in parts(name):
        bare = part.removeprefix("ln_")
        if bare not in known:
            match = difflib.get_close_matches(bare, known, 1, 0.5)
            mark = "ln_" if part != bare else ""
            hint = f"do you mean {mark}{match[0]}?" if match else f"known are {', '.join(known)}"
            return f"unknown variable {part} at {level} level; {hint}"
    return None


def derive(name: str, column: Callable[[str], np.ndarray]) -> np.ndarray:
    """Values of a variable, (N,) float64; `column` gives a panel column by `x`, `x_j` or `x_k`.

    Raises CoaggError for the logarithm of a negative value.
    """
    product: np.ndarray | None = None
    for part in parts(name):
        bare = part.removeprefix("ln_")
        values = column(bare)
        if part != bare:
            if len(values) and np.nanmin(values, initial=0.0) < 0:
                raise CoaggError(
                    f"{part}: {bare} has values below 0, whose ln(1+x) is not meant; "
                    "build the panel again (coagg panel) or leave the variable out"
                )
            values = np.log1p(values)
        product = values if product is None else product * values
    assert product is not None
    return product


def label(name: str, own: Mapping[str, str] | None = None) -> str:
    """What a reader calls a variable; `own` labels win, then the rule for the name."""
    own = own or {}
    if name in own:
        return own[name]
    if ":" in name:
        return " × ".join(label(part, own) for part in parts(name))
    bare = name.removeprefix("ln_")
    if bare in own:
        return own[bare]
    column, side = _side(bare)
    text = _column_label(column)
    return f"{text} of {side}" if side else text


def _column_label(column: str) -> str:
    if column in _OWN_LABELS:
        return _OWN_LABELS[column]
    if column in _PAIR_LABELS:
        return _PAIR_LABELS[column]
    if column in POOLS:
        variant = next(v for v in reversed(VARIANTS) if column.endswith(v))
        what, way, *of = column.removesuffix(variant).split("_")
        words = f"{_POOL_LABELS[what]}, {way}"
        return words + (f", by {of[0]}" if of else "") + _VARIANT_LABELS[variant]
    return EFFECT_LABELS.get(column, column)

"""Dirt of the real survey put on made rows, each dirty row labelled.

A row gets one fault at most, so that what a loader should find can be counted. A fault carries
the name under which the loader reports it: a reason in `clean.refused` (outcome `refused`) or a
flag in `clean.firm` (outcome `flagged`); outcome `read` means the row is dirty but must be read
as if it were not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from coagg.etl import coordinates
from coagg.simulation.places import Prefecture

DATUM = "bd09"

FILE_FIELDS = (
    "firm_id",
    "firm_name",
    "legal_representative",
    "place_code",
    "address",
    "phone",
    "postal_code",
    "main_product",
    "industry_code",
    "established_year",
    "employment",
    "output",
    "survey_year",
)

# Share of a year's rows and what a loader must make of them.
FAULTS: dict[str, tuple[float, str]] = {
    "coordinates_missing": (0.008, "refused"),
    "coordinates_zero": (0.003, "refused"),
    "coordinates_unreadable": (0.0015, "refused"),
    "coordinates_impossible": (0.002, "refused"),
    "outside_country": (0.0015, "refused"),
    "row_malformed": (0.0015, "refused"),
    "survey_year_differs": (0.0007, "refused"),
    "shared_id": (0.004, "flagged"),
    "axes_swapped": (0.004, "flagged"),
    "low_precision": (0.012, "flagged"),
    "outside_own_prefecture": (0.025, "flagged"),
    "place_missing": (0.003, "flagged"),
    "place_unknown": (0.002, "flagged"),
    "industry_missing": (0.003, "flagged"),
    "industry_unknown": (0.002, "flagged"),
    "output_unreadable": (0.003, "flagged"),
    "employment_unreadable": (0.003, "flagged"),
    "established_year_unreadable": (0.002, "flagged"),
    "number_placeholder": (0.015, "read"),
    "full_width_digits": (0.004, "read"),
    "four_digit_place_code": (0.05, "read"),
}
# Faults that strike by what the row holds, not by chance alone.
OUTCOMES = {kind: outcome for kind, (_, outcome) in FAULTS.items()} | {
    "duplicate_id": "refused",
    "pile_up": "flagged",
    "industry_zero_restored": "flagged",
    "firm_id_zero_lost": "read",
}

DUPLICATE_SHARE = 0.003
FIRST_OF_TWO = "first of two"
PILE_UP_FIRMS = (50, 80)
PILE_UP_SHARE = 0.12
PILE_UP_PLACES = 3
ABROAD = np.array([[139.69, 35.68], [126.98, 37.56], [106.91, 47.92], [105.83, 21.03]])
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@dataclass(frozen=True)
class SoiledYear:
    """A year's rows as they stand in the file, with the truth about them.

    `text` holds the file's values by canonical field, in file order; `fields_off` how many fields
    a malformed row has too many (+1) or too few (-2), 0 for a sound row; `dirt` a row each:
    row_number (1 is the first data row), kind, outcome, field; `rows` the rows before the dirt;
    `recorded` lon and lat in WGS-84
    as a faultless loader would read them, NaN where the row is refused.
    """

    text: dict[str, list[str]]
    fields_off: np.ndarray
    dirt: pd.DataFrame
    rows: pd.DataFrame
    recorded: np.ndarray


def soil(
    rows: pd.DataFrame,
    places: dict[str, Prefecture],
    zero_loss: float,
    rng: np.random.Generator,
    pile_up_places: int = PILE_UP_PLACES,
) -> SoiledYear:
    """Put dirt on one year's rows.

    `rows` holds FILE_FIELDS (codes and names as text), firm_number, lon, lat (WGS-84),
    prefecture_code and agglomeration_code; the order of the file is drawn here. `zero_loss` is
    the share of leading zeros that were lost, as in a file that has passed through a spreadsheet;
    `pile_up_places` how many prefectures of an agglomeration have a pile-up.
    """
    repeated = rows.sample(round(DUPLICATE_SHARE * len(rows)), random_state=rng)
    rows = pd.concat([rows, repeated]).sample(frac=1, random_state=rng).reset_index(drop=True)
    kind = np.full(len(rows), "", dtype=object)
    touched = np.full(len(rows), "", dtype=object)
    twice = rows.duplicated("firm_number", keep=False)
    kind[twice] = FIRST_OF_TWO
    kind[rows.duplicated("firm_number")] = "duplicate_id"

    zeros_lost = {"industry_code": "industry_zero_restored", "firm_id": "firm_id_zero_lost"}
    for field, name in zeros_lost.items():  # of numbers only: an id that ends in X stays text
        zero = rows[field].str.startswith("0") & rows[field].str.isdigit()
        lost = zero & (rng.random(len(rows)) < zero_loss) & (kind == "")
        kind[lost], touched[lost] = name, field
    _mark_pile_ups(rows, kind, pile_up_places, rng)
    for name, (share, _) in FAULTS.items():
        clean = np.flatnonzero(kind == "")
        kind[rng.choice(clean, 2 * round(share * len(rows) / 2), replace=False)] = name
    kind[kind == FIRST_OF_TWO] = ""

    first, second = np.flatnonzero(kind == "shared_id").reshape(-1, 2).T
    rows.loc[second, "firm_id"] = rows.loc[first, "firm_id"].to_numpy()
    touched[np.isin(kind, ["duplicate_id", "shared_id"])] = "firm_id"

    recorded = _recorded_places(rows, kind, places, rng)
    lon, lat = coordinates.gcj02_to_bd09(*coordinates.wgs84_to_gcj02(*recorded.T))
    _round_low_precision(rows, kind, places, recorded, lon, lat)
    text = _as_text(rows, lon, lat)
    _soil_text(text, kind, touched, rng)

    number = np.arange(1, len(rows) + 1)
    soiled = kind != ""
    outcome = np.array([OUTCOMES.get(k, "") for k in kind], dtype=object)
    recorded[outcome == "refused"] = np.nan
    dirt = pd.DataFrame(
        {
            "row_number": number[soiled],
            "kind": kind[soiled],
            "outcome": outcome[soiled],
            "field": touched[soiled],
        }
    )
    fields_off = np.where(kind == "row_malformed", rng.choice([1, -2], len(rows)), 0)
    return SoiledYear(text, fields_off, dirt, rows, recorded)


def _mark_pile_ups(
    rows: pd.DataFrame, kind: np.ndarray, places: int, rng: np.random.Generator
) -> None:
    """Rows of the biggest prefectures of each agglomeration fall back to the city's centre."""
    inside = rows[rows.agglomeration_code != ""]
    for _, cell in inside.groupby("agglomeration_code"):
        for code, firms in cell.prefecture_code.value_counts().head(places).items():
            here = np.flatnonzero((rows.prefecture_code == code) & (kind == ""))
            pile = int(np.clip(PILE_UP_SHARE * firms, *PILE_UP_FIRMS))
            if len(here) >= 2 * pile:
                kind[rng.choice(here, pile, replace=False)] = "pile_up"


def _recorded_places(
    rows: pd.DataFrame,
    kind: np.ndarray,
    places: dict[str, Prefecture],
    rng: np.random.Generator,
) -> np.ndarray:
    """Where the geocoder put each row, WGS-84 (n, 2)."""
    true = rows[["lon", "lat"]].to_numpy(dtype=float)
    recorded = true.copy()
    prefecture, codes = pd.factorize(rows.prefecture_code)
    for i in np.flatnonzero(kind == "pile_up"):
        recorded[i] = places[codes[prefecture[i]]].cities[0, :2]
    agglomeration = rows.agglomeration_code.to_numpy(dtype=object)
    neighbours = rows.groupby("agglomeration_code").indices
    for i in np.flatnonzero(kind == "outside_own_prefecture"):
        near = neighbours[agglomeration[i]]
        others = near[prefecture[near] != prefecture[i]]
        if len(others) == 0:  # an agglomeration of one prefecture
            kind[i] = ""
            continue
        other = rng.choice(others)
        jitter = rng.normal(0, 5e-4, 2)
        inside = shapely.contains_xy(
            places[codes[prefecture[other]]].geometry, *(true[other] + jitter)
        )
        recorded[i] = true[other] + jitter * inside
    abroad = np.flatnonzero(kind == "outside_country")
    recorded[abroad] = rng.choice(ABROAD, len(abroad)) + rng.normal(0, 0.02, (len(abroad), 2))
    return recorded


def _round_low_precision(
    rows: pd.DataFrame,
    kind: np.ndarray,
    places: dict[str, Prefecture],
    recorded: np.ndarray,
    lon: np.ndarray,
    lat: np.ndarray,
) -> None:
    """Round to two decimals in the file's datum where that keeps the firm in its prefecture."""
    for i in np.flatnonzero(kind == "low_precision"):
        rounded = np.round([lon[i], lat[i]], 2)
        moved = recorded[i] + rounded - [lon[i], lat[i]]
        if shapely.contains_xy(places[rows.prefecture_code[i]].geometry, *moved):
            recorded[i] = moved
            lon[i], lat[i] = rounded
        else:
            kind[i] = ""


def _as_text(rows: pd.DataFrame, lon: np.ndarray, lat: np.ndarray) -> dict[str, list[str]]:
    text = {field: rows[field].astype(str).tolist() for field in FILE_FIELDS}
    return text | {"lon": [_degrees(value) for value in lon], "lat": [_degrees(v) for v in lat]}


def _degrees(value: float) -> str:
    """Six decimals; a value of two decimals keeps two, and no other has so few by chance."""
    millionths = round(value * 1e6)
    if millionths % 10_000:
        return f"{millionths / 1e6:.6f}"
    return f"{value:.2f}" if value == round(value, 2) else f"{(millionths + 1) / 1e6:.6f}"


def _soil_text(
    text: dict[str, list[str]], kind: np.ndarray, touched: np.ndarray, rng: np.random.Generator
) -> None:
    def put(i: int, field: str, value: str) -> None:
        text[field][i] = value
        touched[i] = field

    def one_of(*values: str) -> str:
        return values[rng.integers(len(values))]

    for i in np.flatnonzero(kind != "").tolist():
        output, employment = text["output"][i], text["employment"][i]
        match kind[i]:
            case "industry_zero_restored" | "firm_id_zero_lost":
                put(i, touched[i], text[touched[i]][i].lstrip("0"))
            case "coordinates_missing":
                blank = one_of("", "NULL", "-")
                put(i, "lat", blank)
                put(i, "lon", blank)
            case "coordinates_zero":
                put(i, "lat", "0")
                put(i, "lon", "0")
            case "coordinates_unreadable":
                put(i, "lon", one_of("#N/A", "东经104度", "未找到"))
            case "coordinates_impossible":  # the decimal point was lost
                field = one_of("lon", "lat")
                put(i, field, text[field][i].replace(".", ""))
            case "axes_swapped":
                lon, lat = text["lon"][i], text["lat"][i]
                put(i, "lat", lon)
                put(i, "lon", lat)
            case "survey_year_differs":
                put(i, "survey_year", str(int(text["survey_year"][i]) - 1))
            case "place_missing":
                put(i, "place_code", "")
            case "place_unknown":
                put(i, "place_code", "990101")
            case "four_digit_place_code":
                put(i, "place_code", text["place_code"][i][:4])
            case "industry_missing":
                put(i, "industry_code", "")
            case "industry_unknown":
                put(i, "industry_code", "9999")
            case "output_unreadable":
                put(i, "output", one_of(f"约{output}", "不详"))
            case "employment_unreadable":
                put(i, "employment", one_of(f"{employment}人左右", "几十人"))
            case "established_year_unreadable":
                put(i, "established_year", "不详")
            case "number_placeholder":
                put(i, one_of("output", "employment"), one_of(".", "-", "NULL"))
            case "full_width_digits":
                field = one_of("output", "employment")
                put(i, field, text[field][i].translate(FULL_WIDTH))

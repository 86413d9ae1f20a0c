"""Wrong calls of the Python face: each gets one line that names the value and the remedy."""

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

import coagg
from coagg import CoaggError


@pytest.fixture
def firms():
    """40 firms of four industries."""
    rng = np.random.default_rng(1)
    return geopandas.GeoDataFrame(
        {"code": ["061", "062", "131", "132"] * 10, "place": ["a", "b"] * 20, "staff": 5.0},
        geometry=geopandas.points_from_xy(rng.normal(-1.4, 0.1, 40), rng.normal(53.4, 0.1, 40)),
        crs=4326,
    )


def with_column(name, value):
    def change(frame):
        frame[name] = value
        return frame

    return change


def with_shape(shape):
    def change(frame):
        frame.loc[3, "geometry"] = shape
        return frame

    return change


def missing_code(frame):
    frame["code"] = None
    return frame


def empty_code(frame):
    frame.loc[0, "code"] = ""
    return frame


def spaced_code(frame):
    frame.loc[0, "code"] = "061 "
    return frame


def mixed_code(frame):
    frame["code"] = frame["code"].astype(object)
    frame.loc[4, "code"] = 61
    return frame


def missing_place(frame):
    frame.loc[0, "place"] = None
    return frame


def twice(frame):
    return pd.concat([frame, frame.iloc[:2]])


def no_crs_degrees(frame):
    return frame.set_crs(None, allow_override=True)


def no_crs_metres(frame):
    return frame.to_crs(27700).set_crs(None, allow_override=True)


def no_active_geometry(frame):
    frame["other"] = frame.geometry
    return frame.drop(columns="geometry")


def infinite(frame):
    return with_shape(shapely.Point(np.inf, 53.0))(frame)


FRAMES = [
    (lambda f: pd.DataFrame(f["code"]), {}, "GeoDataFrame is needed, not DataFrame"),
    (lambda f: f.geometry, {}, "GeoDataFrame is needed, not GeoSeries"),
    (lambda f: [1, 2], {}, "GeoDataFrame is needed, not list"),
    (lambda f: f.iloc[:0], {}, "no rows"),
    (no_active_geometry, {}, "no active geometry; name it with set_geometry"),
    (no_crs_degrees, {}, r"no CRS.*if these are longitude and latitude, set_crs\(4326\)"),
    (no_crs_metres, {}, "no CRS.*set_crs says which"),
    (lambda f: f.set_crs(27700, allow_override=True), {}, "look like degrees"),
    (lambda f: f.to_crs(27700).set_crs(4326, allow_override=True), {}, "40 points lie nowhere"),
    (twice, {}, "2 index labels stand twice, the first 0"),
    (with_shape(None), {}, "1 of 40 rows have no geometry, the first 3"),
    (with_shape(shapely.Point()), {}, "an empty or NaN geometry, the first 3"),
    (with_shape(shapely.Point(np.nan, np.nan)), {}, "NaN"),
    (infinite, {}, "infinite coordinate"),
    (with_shape(shapely.MultiPoint([(0, 0)])), {}, "MultiPoint in row 3; take one point a firm"),
    (with_shape(shapely.box(0, 0, 1, 1)), {}, "Polygon in row 3; .*representative_point"),
    (lambda f: f, {"industry": "sic3"}, "no column 'sic3'; columns are code, place"),
    (lambda f: f, {"industry": 3}, "give the name of a column of firms, not int"),
    (missing_code, {}, "all 40 values are missing"),
    (empty_code, {}, "1 values are empty text"),
    (spaced_code, {}, "spaces about them, the first '061 '"),
    (with_column("code", 61), {}, "holds int 61: a code is text, since a number loses its"),
    (with_column("code", 61.0), {}, "holds float 61.0"),
    (mixed_code, {}, "holds int 61"),
    (lambda f: f, {"by": "region"}, "by: firms have no column 'region'"),
    (missing_place, {"by": "place"}, "1 of 40 values are missing"),
    (with_column("place", 2013.5), {"by": "place"}, "holds fractions"),
    (lambda f: f, {"by": ["place", "place"]}, "named twice"),
    (lambda f: f, {"by": 3}, "by=3: give the name of a column"),
    (with_column("index", "a"), {"by": "index"}, "index is a column of the answer; rename it"),
    (with_column("pile_up", "no"), {"pile_ups": "drop"}, "make it True and False"),
]  # fmt: skip
ARGUMENTS = [
    ({"draws": 0}, "draws=0: give at least 1"),
    ({"draws": -1}, "draws=-1: give at least 1"),
    ({"draws": 1.5}, "draws=1.5: give a whole number"),
    ({"draws": True}, "draws=True: give a whole number"),
    ({"draws": "1000"}, "draws='1000': give a whole number"),
    ({"seed": -1}, "seed=-1"),
    ({"seed": 2**63}, "seed=9223372036854775808"),
    ({"method": "fast"}, "method='fast': give one of calibrated, exact"),
    ({"cost": "manhattan"}, "cost='manhattan': give one of sqeuclidean, euclidean"),
    ({"pile_ups": "burn"}, "pile_ups='burn': give one of keep, drop, spread"),
    ({"direction": "up"}, "direction='up': give one of from-fixed"),
    ({"refine": -0.5}, "refine=-0.5"),
    ({"refine": float("nan")}, "refine=nan"),
    ({"min_firms": 0}, "min_firms=0: give at least 1"),
    ({"min_firms": 11}, "the frame has 0 industries of 11 firms or more.*lower min_firms"),
    ({"workers": 0}, "workers=0: give at least 1"),
    ({"industries": ["061", "999"]}, "999 not among the 4 of the firms"),
    ({"industries": ["061"]}, "a pair needs two"),
    ({"industries": "061"}, "give a list of codes"),
    ({"industries": [61, 62]}, "each of them text"),
    ({"key": ""}, "key='': give text"),
    ({"progress": True}, "progress=True: give a function"),
    ({"reference": pd.DataFrame({"x": [1]})}, "reference: a GeoDataFrame is needed"),
]


def one_line(match):
    """A CoaggError of one line with these words."""
    return pytest.raises(CoaggError, match=rf"\A(?=[^\n]*\Z).*({match})")


@pytest.mark.parametrize(("change", "arguments", "words"), FRAMES)
def test_frames_that_cannot_be_measured(firms, change, arguments, words):
    with one_line(words):
        coagg.coagglomeration(change(firms), **{"industry": "code", "draws": 5, **arguments})


@pytest.mark.parametrize(("arguments", "words"), ARGUMENTS)
def test_arguments_that_cannot_be_meant(firms, arguments, words):
    with one_line(words):
        coagg.coagglomeration(firms, "code", **{"draws": 5, **arguments})


def test_one_industry_only(firms):
    with one_line("1 industry of 1 firms or more, and a pair needs two"):
        coagg.coagglomeration(firms[firms["code"] == "061"], "code", draws=5)
    with one_line("none of 2 cells has more than 0 industries of 21 firms"):
        coagg.coagglomeration(firms, "code", by="place", min_firms=21, draws=5)


def test_reference_needs_the_columns_of_by(firms):
    with one_line("by: reference have no column 'place'"):
        coagg.coagglomeration(
            firms, "code", by="place", draws=5, reference=firms.drop(columns="place")
        )
    with one_line("reference: with by=.* it is a GeoDataFrame"):
        coagg.coagglomeration(firms, "code", by="place", draws=5, reference=firms.geometry)


def test_pile_ups_are_known_of_all_sites_or_of_none(firms):
    with one_line("'pile_up' stands in one of firms and reference only"):
        coagg.coagglomeration(
            firms.assign(pile_up=False), "code", draws=5, reference=firms, pile_ups="drop"
        )


@pytest.mark.parametrize("index", [coagg.colocation_quotient, coagg.duranton_overman])
def test_comparison_indices_check_alike(firms, index):
    with one_line("no CRS"):
        index(firms.set_crs(None, allow_override=True), "code")
    with one_line("draws=0"):
        index(firms, "code", draws=0)
    with one_line("seed=-1"):
        index(firms, "code", seed=-1)


def test_employment_is_checked(firms):
    with one_line("area: firms have no column 'county'"):
        coagg.ellison_glaeser_kerr(firms, "code", area="county")
    with one_line("employment: firms have no column 'persons'"):
        coagg.ellison_glaeser_kerr(firms, "code", area="place", employment="persons")
    firms.loc[0, "staff"] = np.nan
    with one_line("1 values are missing or below 0"):
        coagg.ellison_glaeser_kerr(firms, "code", area="place", employment="staff")
    with one_line("holds no numbers"):
        coagg.ellison_glaeser_kerr(firms, "code", area="place", employment="code")
    with one_line("aggregate='sum'"):
        coagg.ellison_glaeser_kerr(firms, "code", area="place", aggregate="sum")
    firms.loc[0, "place"] = None
    with one_line("1 firms have no area"):
        coagg.ellison_glaeser_kerr(firms, "code", area="place")


PAIRS = pd.DataFrame({"from_industry": ["1", "2"], "to_industry": ["2", "1"], "index": [0.99, 0.2]})
VALUES = pd.Series({"1": 10.0, "2": 20.0}, name="patents")


@pytest.mark.parametrize(
    ("pairs", "values", "arguments", "words"),
    [
        (PAIRS.drop(columns="index"), VALUES, {}, "pairs have no column 'index'"),
        (PAIRS.drop(columns="to_industry"), VALUES, {}, "no column 'to_industry'"),
        (PAIRS.assign(index="x"), VALUES, {}, "'index' holds no numbers"),
        (PAIRS.assign(from_industry=[1, 2]), VALUES, {}, "holds int 1: a code is text"),
        (pd.concat([PAIRS, PAIRS]), VALUES, {}, "2 pairs stand twice, the first 1 2.*by="),
        (PAIRS, VALUES, {"threshold": 1.5}, "threshold=1.5: give a number from 0 to 1"),
        (PAIRS, VALUES, {"threshold": "high"}, "threshold='high'"),
        (PAIRS, VALUES, {"threshold": True}, "threshold=True"),
        (PAIRS, VALUES, {"one_way": 1}, "one_way=1: give True or False"),
        (PAIRS.iloc[:1], VALUES, {"one_way": True}, "1 pairs have no way back, the first 1 2"),
        (PAIRS, VALUES, {"by": "year"}, "by: pairs have no column 'year'"),
        (VALUES, VALUES, {}, "pairs: a DataFrame is needed"),
        (PAIRS, pd.Series({"1": 1.0, "9": 2.0}), {}, "1 of 2 are of industries .* the first 9"),
        (PAIRS, pd.Series({1: 1.0, 2: 2.0}), {}, "holds int 1: a code is text"),
        (PAIRS, pd.Series(["a", "b"], index=["1", "2"]), {}, "holds no numbers"),
        (PAIRS, pd.Series([1, 2], index=["1", "1"]), {}, "an industry stands twice, the first 1"),
        (PAIRS, pd.Series([1, np.inf], index=["1", "2"]), {}, "infinite"),
        (PAIRS, {"1": 10}, {}, "give a Series or DataFrame by industry, not dict"),
        (PAIRS, pd.DataFrame(index=["1", "2"]), {}, "no column of numbers"),
    ],
)
def test_pools_that_cannot_be_summed(pairs, values, arguments, words):
    with one_line(words):
        coagg.pools(pairs, values, **arguments)


def test_transport_cost_of_what_is_no_points(firms):
    with one_line("give two GeoSeries, or two arrays"):
        coagg.transport_cost(firms, [(0, 0)])
    with one_line(r"a must be an \(n, 2\) array"):
        coagg.transport_cost([1, 2], [(0, 0)])
    with one_line(r"b: give an \(n, 2\) array"):
        coagg.transport_cost([(0, 0)], [("x", "y")])
    with one_line("points are not finite"):
        coagg.transport_cost([(0, np.nan)], [(0, 0)])
    with one_line("cost='far'"):
        coagg.transport_cost([(0, 0)], [(0, 0)], cost="far")
    with one_line("a have no CRS"):
        coagg.transport_cost(firms.geometry.set_crs(None, allow_override=True), firms)


def test_an_example_that_is_none():
    with one_line("example 'sheffield': there are south_yorkshire"):
        coagg.example("sheffield")

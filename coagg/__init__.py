"""Directional coagglomeration of industries, of a frame or in PostGIS.

Every name below is loaded when it is first used, so that ``import coagg`` costs next to nothing.

Of a frame of firms, without a data base:

- `coagglomeration`: the index of all ordered pairs of industries
- `colocation_quotient`, `duranton_overman`, `ellison_glaeser_kerr`: other indices on the same firms
- `near_pairs`, `pools`: links at a threshold, and what lies along them
- `transport_cost`: the cost between two sets of points
- `estimate`: models of a frame from a specification
- `example`: small real data

With a data base: `connect` reads it; `load_firms`, `match_firms`, `measure`, `build_panels` and
the others fill it, each as the command line does; `rebuild_all` does all of it.

A fault that a caller can mend is a `CoaggError` of one line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from coagg.errors import CoaggError
from coagg.version import VERSION as __version__

if TYPE_CHECKING:
    from coagg.analysis.coagglomeration import IndexSettings as IndexSettings
    from coagg.analysis.measurement.comparison import CompareRequest as CompareRequest
    from coagg.analysis.measurement.comparison import compare as compare
    from coagg.analysis.measurement.index import IndexRequest as IndexRequest
    from coagg.analysis.measurement.index import measure as measure
    from coagg.analysis.panel.build import build_panels as build_panels
    from coagg.analysis.tables.estimate import estimate_tables as estimate_tables
    from coagg.database import upgrade as upgrade
    from coagg.etl.firms.load import load_firms as load_firms
    from coagg.etl.input_output.load import load_input_output as load_input_output
    from coagg.etl.matching.firms import match_firms as match_firms
    from coagg.etl.matching.patents import match_patents as match_patents
    from coagg.etl.patents.citations import load_citations as load_citations
    from coagg.etl.patents.load import load_patents as load_patents
    from coagg.etl.reference.load import load_reference as load_reference
    from coagg.frames.comparison import colocation_quotient as colocation_quotient
    from coagg.frames.comparison import duranton_overman as duranton_overman
    from coagg.frames.comparison import ellison_glaeser_kerr as ellison_glaeser_kerr
    from coagg.frames.estimates import estimate as estimate
    from coagg.frames.example import example as example
    from coagg.frames.index import coagglomeration as coagglomeration
    from coagg.frames.pools import near_pairs as near_pairs
    from coagg.frames.pools import pools as pools
    from coagg.frames.transport import transport_cost as transport_cost
    from coagg.reader import Database as Database
    from coagg.reader import connect as connect
    from coagg.rebuild.whole import rebuild_all as rebuild_all
    from coagg.settings import Settings as Settings
    from coagg.settings import read_settings as read_settings


# public name -> module; `module:name` where it is called otherwise there
_WHERE = {
    "coagglomeration": "frames.index",
    "colocation_quotient": "frames.comparison",
    "duranton_overman": "frames.comparison",
    "ellison_glaeser_kerr": "frames.comparison",
    "near_pairs": "frames.pools",
    "pools": "frames.pools",
    "transport_cost": "frames.transport",
    "estimate": "frames.estimates",
    "example": "frames.example",
    "connect": "reader",
    "Database": "reader",
    "Settings": "settings",
    "read_settings": "settings",
    "upgrade": "database",
    "load_reference": "etl.reference.load",
    "load_firms": "etl.firms.load",
    "load_patents": "etl.patents.load",
    "load_citations": "etl.patents.citations",
    "load_input_output": "etl.input_output.load",
    "match_firms": "etl.matching.firms",
    "match_patents": "etl.matching.patents",
    "IndexSettings": "analysis.coagglomeration",
    "IndexRequest": "analysis.measurement.index",
    "measure": "analysis.measurement.index",
    "CompareRequest": "analysis.measurement.comparison",
    "compare": "analysis.measurement.comparison",
    "build_panels": "analysis.panel.build",
    "estimate_tables": "analysis.tables.estimate",
    "rebuild_all": "rebuild.whole",
}
__all__ = ["CoaggError", "__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'coagg' has no attribute {name!r}")
    module, _, there = _WHERE[name].partition(":")
    found = getattr(import_module(f"coagg.{module}"), there or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""`coagg show`: results, and what can be asked about."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from coagg.cli.options import (
    Agglomeration,
    Classification,
    Country,
    Disclosure,
    Json,
    MaybeYear,
    Measurement,
    known_country,
)
from coagg.console import Answer, settings
from coagg.settings import COUNTRY

app = typer.Typer(help="Show results, and the codes and names there are.", no_args_is_help=True)
AnyCountry = Annotated[str | None, typer.Option(callback=known_country, help="Only this country.")]


@app.command("pairs")
def show_pairs(
    agglomeration: Agglomeration,
    survey_year: MaybeYear = None,
    top: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many pairs.")] = 20,
    industry: Annotated[
        str | None, typer.Option(help="Only pairs from this industry (coagg show industries).")
    ] = None,
    measurement: Measurement = None,
    country: Country = COUNTRY,
    disclosure: Disclosure = None,
    json: Json = False,
) -> None:
    """Show the pairs that seek each other's neighbourhood most, with names."""
    from coagg import database
    from coagg.analysis.show.top_pairs import top_pairs
    from coagg.database.disclosure import guard

    with database.connect(settings()) as connection:
        rule = guard(connection, disclosure)
        found = top_pairs(
            connection, country, agglomeration, survey_year, measurement, industry, top,
            published=rule is not None,
        )  # fmt: skip
    with Answer(json) as answer:
        answer.table(
            "pairs",
            f"{found.agglomeration} {found.survey_year}, measurement {found.measurement_id} "
            f"({found.method}, {found.draws} draws, codes of "
            f"{found.classification or 'no known classification'}): by index, then by distance "
            "from chance",
            (
                ("from", "{from_industry} {from_name}"), ("firms", "{from_firms:,}"),
                ("to", "{to_industry} {to_name}"), ("firms", "{to_firms:,}"),
                ("index", "{index:.3f}"), ("sd below", "{z:.1f}"), ("reverse", "{reverse:.3f}"),
            ),
            [dataclasses.asdict(pair) for pair in found.pairs],
        )  # fmt: skip
        facts = {
            field.name: getattr(found, field.name)
            for field in dataclasses.fields(found)
            if field.name != "pairs"
        }
        answer.say(
            f"{found.significant:,} of {found.all:,} ordered pairs have an index of 0.95 or more "
            f"({found.significant / max(found.all, 1):.1%})",
            **facts,
        )
        if rule is not None and found.suppressed:
            answer.note(
                f"{found.suppressed:,} more pairs are suppressed: an industry of theirs has fewer "
                f"than {rule.min_firms} firms (coagg db disclosure)"
            )


@app.command("agglomerations")
def show_agglomerations(country: AnyCountry = None, json: Json = False) -> None:
    """Show the urban agglomerations: code, name, prefectures, years that have an index."""
    from coagg import database
    from coagg.analysis.show import catalogue

    with database.connect(settings()) as connection:
        rows = catalogue.agglomerations(connection, country)
    with Answer(json) as answer:
        answer.table(
            "agglomerations",
            "Urban agglomerations",
            (
                ("country", "{country}"), ("code", "{agglomeration_code}"), ("name", _name),
                ("prefectures", _prefectures),
                ("index of", lambda row: _years(row["measured_years"])),
            ),
            rows,
            whole=(0, 1),
        )  # fmt: skip
        answer.say(f"{len(rows)} agglomerations")


def _prefectures(row: Mapping[str, Any]) -> str:
    return "an area" if row["prefectures"] is None else f"{row['prefectures']:,}"


@app.command("industries")
def show_industries(
    classification: Classification = None,
    search: Annotated[
        str | None,
        typer.Option(help="Only names that hold this word, or codes that begin with it."),
    ] = None,
    digits: Annotated[
        int,
        typer.Option(min=1, max=5, help="Length of the codes: 3 for the industries of the index."),
    ] = 3,
    json: Json = False,
) -> None:
    """Show the industries of a classification: code, name, section.

    Default classification: that of the survey year loaded last.
    """
    from coagg import database
    from coagg.analysis.show import catalogue

    with database.connect(settings()) as connection:
        rows = catalogue.industries(connection, classification, search, digits)
    with Answer(json) as answer:
        answer.table(
            "industries",
            f"Industries of {rows[0]['classification']}",
            (
                ("code", "{industry_code}"),
                ("name", _name),
                ("section", lambda row: f"{row['section'] or ''} {_section(row)}".strip()),
            ),
            rows,
            whole=(0,),
        )
        answer.say(f"{len(rows):,} industries")


@app.command("measurements")
def show_measurements(country: AnyCountry = None, json: Json = False) -> None:
    """Show what was measured: number, settings, classification, years, cells, pairs, when.

    A cell is one agglomeration in one survey year.
    """
    from coagg import database
    from coagg.analysis.show import catalogue

    with database.connect(settings()) as connection:
        rows = catalogue.measurements(connection, country)
    with Answer(json) as answer:
        answer.table(
            "measurements",
            "Measurements",
            (
                ("id", "{measurement_id:d}"), ("country", "{country}"), ("settings", _settings),
                ("classification", lambda row: row["classification"] or "each year's own"),
                ("years", lambda row: _years(row["survey_years"])), ("cells", "{cells:,}"),
                ("pairs", "{pairs:,}"),
                ("finished", lambda row: _when(row["finished_at"])),
            ),
            rows,
        )  # fmt: skip
        if not rows:
            answer.say("nothing is measured yet: coagg index --survey-year YEAR")


@app.command("concordance")
def show_concordance(
    to: Annotated[
        str | None, typer.Option(help="Only translations to this classification. Default: all.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what firms lose to doubtful or unofficial links when their industries are translated.

    One line for each country, survey year and pair of classifications. Then the sector maps.
    """
    from coagg import database
    from coagg.etl.reference import concordance_use

    with database.connect(settings()) as connection:
        firms = concordance_use.firms_by_link(connection, to)
        sectors = concordance_use.firms_by_sector_map(connection)
    with Answer(json) as answer:
        for name, title, rows in (
            ("translations", "Industries translated", firms),
            ("sector_maps", "Industries in sectors", sectors),
        ):
            if not rows:
                answer.document[name] = []
                answer.say(f"{title}: none")
                continue
            answer.table(
                name,
                title,
                (
                    ("firms of", "{firms_of}"), ("by", "{by}"), ("links", "{links:,}"),
                    ("doubtful", "{doubtful_links:,}"), ("unofficial", "{unofficial_links:,}"),
                    ("firms", "{firms:,}"), ("split", lambda row: _share(row, "split")),
                    ("through doubtful", lambda row: _share(row, "doubtful")),
                    ("through unofficial", lambda row: _share(row, "unofficial")),
                    ("no link", lambda row: _share(row, "unlinked")),
                ),
                [dataclasses.asdict(row) for row in rows],
                whole=range(6, 10),
            )  # fmt: skip


def _share(row: Any, part: str) -> str:
    whole = row["firms"]
    return f"{row[part]:,.0f} ({row[part] / whole:.1%})" if whole else "0"


def _name(row: Any) -> str:
    """The name, and the English one where it is another."""
    name, english = row["name"], row["name_en"]
    return f"{english} ({name})" if english and english != name else str(name)


def _section(row: Any) -> str:
    return row["section_name_en"] or row["section_name"] or ""


def _settings(row: Any) -> str:
    said = [row["method"], f"{row['draws']:,} draws", f"seed {row['seed']}"]
    said += [row["cost"]] if row["cost"] != "sqeuclidean" else []
    said += [f"min firms {row['min_firms']}"] if row["min_firms"] > 1 else []
    said += [f"pile-ups {row['pile_ups']}"] if row["pile_ups"] != "keep" else []
    said += [row["direction"]] if row["direction"] != "from-fixed" else []
    return ", ".join(said)


def _years(years: list[int] | None) -> str:
    return ", ".join(str(year) for year in years or ())


def _when(moment: Any) -> str:
    return "nothing finished" if moment is None else f"{moment:%Y-%m-%d %H:%M}"

"""`coagg layouts`: which files can be read."""

from __future__ import annotations

from coagg.cli.options import Json
from coagg.console import Answer


def layouts(json: Json = False) -> None:
    """Show which files of firms can be read, and how to add one."""
    from coagg.etl.firms import layouts as files

    with Answer(json) as answer:
        rows = files.describe_layouts()
        last = ""
        for row in rows:
            if row.layout != last:
                answer.say(f"{row.layout}  {row.about}")
                last = row.layout
            found = f"longitude {row.lon}, latitude {row.lat}, industry {row.industry_code}"
            said = ", ".join(filter(None, (row.country, row.datum)))
            answer.say(f"    {row.survey_years}: {found} ({said})")
        answer.say(f"\n{files.how_to()}", layouts=[row._asdict() for row in rows])

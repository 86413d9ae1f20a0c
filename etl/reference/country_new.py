"""A new country: a folder with a commented description and templates of its files."""

from __future__ import annotations

import shutil
from pathlib import Path

from coagg.errors import CoaggError
from coagg.etl.reference import countries
from coagg.etl.reference.country import CODE

TEMPLATE = countries.SHIPPED.with_name("country_template")


def new_country(code: str, out: Path | None = None) -> list[Path]:
    """Write the folder of a new country; returns its files.

    `out` is the folder itself, by default the country's own among the user's. Raises CoaggError for
    a code that is none, and for a folder that is there and not empty.
    """
    code = code.strip().upper()
    if not CODE.fullmatch(code):
        raise CoaggError(f"country {code!r}: write its two letters of ISO 3166, such as MX")
    folder = out or countries.own_folder() / code
    if folder.name.upper() != code:
        folder = folder / code
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CoaggError(f"{folder}: is there already; take it away, or name another --out")
    try:
        for name in ("boundaries", "concordances"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        made = []
        for template in sorted(path for path in TEMPLATE.rglob("*") if path.is_file()):
            name = str(template.relative_to(TEMPLATE)).replace("xx_", f"{code.lower()}_")
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            text = template.read_text(encoding="utf-8")
            text = text.replace("XX", code).replace("xx_", f"{code.lower()}_")
            file.write_text(text.replace("xx2017", f"{code.lower()}2017"), encoding="utf-8")
            made.append(file)
    except OSError as fault:
        shutil.rmtree(folder, ignore_errors=True)
        raise CoaggError(f"{folder}: cannot be written: {fault.strerror or fault}") from None
    return made

"""The description of a country, `country.toml`: read, and every fault of it named."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.reference.country import CODE, Areas, Classification, Country, plain

KNOWN: dict[str, dict[str, type]] = {
    "": {
        "code": str, "name": str, "names": list, "areas": dict, "coordinates": dict,
        "industry": dict, "firms": dict, "classification": list,
    },
    "areas": {
        "file": str, "layer": str, "crs": str, "code": str, "code_pattern": str, "name": str,
        "name_en": str, "names": str, "parent": str, "parent_pattern": str, "source": str,
        "box": list, "unadministered": list, "place_codes": str, "place_code_digits": int,
    },
    "coordinates": {"datums": list, "datum": str},
    "industry": {"classification": str, "divisions": str, "preferred": str, "several_codes": bool},
    "firms": {"ids": str},
    "classification": {
        "name": str, "title": str, "file": str, "digits": list, "code": str, "short": list,
    },
}  # fmt: skip
NEEDED = {
    "": ("code", "name", "areas"),
    "areas": ("file", "code", "name", "source"),
    "classification": ("name",),
}
FIRM_IDS = ("organisation_code",)  # checks of ids there are
_TYPES = {
    str: "text in quotes", list: "a list in brackets", dict: "a table", int: "a whole number",
    bool: "true or false",
}  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SPAN = re.compile(r"([0-9]{2})(?:-([0-9]{2}))?")
_UNFILLED = "FILL IN"


def read_country(file: Path) -> tuple[Country | None, list[str]]:
    """The country of a description, and the faults in one line each; None where there are any."""
    return _Reader(file).read()


class _Reader:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.faults: list[str] = []
        self.lines: list[str] = []

    def fault(self, key: str, said: str, value: str | None = None) -> None:
        """Note a fault at the line of a key (`areas.code`), where it can be found."""
        name = key.rpartition(".")[2]
        section = key.rpartition(".")[0]
        at, inside = None, section == ""
        for number, line in enumerate(self.lines, start=1):
            if head := re.match(r"\s*\[+\s*([a-z_]+)\s*\]+", line):
                inside = head[1] == section
                at = number if inside and at is None else at
            elif (
                inside
                and re.match(rf"\s*{re.escape(name)}\s*=", line)
                and (value is None or value in line)
            ):
                at = number
                break
        self.faults.append(f"{self.file}{f' line {at}' if at else ''}: {said}")

    def read(self) -> tuple[Country | None, list[str]]:
        try:
            text = self.file.read_text(encoding="utf-8-sig")
            entries = tomllib.loads(text)
        except OSError as fault:
            return None, [f"{self.file}: cannot be read: {fault.strerror or fault}"]
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
            return None, [f"{self.file}: is no TOML in UTF-8: {' '.join(str(fault).split())}"]
        self.lines = text.splitlines()
        self.check("", entries)
        for name in ("areas", "coordinates", "industry", "firms"):
            if isinstance(entries.get(name), dict):
                self.check(name, entries[name])
        rows = entries.get("classification", [])
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict):
                self.check("classification", row)
            else:
                self.fault("classification", "write [[classification]], once for each")
        if self.faults:
            return None, self.faults
        country = self.country(entries)
        return (None if self.faults else country), self.faults

    def check(self, where: str, entry: dict[str, Any]) -> None:
        """Unknown and missing keys, values of another kind, places still to fill in."""
        known = KNOWN[where]
        dot = f"{where}." if where else ""
        for name, value in entry.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"do you mean {near[0]}?" if near else f"known are {', '.join(known)}"
                self.fault(dot + name, f"unknown entry {dot}{name}; {hint}")
            elif not isinstance(value, known[name]) or (
                known[name] is int and isinstance(value, bool)
            ):
                wanted = _TYPES[known[name]]
                self.fault(dot + name, f"{dot}{name} is {value!r}; {wanted} is wanted")
            elif isinstance(value, str) and (_UNFILLED in value or not value.strip()):
                self.fault(dot + name, f"{dot}{name} is {value!r}; fill it in, or take it out")
        for name in NEEDED.get(where, ()):
            if name not in entry:
                self.fault(dot + name, f"{dot}{name} is missing; write {name} = ...")

    def country(self, entries: dict[str, Any]) -> Country:
        folder, code = self.file.parent, entries["code"]
        if not CODE.fullmatch(code):
            self.fault("code", f"code is {code!r}; write two capital letters (ISO 3166)")
        elif folder.name.upper() != code:
            self.fault("code", f"code is {code!r}; its folder is {folder.name}, name it {code}")
        datums = self.datums(entries.get("coordinates", {}))
        industry = entries.get("industry", {})
        found = tuple(self.classification(folder, row) for row in entries.get("classification", ()))
        names = [one.name for one in found]
        for name in {name for name in names if names.count(name) > 1}:
            self.fault("classification.name", f"classification {name} stands there twice", name)
        chosen = industry.get("classification") or (names[-1] if names else None)
        if chosen is not None and chosen not in names:
            self.fault(
                "industry.classification",
                f"industry.classification is {chosen!r}; it must be one of "
                f"{', '.join(names) or 'the [[classification]] entries, of which there is none'}",
            )
        ids = entries.get("firms", {}).get("ids")
        if ids is not None and ids not in FIRM_IDS:
            self.fault("firms.ids", f"firms.ids is {ids!r}; use {', '.join(FIRM_IDS)}")
        words = [code, entries["name"], *map(str, entries.get("names", ()))]
        return Country(
            folder=folder,
            code=code,
            name=entries["name"],
            names=frozenset(map(plain, words)),
            areas=self.areas(folder, entries["areas"]),
            datums=datums,
            datum=self.datum(entries.get("coordinates", {}), datums),
            classifications=found,
            classification=chosen,
            divisions=self.divisions("industry.divisions", industry.get("divisions", "01-99")),
            preferred=self.divisions("industry.preferred", industry.get("preferred", "")),
            several_codes=industry.get("several_codes", False),
            firm_ids=ids,
        )

    def areas(self, folder: Path, entry: dict[str, Any]) -> Areas:
        for name in ("code_pattern", "parent_pattern"):
            self.pattern(f"areas.{name}", entry.get(name), groups=1)
        box = entry.get("box")
        if box is not None:
            numbers = [v for v in box if isinstance(v, int | float) and not isinstance(v, bool)]
            if (
                len(numbers) != 4
                or len(box) != 4
                or not (-180 <= box[0] < box[2] <= 180 and -90 <= box[1] < box[3] <= 90)
            ):
                self.fault(
                    "areas.box",
                    f"areas.box is {box!r}; write west, south, east, north in degrees, or leave "
                    "it out: it is taken from the areas",
                )
                box = None
        place_codes = entry.get("place_codes")
        if place_codes not in (None, "areas"):
            self.fault(
                "areas.place_codes",
                f'areas.place_codes is {place_codes!r}; write "areas", or put a place_codes.csv '
                "beside this file",
            )
        if "crs" in entry:
            self.crs("areas.crs", entry["crs"])
        digits = entry.get("place_code_digits", 0)
        if not 0 <= digits <= 12:
            self.fault("areas.place_code_digits", f"areas.place_code_digits is {digits}; 0 to 12")
        return Areas(
            file=folder / entry["file"],
            layer=entry.get("layer"),
            crs=entry.get("crs"),
            code=entry["code"],
            code_pattern=entry.get("code_pattern"),
            name=entry["name"],
            name_en=entry.get("name_en"),
            names=folder / entry["names"] if "names" in entry else None,
            parent=entry.get("parent"),
            parent_pattern=entry.get("parent_pattern"),
            source=entry["source"],
            box=None if box is None else (box[0], box[1], box[2], box[3]),
            unadministered=tuple(map(str, entry.get("unadministered", ()))),
            place_codes=place_codes,
            place_code_digits=digits,
        )

    def classification(self, folder: Path, entry: dict[str, Any]) -> Classification:
        name = entry["name"]
        if not _NAME.fullmatch(name) or "_to_" in name:
            self.fault(
                "classification.name",
                f"classification {name!r} is no name; write small letters, digits and _, such as "
                "scian2018, without _to_",
                name,
            )
        digits = entry.get("digits", [])
        if any(not isinstance(one, int) or not 1 <= one <= 12 for one in digits):
            self.fault(
                "classification.digits",
                f"digits of {name} are {digits!r}; write the lengths of its codes, such as "
                "[2, 3, 4]",
            )
            digits = []
        self.pattern("classification.code", entry.get("code"), groups=0)
        return Classification(
            name=name,
            title=entry.get("title", name),
            file=folder / entry.get("file", f"classifications/{name}.csv"),
            digits=tuple(digits),
            code=entry.get("code"),
            short=tuple(map(str, entry.get("short", ()))),
        )

    def datums(self, entry: dict[str, Any]) -> tuple[str, ...]:
        stated = entry.get("datums", ["wgs84"])
        for datum in stated:
            self.crs("coordinates.datums", str(datum))
        if not stated:
            self.fault("coordinates.datums", 'coordinates.datums is empty; write ["wgs84"]')
        return tuple(map(str, stated))

    def datum(self, entry: dict[str, Any], datums: tuple[str, ...]) -> str | None:
        """The datum that is taken without a word; None where several can be told by the points."""
        stated = entry.get("datum")
        if stated is not None and stated not in datums:
            self.fault(
                "coordinates.datum",
                f"coordinates.datum is {stated!r}; it must be one of coordinates.datums: "
                f"{', '.join(datums)}",
            )
        if stated is None and len(datums) == 1:
            return datums[0]
        return stated

    def crs(self, key: str, value: str) -> None:
        try:
            coordinates.check_known(value)
        except CoaggError as fault:
            self.fault(key, str(fault), value)

    def pattern(self, key: str, value: str | None, groups: int) -> None:
        if value is None:
            return
        try:
            made = re.compile(value)
        except re.error as fault:
            self.fault(key, f"{key} is no regular expression: {fault}")
            return
        if made.groups < groups:
            self.fault(key, f"{key} is {value!r}; put what is to be kept in ( )")

    def divisions(self, key: str, spans: str) -> frozenset[str]:
        """Two-digit divisions of "06-46" or "10-33, 35"."""
        found: set[str] = set()
        for span in filter(None, (part.strip() for part in spans.split(","))):
            ends = _SPAN.fullmatch(span)
            if ends is None or ends[1] > (ends[2] or ends[1]):
                self.fault(key, f'{key} is {spans!r}; write first and last division, "06-46"')
                return frozenset()
            last = int(ends[2] or ends[1])
            found |= {f"{division:02}" for division in range(int(ends[1]), last + 1)}
        return frozenset(found)

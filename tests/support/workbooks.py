"""Workbooks made for tests."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape


def write_xlsx(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    """The least workbook that is one: cells of strings, numbers and booleans."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"

    def cell(value: object) -> str:
        if value is None:
            return "<c/>"
        if isinstance(value, bool):
            return f'<c t="b"><v>{int(value)}</v></c>'
        if isinstance(value, int | float):
            return f"<c><v>{value!r}</v></c>"
        text = escape(str(value))
        return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'

    def relations(kind: str, targets: Iterable[str]) -> str:
        links = "".join(
            f'<Relationship Id="rId{n}" Type="{office}/{kind}" Target="{target}"/>'
            for n, target in enumerate(targets, start=1)
        )
        return f'<Relationships xmlns="{package}/relationships">{links}</Relationships>'

    names = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>'
        for n, name in enumerate(sheets, start=1)
    )
    files = [f"worksheets/sheet{n}.xml" for n in range(1, len(sheets) + 1)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types">'
            '<Default Extension="rels" ContentType="application/xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        archive.writestr("_rels/.rels", relations("officeDocument", ["xl/workbook.xml"]))
        archive.writestr("xl/_rels/workbook.xml.rels", relations("worksheet", files))
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{names}</sheets></workbook>',
        )
        for file, cells in zip(files, sheets.values(), strict=True):
            body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in cells)
            archive.writestr(
                f"xl/{file}",
                f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
            )
    return path

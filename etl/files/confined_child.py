"""Run by `confined` in a process of its own: the sheets of a workbook as Arrow files.

Arguments: workbook, folder for the sheets, bytes of memory that may be used; or a Parquet file
alone, whose footer is read through. Needs nothing of coagg, so that it starts fast.
"""

import contextlib
import json
import sys
from pathlib import Path


def main(workbook: str, folder: str, most: str) -> None:
    """Write each sheet to a file of its number, and the names to names.json."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # no limits on this system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(most), int(most)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import fastexcel
    import pyarrow as pa

    book = fastexcel.read_excel(Path(workbook).read_bytes())
    target = Path(folder)
    for number in range(len(book.sheet_names)):
        sheet = book.load_sheet(number, header_row=None, dtypes="string")
        table = pa.table({})
        if sheet.width and sheet.height:
            table = pa.Table.from_batches([sheet.to_arrow()])
        target_file = str(target / f"{number}.arrow")
        with pa.OSFile(target_file, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        del sheet, table
    (target / "names.json").write_text(json.dumps(book.sheet_names))


def probe(parquet: str) -> None:
    """Look at all that the footer says of columns; a damaged one ends the process."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(parquet) as file:
        for group in range(file.metadata.num_row_groups):
            for column in range(file.metadata.num_columns):
                file.metadata.row_group(group).column(column)


if __name__ == "__main__":
    (main if len(sys.argv) > 2 else probe)(*sys.argv[1:])

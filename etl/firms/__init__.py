"""A survey year of firms: layouts, rows, codes, points, datum, load."""

# Raise when the same file gives other typed rows, flags or refusals, coordinates among them
# (tests/etl/test_reader_codes.py). The rules in sql/transforms/firms count by their text.
FIRM_READER_CODE = 4

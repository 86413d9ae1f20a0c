"""A table file, whatever its format: rows as text, and what means "missing"."""

# Raise when a file gives other rows or headers than before (tests/etl/test_reader_codes.py).
FILE_READER_CODE = 2

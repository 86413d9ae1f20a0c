"""Patents and the citations between them."""

# Raise when the same file gives other typed rows (tests/etl/test_reader_codes.py). The rules in
# sql/transforms count by their text.
PATENT_READER_CODE = 2
CITATION_READER_CODE = 2

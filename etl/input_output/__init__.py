"""Input-output tables of sectors."""

# Raise when the same files give another table or map (tests/etl/test_reader_codes.py).
INPUT_OUTPUT_CODE = 2

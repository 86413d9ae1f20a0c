"""Data base to data base: the index and the comparison indices of a year, unit by unit."""

# Raise when the same firms and settings give another index: cells, projection, treatment of
# pile-ups, costs, draws, calibration (tests/analysis/measurement/test_codes.py).
INDEX_CODE = 1
# Raise when the same cell gives other comparison indices.
COMPARISON_CODE = 1

"""Tables of the paper: specifications as data, estimates as rows, pages from them."""

# Raise when the same panel gives other estimates (tests/analysis/tables/test_estimate_code.py).
ESTIMATE_CODE = 1

"""The panel of cells and ordered pairs: built in SQL, read as arrays."""

# Raise when the same inputs give another panel though the SQL says the same: settings settled in
# Python, a new version of a function of the data base (tests/analysis/panel/test_panel_code.py).
PANEL_CODE = 1

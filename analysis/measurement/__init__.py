"""Data base to data base: the index and the comparison indices of a year, unit by unit."""

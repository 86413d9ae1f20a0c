"""Places, agglomerations, industries, concordances."""

# Raise when the same files of reference data give other rows.
REFERENCE_CODE = 1

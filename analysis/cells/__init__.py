"""The only reader of a cell (agglomeration x survey year): its firms, points, industries."""

OWN = "own"  # the reading of industries as each survey year has them

"""PostGIS to numbers: firm points, transport cost, the index and what follows from it."""

"""A survey year of firms: layouts, rows, codes, points, datum, load."""

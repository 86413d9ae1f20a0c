"""A table file, whatever its format: rows as text, and what means "missing"."""

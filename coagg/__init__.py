"""Directional coagglomeration of industries from geocoded firms, in PostGIS."""

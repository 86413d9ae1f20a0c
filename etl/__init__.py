"""Files to PostGIS: readers, column maps, coordinates, reference data, loaders."""

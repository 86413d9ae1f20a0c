"""The panel of cells and ordered pairs: built in SQL, read as arrays."""

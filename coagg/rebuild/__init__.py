"""Everything from the files to the tables, only what is not up to date."""

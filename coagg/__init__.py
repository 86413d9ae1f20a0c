"""The house above and below etl and analysis: command line, settings, database, private server."""

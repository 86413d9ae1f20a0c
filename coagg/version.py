"""Version of the program, as recorded with every result."""

VERSION = "0.1.0"

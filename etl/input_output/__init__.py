"""Input-output tables of sectors."""

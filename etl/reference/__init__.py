"""Places, agglomerations, industries, concordances."""

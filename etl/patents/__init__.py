"""Patents and the citations between them."""

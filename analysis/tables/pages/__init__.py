"""From stored numbers to paper: layout, notes, and a renderer a format."""

"""Tables of the paper: specifications as data, estimates as rows, pages from them."""

"""What `coagg show` and `coagg map` answer."""

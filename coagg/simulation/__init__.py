"""A made economy whose truth is known, and the judge of what is found."""

"""What a file of firms seems to be, said before it is loaded and with the loader's own functions.

What is no more than likely is called a guess here, with the share of values that speak for it.
"""

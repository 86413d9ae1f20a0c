"""Indices of coagglomeration other than the directional one, computed on the same points.

Employment shares over areas (`employment`), distances between firms (`duranton_overman`), nearest
neighbours (`colocation`), and all of them in one table layout (`pairs`).
"""

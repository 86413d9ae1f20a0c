"""The index, the comparison indices, pools and estimates of a frame: no data base is needed."""

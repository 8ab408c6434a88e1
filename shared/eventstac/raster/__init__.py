"""Metadata of rasters: what a STAC Item needs to know of a file, read from as few of its bytes as possible."""

"""Turns public lists into one compact index: formats, sources, compiling, the index, keywords, the catalogue."""

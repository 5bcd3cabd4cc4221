"""The first start: a school is led from an empty central to its first room."""

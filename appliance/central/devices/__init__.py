"""The school's devices: their names and groups, files of them, and what rooms see of them."""

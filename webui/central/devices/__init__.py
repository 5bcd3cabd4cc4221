"""The school's devices: names, groups, files of them, and those that rooms have seen."""

"""The school's own lesson plans, which every room shows."""

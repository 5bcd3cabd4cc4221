"""A whole school on one machine, to try things on: what `hallpass demo` starts."""

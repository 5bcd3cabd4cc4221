"""The process that makes one delta for `appliance.central.lists.deltas`.

Its arguments are the folders of the two indexes, and the file that is to be made. It ends with 0 where that is
there, and with 1 where the whole index is the better way.
"""

import sys
from pathlib import Path

from appliance.central.lists.deltas import build_delta
from blocklists.errors import ListError


def main() -> None:
    """Make it."""
    old, new, path = map(Path, sys.argv[1:])
    try:
        sys.exit(0 if build_delta(old, new, path) else 1)
    except (ListError, OSError) as problem:
        sys.exit(f"no delta from {old.name} to {new.name}: {problem}")


if __name__ == "__main__":
    main()

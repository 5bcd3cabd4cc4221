"""The process that `appliance.central.lists.builder` starts for a build."""

import sys
from pathlib import Path

from appliance.central.lists.builder import read_job, run_child


def main() -> None:
    """Read the job, build it, and write the messages; whatever is printed meanwhile is none of them."""
    output = sys.stdout.buffer
    sys.stdout = sys.stderr
    run_child(read_job(Path(sys.argv[1])), output)


if __name__ == "__main__":
    main()

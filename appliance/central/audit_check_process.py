"""The process that checks the audit for a page (`appliance.central.audit_check`): it reads its job from stdin.

It works at a low priority: whoever opens a page meanwhile comes first.
"""

import os
import sys
from datetime import UTC, datetime

from appliance.central.audit_check import read_job, run_check

_NICENESS = 10


def main() -> None:
    """Read the job, and check."""
    os.nice(_NICENESS)
    run_check(read_job(sys.stdin.buffer.read()), lambda: datetime.now(UTC))


if __name__ == "__main__":
    main()

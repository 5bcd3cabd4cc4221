"""The process that signs for `appliance.central.tuf_repository.list_signer`: a job on stdin, why not on stdout."""

import sys
from pathlib import Path

import msgspec

from appliance.central.key_file import KeyFile
from appliance.central.tuf_repository.list_signer import SignatureJob
from appliance.central.tuf_repository.repository import TufRepository
from appliance.errors import HallpassError


def main() -> None:
    """Do the job."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=SignatureJob)
    repository = TufRepository(Path(job.folder), KeyFile(Path(job.key_file)), job.now)
    try:
        if job.index:
            repository.sign_index(Path(job.index), is_current=job.is_current)
        else:
            repository.renew()
    except (HallpassError, OSError) as problem:
        sys.stdout.write(str(problem))
        sys.exit(1)


if __name__ == "__main__":
    main()

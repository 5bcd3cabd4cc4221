"""`make bench`: every benchmark, one after the other, each beside a peer in the same run.

`python -m tests.bench dns lists` runs those alone. Every benchmark is also a command of its own
(`python -m tests.bench.dns --help`).
"""

import platform
import subprocess
import sys

import dns.cache

BENCHMARKS = (
    "lists",
    "policy",
    "tunnel",
    "recorder",
    "miss",
    "dns",
    "central",
    "central_pages",
    "log_page",
    "open_tabs",
)
_ARGUMENTS = {"central": ("--short",)}  # whole, it takes an hour and wants the machine for itself


def main(asked: list[str]) -> int:
    unknown = [name for name in asked if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}\n")
        return 2
    sys.stdout.write(f"{platform.python_implementation()} {platform.python_version()} ({sys.executable}), ")
    sys.stdout.write(f"{platform.machine()}, {' '.join(platform.python_compiler().split())}\n")
    sys.stdout.write(f"dns: {dns.cache.__file__}\n\n")  # .so: compiled, as `make bench` has it
    status = 0
    for name in asked or BENCHMARKS:
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        command = (sys.executable, "-m", f"tests.bench.{name}", *_ARGUMENTS.get(name, ()))
        status |= subprocess.run(command, check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Lets atheris look for bytes that do harm: `make fuzz`, or `python -m tests.fuzz [TARGET ...] [-OPTION=VALUE]`.

Without a target all of them are run in one process, the first byte of an input choosing which. Options are
libFuzzer's: `-max_total_time=3600` (seconds; the default is an hour), `-runs=100000`, `-seed=1`. What was found
interesting is kept in `.fuzz/corpus`, so that the next run goes on from there; an input that raised is written to
`.fuzz/crash-*` and the run ends with it. Send one through again with `python -m tests.fuzz .fuzz/crash-...`; a
finding becomes a test first (`tests/fuzz/test_targets.py`, `FOUND`), then it is mended.

Needs atheris, which has wheels for x86-64 Linux only; `make fuzz` puts it into an environment of its own, beside
Hallpass, and works for an hour on one core. `make fuzz FUZZ="answering -max_total_time=600"` for less.
"""

import hashlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dns", "dnslib", "h11", "h2", "hpack", "hyperframe"]):
    from tests.fuzz import targets
    from tests.fuzz.seeds import seeds

HOUR = 3600
FOLDER = Path(".fuzz")


def main() -> None:
    chosen = [one for one in sys.argv[1:] if one in targets.TARGETS] or list(targets.TARGETS)
    rest = [one for one in sys.argv[1:] if one not in targets.TARGETS]
    if not any(one.startswith(("-max_total_time", "-runs")) for one in rest):
        rest.append(f"-max_total_time={HOUR}")
    corpus = FOLDER / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    every = list(targets.TARGETS)
    for name in chosen:
        for seed in seeds(name):
            data = bytes((every.index(name),)) + seed
            (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    run = [targets.TARGETS[name] for name in every]
    allowed = [every.index(name) for name in chosen]
    targets.strict()

    def once(data: bytes) -> None:
        at = data[0] if data else 0
        run[at if at in allowed else allowed[at % len(allowed)]](data[1:])

    fixed = [f"-artifact_prefix={FOLDER}/", "-max_len=2048", "-timeout=10"]
    inputs = [] if any(Path(one).is_file() for one in rest) else [str(corpus)]
    atheris.Setup([sys.argv[0], *fixed, *rest, *inputs], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""What one worker of the resolver counts for Prometheus (`appliance.room.metrics`)."""

import mmap
from collections.abc import Iterator

from appliance.metrics.samples import Sample
from dns.policy.compiled_policy import CompiledPolicy
from dns.worker_config import WorkerStatus

MAX_WORKERS = 1024  # of one with a higher number nothing is counted
_BYTES = 4


class WorkerStarts:
    """How often a worker of each number has begun, in memory that workers share. Made before they are forked."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, _BYTES * (MAX_WORKERS + 1))).cast("I")

    def count_start(self, number: int) -> int:
        """Count a start, and return which it is. Called in the worker; of one number there is one at a time."""
        if number > MAX_WORKERS:
            return 1
        self._counts[number] += 1
        return self._counts[number]


def worker_samples(
    number: int, status: WorkerStatus, policy: CompiledPolicy, *, starts: int, index_entries: int, now: float
) -> tuple[Sample, ...]:
    """Return a worker's figures; `now`: Unix seconds."""
    worker = str(number)
    return (
        Sample("hallpass_dns_worker_starts_total", starts, (worker,)),
        Sample("hallpass_dns_cache_hits_total", status.packet_cache_hits, (worker, "packet")),
        Sample("hallpass_dns_cache_hits_total", status.message_cache_hits, (worker, "message")),
        Sample("hallpass_dns_forwarded_queries_total", status.forwarded_queries, (worker,)),
        Sample("hallpass_log_unconfirmed_records", status.unconfirmed_records, (worker,)),
        Sample("hallpass_log_nameless_answers_total", status.nameless_answers, (worker,)),
        Sample("hallpass_index_entries", index_entries, (worker,)),
        Sample("hallpass_policy_version", status.policy_version, (worker,)),
        Sample("hallpass_openings_running", _count_openings(policy, now), (worker,)),
        *_upstream_samples(worker, status),
    )


def _upstream_samples(worker: str, status: WorkerStatus) -> Iterator[Sample]:
    for state in status.upstream_states:
        labels = (worker, state.server)
        yield Sample("hallpass_upstream_up", state.down_since is None, labels)
        if state.latency is not None:
            yield Sample("hallpass_upstream_latency_seconds", round(state.latency, 6), labels)
        yield Sample("hallpass_upstream_answers_total", state.counts.answers, labels)
        yield Sample("hallpass_upstream_timeouts_total", state.counts.timeouts, labels)
        yield Sample("hallpass_upstream_failures_total", state.counts.failures, labels)


def _count_openings(policy: CompiledPolicy, now: float) -> int:
    return sum(
        (one.since is None or one.since.timestamp() <= now) and now < one.until.timestamp()
        for one in policy.document.unblocks
    )

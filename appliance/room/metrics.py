"""A room's figures for Prometheus: each process writes its own beside its health; here they are put together.

`METRICS` is the table of all of them; `docs/metrics.md` repeats it (a test compares). What a process counts begins
at nothing whenever it is started, as counters may.
"""

import shutil
from collections.abc import Callable, Iterator
from importlib import metadata

from appliance.metrics.samples import Metric, Sample, render_samples
from appliance.room import health
from appliance.room.conditions import Condition
from appliance.room.paths import RoomPaths

METRICS = (
    Metric("hallpass_build_info", "gauge", "Which version of Hallpass runs; always 1.", ("version",)),
    Metric("hallpass_process_up", "gauge", "Whether a process of the room says that it works.", ("process",)),
    Metric("hallpass_condition", "gauge", "Whether something is so that a person should know.", ("condition",)),
    Metric("hallpass_dns_answers_total", "counter", "Answers given, as the log counts them.", ("verdict",)),
    Metric(
        "hallpass_dns_cache_hits_total",
        "counter",
        "Answers that were remembered: whole (packet), or before a decision (message).",
        ("worker", "cache"),
    ),
    Metric(
        "hallpass_dns_forwarded_queries_total",
        "counter",
        "Questions that nobody remembered, so that a name server outside was asked.",
        ("worker",),
    ),
    Metric(
        "hallpass_dns_worker_starts_total",
        "counter",
        "How often a worker began: with the resolver, with new settings, or in the place of one that died.",
        ("worker",),
    ),
    Metric("hallpass_upstream_up", "gauge", "Whether a name server outside answers well.", ("worker", "upstream")),
    Metric(
        "hallpass_upstream_latency_seconds",
        "gauge",
        "How long a name server outside takes, smoothed.",
        ("worker", "upstream"),
    ),
    Metric("hallpass_upstream_answers_total", "counter", "Answers from outside.", ("worker", "upstream")),
    Metric(
        "hallpass_upstream_timeouts_total",
        "counter",
        "Questions that a name server outside left unanswered.",
        ("worker", "upstream"),
    ),
    Metric(
        "hallpass_upstream_failures_total",
        "counter",
        "Failures from outside: SERVFAIL, REFUSED and the like.",
        ("worker", "upstream"),
    ),
    Metric("hallpass_log_unconfirmed_records", "gauge", "Records that a worker still holds.", ("worker",)),
    Metric("hallpass_log_waiting_batches", "gauge", "Batches of records that wait for the disk."),
    Metric("hallpass_log_write_failures_total", "counter", "How often the log could not be written."),
    Metric("hallpass_log_deleted_rows_total", "counter", "Rows deleted before their time: the log was full."),
    Metric(
        "hallpass_log_nameless_answers_total",
        "counter",
        "Answers logged without their names: too many waited.",
        ("worker",),
    ),
    Metric("hallpass_index_entries", "gauge", "Entries of the lists in use.", ("worker",)),
    Metric("hallpass_index_age_seconds", "gauge", "Since central last named the lists in use, or they came."),
    Metric("hallpass_policy_version", "gauge", "Which version of the school's policy is in use.", ("worker",)),
    Metric("hallpass_policy_in_step", "gauge", "Whether the policy is the one that central named last."),
    Metric(
        "hallpass_policy_in_step_timestamp_seconds",
        "gauge",
        "When central could last be reached while the room was up to date; Unix time.",
    ),
    Metric("hallpass_openings_running", "gauge", "Openings that hold in this room now.", ("worker",)),
    Metric("hallpass_central_reachable", "gauge", "Whether central can be reached."),
    Metric("hallpass_outbox_messages", "gauge", "Messages that wait to be sent to central."),
    Metric("hallpass_disk_size_bytes", "gauge", "The size of the disk that holds the room's data."),
    Metric("hallpass_disk_free_bytes", "gauge", "What of it is free."),
)


def render_room(paths: RoomPaths, now: Callable[[], float]) -> bytes:
    """Return a room's figures in Prometheus' text format."""
    return render_samples(METRICS, (*_own_samples(), *_process_samples(paths, now()), *_disk_samples(paths)))


def _own_samples() -> Iterator[Sample]:
    yield Sample("hallpass_build_info", 1, (metadata.version("hallpass"),))


def _process_samples(paths: RoomPaths, now: float) -> Iterator[Sample]:
    found = health.read_health(paths.health_folder, now)
    raised = {condition for process in found for condition in process.conditions}
    for condition in Condition:
        yield Sample("hallpass_condition", condition in raised, (condition.value,))
    up = {one.process: Condition.STOPPED not in one.conditions for one in found if not one.lasting}
    for process in sorted({*health.NEEDED_PROCESSES, *up}):
        yield Sample("hallpass_process_up", up.get(process, False), (process,))
    for one in found:
        if up.get(one.process):  # what a dead process counted is no news
            yield from one.samples


def _disk_samples(paths: RoomPaths) -> Iterator[Sample]:
    try:
        usage = shutil.disk_usage(paths.data)
    except OSError:
        return
    yield Sample("hallpass_disk_size_bytes", usage.total)
    yield Sample("hallpass_disk_free_bytes", usage.free)

"""Samples become Prometheus' text; what is none becomes nothing."""

from appliance.metrics.samples import Metric, Sample, render_samples

TABLE = (
    Metric("hallpass_asked_total", "counter", "How often it was asked.", ("worker",)),
    Metric("hallpass_size_bytes", "gauge", "How large it is."),
    Metric("hallpass_unknown", "gauge", "Of which nothing is known."),
)


def test_samples_are_written_as_prometheus_reads_them() -> None:
    samples = [Sample("hallpass_asked_total", 3, ("1",)), Sample("hallpass_size_bytes", True)]
    assert render_samples(TABLE, samples).decode() == (
        "# HELP hallpass_asked_total How often it was asked.\n# TYPE hallpass_asked_total counter\n"
        'hallpass_asked_total{worker="1"} 3.0\n'
        "# HELP hallpass_size_bytes How large it is.\n# TYPE hallpass_size_bytes gauge\n"
        "hallpass_size_bytes 1.0\n"
    )


def test_what_no_row_names_or_is_no_number_is_left_out() -> None:
    samples = [
        Sample("hallpass_other", 1),
        Sample("hallpass_asked_total", 1),
        Sample("hallpass_asked_total", 1, ("1", "2")),
        Sample("hallpass_size_bytes", float("nan")),
        Sample("hallpass_size_bytes", None),
        Sample("hallpass_unknown", float("inf")),
    ]
    assert render_samples(TABLE, samples) == b""


def test_no_label_breaks_out_of_its_line() -> None:
    said = render_samples(TABLE, [Sample("hallpass_asked_total", 1, ('a"\n\\} 9',))]).decode()
    assert 'hallpass_asked_total{worker="a\\"\\n\\\\} 9"} 1.0\n' in said
